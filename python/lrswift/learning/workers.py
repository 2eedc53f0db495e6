"""Independent tasks on an executor, or here; a worker that dies costs its task a repetition, nothing else."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor, CancelledError
from typing import Any

from ..errors import ArgumentError, ArgumentTypeError, warn

_ATTEMPTS = 3
# by name, so that nothing is imported for them: Dask's words for a worker that died
_DEATHS = {"KilledWorker", "CommClosedError", "FutureCancelledError"}


class Workers:
    """executor: None (run here), anything with `submit(function, argument)`, or a function that makes one.

    When workers die, their tasks are submitted again, to a new executor where a function makes them; if that
    fails too they run in this process, after a warning.
    """

    def __init__(self, executor: Any) -> None:
        self._make = executor if executor is not None and not hasattr(executor, "submit") else None
        if self._make is not None and not callable(executor):
            raise ArgumentTypeError(
                f"executor: got {type(executor).__name__}; allowed: None, an object with `submit`, "
                "or a function that returns one"
            )
        self._executor: Any = executor if self._make is None else None

    def map(
        self, function: Callable[[Any], Any], tasks: Sequence[Any], done: Callable[[Any], None]
    ) -> list[Any]:
        """[function(t) for t in tasks]; `done` is told of each result as soon as it is known here."""
        if self._executor is None and self._make is None:
            results = []
            for task in tasks:
                results.append(function(task))
                done(results[-1])
            return results
        found: dict[int, Any] = {}
        for _ in range(_ATTEMPTS):
            self._attempt(function, tasks, found, done)
            if len(found) == len(tasks):
                break
        else:
            warn(
                f"executor: {len(tasks) - len(found)} of {len(tasks)} tasks failed with their workers; "
                "running them in this process"
            )
            for i in set(range(len(tasks))) - found.keys():
                found[i] = function(tasks[i])
                done(found[i])
        return [found[i] for i in range(len(tasks))]

    def _attempt(
        self,
        function: Callable[[Any], Any],
        tasks: Sequence[Any],
        found: dict[int, Any],
        done: Callable[[Any], None],
    ) -> None:
        if self._executor is None and self._make is not None:
            self._executor = self._make()
        futures: dict[int, Any] = {}
        broken = False
        try:
            for i, task in enumerate(tasks):
                if i not in found:
                    futures[i] = self._executor.submit(function, task)
        except BaseException as error:
            broken = self._is_death(error, tasks)
        for i, future in futures.items():
            try:
                found[i] = future.result()
                done(found[i])
            except BaseException as error:
                broken = self._is_death(error, tasks)
        if broken and self._make is not None:
            self.close()

    def _is_death(self, error: BaseException, tasks: Sequence[Any]) -> bool:
        """True when a worker died; what went wrong in the task itself is raised."""
        if isinstance(error, (BrokenExecutor, CancelledError, EOFError, ConnectionError)):
            return True
        if type(error).__name__ in _DEATHS:
            return True
        if isinstance(error, (pickle.PicklingError, AttributeError, TypeError)):
            _check_picklable(tasks[0])
        raise error

    def close(self) -> None:
        """Shuts down what this made itself."""
        if self._make is not None and self._executor is not None:
            if hasattr(self._executor, "shutdown"):
                self._executor.shutdown(wait=False)
            self._executor = None


def _check_picklable(task: Any) -> None:
    for name in ("make_model", "loss"):
        try:
            pickle.dumps(getattr(task, name, None))
        except Exception as error:
            raise ArgumentError(
                f"{name}: the executor cannot pickle it ({error}); "
                "allowed: a function defined at the top of a module"
            ) from None
