"""The lock of everything that changes state of the whole process: tracing, exporting, torch's random state."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock

from geocompile.progress import Progress

_LOCK = RLock()


@contextmanager
def exclusive(progress: Progress) -> Iterator[None]:
    """Hold the process's one lock; a thread that must wait for it says so. The same thread may hold it twice."""
    if not _LOCK.acquire(blocking=False):
        with progress.step("waiting for another thread's compilation"):
            _LOCK.acquire()
    try:
        yield
    finally:
        _LOCK.release()
