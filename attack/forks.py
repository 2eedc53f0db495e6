"""Children forked at random moments while threads compute.

    python attack/forks.py [--seed S] [--cases N | --seconds T]

Survived: the child trains the same model with the same optimizer and ends by itself, the parent ends with the
weights that it has without a child. Refused: the child gets an error of ours first, and is served when it
asks again.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
import warnings

import numpy as np
from support.campaign import REFUSED, SURVIVED, Attack, Lost, Silent, main
from support.trainee import Run, plan

import lrswift as lr

PATIENCE = 60.0


def use(run: Run, what: str) -> None:
    if what == "fit":
        run.fit(2)
    elif what == "step":
        x, y = lr.tensor(run.x), lr.tensor(run.y)
        run.optimizer.minimize(lambda: lr.nn.functional.cross_entropy(run.model(x), y))
    elif what == "save":
        run.optimizer.load_state_dict(run.optimizer.state_dict())
    else:
        lr.sum(lr.matmul(lr.randn(200, 200), lr.tensor(np.eye(200, dtype="f4")))).item()


def child(run: Run, what: str) -> int:
    """0: done; 3: done when asked again, after an error of ours; 4: another error, or refused twice."""
    for code in (0, 3):
        try:
            use(run, what)
            return code
        except lr.Error as error:
            told = f"{type(error).__name__}: {error}"
        except BaseException as error:
            told = f"{type(error).__name__}: {error}"
            break
    os.write(2, told.encode() + b"\n")
    return 4


def waited(pid: int) -> int:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    raise Lost(f"the child has not ended after {PATIENCE} s")


def case(rng: random.Random) -> str:
    warnings.simplefilter("ignore")
    lr.set_threads(rng.choice([1, 2, 4]))
    of = plan(rng, rng.randint(5, 30))
    what = rng.choice(["fit", "fit", "step", "save", "other"])
    whole = Run(of)
    whole.fit()
    run = Run(of)
    wrong: list[BaseException] = []

    def work() -> None:
        try:
            lr.seed(of.seed)
            run.fit()
        except BaseException as error:
            wrong.append(error)

    # the random state is each thread's own
    lr.seed(of.seed)
    thread = threading.Thread(target=work)
    thread.start()
    codes = []
    for _ in range(rng.randint(1, 4)):
        time.sleep(rng.uniform(0, 0.2))
        pid = os.fork()
        if pid == 0:
            os._exit(child(run, what))
        codes.append(waited(pid))
    thread.join()
    if wrong:
        raise wrong[0]
    if any(code not in (0, 3) for code in codes):
        raise Lost(f"{of.rate}, {what}: children ended with {codes}")
    if not of.dropout and run.model.state_dict().keys() == whole.model.state_dict().keys():
        for name, value in run.model.state_dict().items():
            if np.asarray(value).tobytes() != np.asarray(whole.model.state_dict()[name]).tobytes():
                raise Silent(f"{of}: the parent ends with another {name}")
    use(run, what)
    return REFUSED if 3 in codes else SURVIVED


if __name__ == "__main__":
    main(Attack("forks", case, timeout=120, batch=1, count=20))
