"""Training processes killed at random moments and started again, against the run that nobody disturbed.

    python attack/kills.py [--seed S] [--cases N | --seconds T]

Each case is a random network, rate and batch size with a checkpoint after every epoch. The process is killed
(SIGKILL) one to four times, at moments spread over a run's length, also while it writes. Survived: the last
process ends with the weights, the optimizer's state and the losses of the undisturbed run, to the bit, and
nothing but the checkpoint is in its folder.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from support.campaign import SURVIVED, Attack, Lost, Silent, main
from support.trainee import Plan, Run, plan

EPOCHS = 40


def trainee(described: str, path: str) -> None:
    run = Run(Plan(**json.loads(described)))
    print("ready", flush=True)
    started = time.monotonic()
    history = run.fit(checkpoint=path, resume=True)
    losses = history.losses.tobytes().hex()
    print(json.dumps([run.digest(), losses, time.monotonic() - started]), flush=True)


def start(of: Plan, path: Path) -> subprocess.Popen[str]:
    command = [sys.executable, __file__, "--trainee", json.dumps(of.told()), str(path)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stdout is not None
    if child.stdout.readline() != "ready\n":
        raise RuntimeError(child.communicate()[1][-500:])
    return child


def finished(child: subprocess.Popen[str]) -> list[object]:
    out, errors = child.communicate()
    if child.returncode:
        raise Lost(f"the resumed run ends with {child.returncode}: {errors.strip()[-300:]}")
    return json.loads(out)


def case(rng: random.Random) -> str:
    of = plan(rng, EPOCHS)
    with tempfile.TemporaryDirectory() as folder:
        *whole, seconds = finished(start(of, Path(folder) / "undisturbed"))
        (Path(folder) / "undisturbed").unlink()
        path = Path(folder) / "run"
        for _ in range(rng.randint(1, 4)):
            child = start(of, path)
            time.sleep(rng.uniform(0, 0.7 * float(str(seconds))))
            child.kill()
            child.communicate()
        *resumed, _ = finished(start(of, path))
        left = sorted(p.name for p in Path(folder).iterdir())
    if resumed != whole:
        raise Silent(f"{of}: resumed, it ends with other {'weights' if resumed[0] != whole[0] else 'losses'}")
    if left != ["run"]:
        raise Lost(f"{of}: left behind: {left}")
    return SURVIVED


if __name__ == "__main__":
    if sys.argv[1:2] == ["--trainee"]:
        trainee(*sys.argv[2:])
    else:
        main(Attack("kills", case, timeout=180, batch=50, count=25))
