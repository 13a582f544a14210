"""Draws progress on stderr: a spinner with the running steps on a terminal, plain lines in a log."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

SHORT_STEP = 2.0  # seconds; an inner step that took less leaves no line behind


class TerminalProgress:
    """A `geocompile.progress.Progress` for the command line.

    Outer steps leave a line with their duration, inner ones only if they took long. Where stderr is no terminal, an
    outer step also says that it begins, so that a log shows what is being waited for.
    """

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._depth = 0
        self._live: Progress | None = None

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Show `title` as running until the context ends."""
        started = time.perf_counter()
        with self._displayed():
            task = self._begin(title)
            self._depth += 1
            done = False
            try:
                yield
                done = True
            finally:
                self._depth -= 1
                if self._live is not None and task is not None:
                    self._live.remove_task(task)
                self._leave_line(title, time.perf_counter() - started, done)

    @contextmanager
    def _displayed(self) -> Iterator[None]:
        """The live display lasts as long as the outermost step."""
        if self._live is not None or not self._console.is_terminal:
            yield
            return
        columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
        self._live = Progress(*columns, console=self._console, transient=True)
        try:
            with self._live:
                yield
        finally:
            self._live = None

    def _begin(self, title: str) -> TaskID | None:
        if self._live is not None:
            return self._live.add_task("  " * self._depth + title, total=None)
        if self._depth == 0:
            self._console.print(f"  {title} ...", markup=False)
        return None

    def _leave_line(self, title: str, seconds: float, done: bool) -> None:
        if self._depth > 0 and (seconds < SHORT_STEP or not done):
            return
        mark = ("✓ ", "green") if done else ("✗ ", "red")
        self._console.print(Text.assemble(mark, "  " * self._depth + title, (f"  {seconds:.1f} s", "dim")))
