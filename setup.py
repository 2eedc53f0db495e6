"""Builds liblrswift.so with `swift build`, puts it into the package, and links lrswift._core against it.

LRSWIFT_SWIFT_BUILD_DIR names Swift's scratch folder (default: .build beside this file), so that
repeated builds are incremental wherever they start from.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.sdist import sdist

ROOT = Path(__file__).resolve().parent
LIBRARY = "liblrswift.so"
SYSTEM_PACKAGES = "apt-get install python3-dev libopenblas-dev"


def version() -> str:
    """The one place where the version is written is the library itself."""
    source = ROOT / "Sources" / "CInterface" / "LibraryABI.swift"
    found = re.search(r'"(\d+\.\d+\.\d+[^"]*)"', source.read_text())
    if found is None:
        raise SystemExit(f"{source}: no version in it")
    return found[1]


def long_description() -> str:
    """README.md for those who read it elsewhere: its links lead to the repository."""
    home = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]["Source"]
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    here = r"(?![a-z]+:|#|/)"
    text = re.sub(rf"(!\[[^]]*\]\(){here}", rf"\1{home}/raw/main/", text)
    text = re.sub(rf"((?:src|srcset)=\"){here}", rf"\1{home}/raw/main/", text)
    return re.sub(rf"((?<!!)\[(?:[^][]|\[[^]]*\])*\]\(|href=\"){here}", rf"\1{home}/blob/main/", text)


def stop(reason: str) -> None:
    """Ends the build; printed last, where pip's users look."""
    sys.stderr.write(f"\nlrswift cannot be built: {reason}\n")
    raise SystemExit(1)


def find_swift() -> str:
    swift = shutil.which("swift")
    if swift is None:
        stop(
            "no `swift` on the PATH. Install a Swift 6 toolchain (https://www.swift.org/install), try again."
        )
    told = subprocess.run([swift, "--version"], capture_output=True, text=True)
    found = re.search(r"Swift version (\d+)\.(\d+)", told.stdout + told.stderr)
    if found is None or (int(found[1]), int(found[2])) < (6, 2):
        stop(f"{swift} is not Swift 6.2 or newer (it says: {told.stdout.strip() or told.stderr.strip()}).")
    return swift


def choose_compiler(swift: str) -> list[str]:
    """The C compiler of Python's own build, else the clang that every Swift toolchain brings."""
    named = os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc"
    if shutil.which(shlex.split(named)[0]) is None:
        clang = Path(swift).resolve().parent / "clang"
        if not clang.exists():
            stop(f"no C compiler: neither `{named}` nor {clang}. Install gcc or clang.")
        named = os.environ["CC"] = str(clang)
    return shlex.split(named)


def check_headers(compiler: list[str]) -> None:
    folders = [f"-I{sysconfig.get_path(name)}" for name in ("include", "platinclude")]
    for header in ("Python.h", "cblas.h"):
        command = [*compiler, *folders, "-E", "-x", "c", "-"]
        if subprocess.run(command, input=f"#include <{header}>\n", capture_output=True, text=True).returncode:
            stop(f"the header {header} is missing. On Debian and Ubuntu: {SYSTEM_PACKAGES}")


def build_library(swift: str) -> Path:
    scratch = os.environ.get("LRSWIFT_SWIFT_BUILD_DIR") or str(ROOT / ".build")
    command = [
        *(swift, "build", "-c", "release", "--package-path", str(ROOT), "--scratch-path", scratch),
        *("--product", "lrswift", "-Xswiftc", "-static-stdlib"),
        # without a name of its own the linker writes down where the file was made
        *("-Xlinker", f"-soname={LIBRARY}"),
    ]
    print(shlex.join(command), flush=True)
    if subprocess.run(command, cwd=ROOT).returncode:
        stop("`swift build` failed; its messages are above.")
    told = subprocess.run([*command, "--show-bin-path"], cwd=ROOT, capture_output=True, text=True, check=True)
    return Path(told.stdout.strip().splitlines()[-1]) / LIBRARY


def strip(library: Path, swift: str) -> None:
    """Symbols that only a debugger wants are half of the file."""
    for tool in ("strip", str(Path(swift).resolve().parent / "llvm-strip")):
        if shutil.which(tool):
            subprocess.run([tool, "--strip-unneeded", str(library)], check=True)
            return
    print("neither strip nor llvm-strip found: the library keeps its symbols", flush=True)


def without_run_paths(command: list[str]) -> list[str]:
    """A linker's command as Python was built with, without its `-Wl,-rpath,...`, `-rpath ...` and `-R...`."""
    kept: list[str] = []
    words = iter(command)
    for word in words:
        if word in ("-rpath", "-Wl,-rpath", "-R", "-Wl,-R"):
            next(words, None)
        elif not re.match(r"-Wl,(--?rpath|-R)[,=]|-R[/$.]|-rpath=", word):
            kept.append(word)
    return kept


class BuildWithSwift(build_ext):
    """`build_ext` that makes the Swift library first and ships it beside the module."""

    def run(self) -> None:
        if sys.platform != "linux":
            stop(f"it runs on Linux alone; this is {sys.platform}.")
        swift = find_swift()
        check_headers(choose_compiler(swift))
        built = build_library(swift)
        package = Path(self.build_lib) / "lrswift"
        package.mkdir(parents=True, exist_ok=True)
        shipped = Path(shutil.copy(built, package / LIBRARY))
        strip(shipped, swift)
        for extension in self.extensions:
            extension.library_dirs.append(str(package))
        super().run()
        if self.inplace:
            shutil.copy(shipped, ROOT / "python" / "lrswift" / LIBRARY)

    def build_extensions(self) -> None:
        """The loader looks beside the module alone: not in folders of the machine that built it."""
        for name in ("linker_so", "linker_so_cxx"):
            command = getattr(self.compiler, name, None)
            if command:
                setattr(self.compiler, name, without_run_paths(command))
        self.compiler.runtime_library_dirs = []
        super().build_extensions()

    def get_outputs(self) -> list[str]:
        return [*super().get_outputs(), str(Path(self.build_lib) / "lrswift" / LIBRARY)]


class SdistWithLinks(sdist):
    """`sdist` with every target: of folders that are links to each other setuptools takes only one."""

    def make_release_tree(self, base_dir: str, files: list[str]) -> None:
        targets = sorted((ROOT / "Sources").iterdir())
        sources = [str(p.relative_to(ROOT)) for target in targets for p in target.rglob("*") if p.is_file()]
        super().make_release_tree(base_dir, sorted({*files, *sources}))


core = Extension(
    "lrswift._core",
    sources=sorted(str(p.relative_to(ROOT)) for p in (ROOT / "python" / "src").glob("*.c")),
    depends=["python/src/shim.h", "Sources/CLRSwift/include/lrswift.h"],
    include_dirs=["Sources/CLRSwift/include"],
    libraries=["lrswift"],
    extra_compile_args=[
        "-std=c17",
        "-Wall",
        "-Wextra",
        "-Wno-missing-field-initializers",
        "-fvisibility=hidden",
    ],
    extra_link_args=["-Wl,-rpath,$ORIGIN", "-s"],
    py_limited_api=True,
)

setup(
    version=version(),
    long_description=long_description(),
    long_description_content_type="text/markdown",
    ext_modules=[core],
    cmdclass={"build_ext": BuildWithSwift, "sdist": SdistWithLinks},
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
