"""How work that takes a while tells its caller what it is doing."""

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol


class Progress(Protocol):
    """What `compile` and `verify` report to; the command line draws it, a library caller may ignore it."""

    def step(self, title: str) -> AbstractContextManager[None]:
        """Return a context that lasts as long as the step called `title`; steps may be nested."""
        ...


class SilentProgress:
    """The default: says nothing."""

    def step(self, title: str) -> AbstractContextManager[None]:
        """Return a context that does nothing."""
        return nullcontext()


def or_silent(progress: Progress | None) -> Progress:
    """Return `progress`, or the silent one where the caller gave none."""
    return SilentProgress() if progress is None else progress
