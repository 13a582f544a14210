"""The time that a search may take, and how it tells what it is doing."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager

from geocompile.progress import Progress

LIMIT = 120.0  # seconds; a failure is told at once, its cause is worth so much waiting


class OutOfTime(Exception):
    """The limit was reached before the next step."""


class Budget:
    """A limit in seconds, asked before each step of a search.

    Args:
        progress: Where the steps are shown.
        seconds: The limit.
    """

    def __init__(self, progress: Progress, seconds: float = LIMIT) -> None:
        self.seconds = seconds
        self._progress = progress
        self._end = time.monotonic() + seconds

    def step(self, title: str) -> AbstractContextManager[None]:
        """A step of the search.

        Raises:
            OutOfTime: The limit is reached.
        """
        if time.monotonic() > self._end:
            raise OutOfTime
        return self._progress.step(title)
