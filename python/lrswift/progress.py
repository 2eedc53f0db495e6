"""A progress bar with the loss and the learning rate; silent when it is not wanted."""

from __future__ import annotations

from typing import Any


class Progress:
    """Use as a context; `total` steps (None: unknown)."""

    def __init__(self, total: int | None, title: str, shown: bool, unit: str = "step") -> None:
        self._bar: Any = None
        self._facts: dict[str, str] = {}
        if shown:
            from tqdm import tqdm

            self._bar = tqdm(total=total, desc=title, unit=unit, dynamic_ncols=True)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def advance(self, steps: int, **facts: float) -> None:
        """`steps` more are done; `facts` are shown beside the bar."""
        self.note(facts)
        if self._bar is not None:
            self._bar.update(steps)

    def note(self, facts: dict[str, float]) -> None:
        """Facts that stay beside the bar until they change."""
        self._facts.update({key: f"{value:.4g}" for key, value in facts.items()})
        if self._bar is not None:
            self._bar.set_postfix(self._facts, refresh=False)

    def say(self, line: str) -> None:
        """A line above the bar, which stays."""
        if self._bar is not None:
            self._bar.write(line)
