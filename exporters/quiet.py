"""Silence for torch's compilers, whose logs and pages of text are reported in three lines of our own."""

from __future__ import annotations

import io
import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr

_ONE_AT_A_TIME = threading.RLock()


@contextmanager
def quiet() -> Iterator[None]:
    """No log below CRITICAL, no warning, nothing on `sys.stderr` while it lasts; afterwards all is as before.

    What it changes belongs to the whole process, so that only one thread at a time is inside; another one waits. A
    thread that is inside may enter again.
    """
    with _ONE_AT_A_TIME:
        level = logging.root.manager.disable
        logging.disable(logging.ERROR)
        try:
            with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
                warnings.simplefilter("ignore")
                yield
        finally:
            logging.disable(level)
