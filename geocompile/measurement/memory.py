"""Peak memory of one call, measured by the kernel's own high-water mark of this process (Linux only)."""

import ctypes
import re
from collections.abc import Callable
from pathlib import Path

_STATUS = Path("/proc/self/status")
_CLEAR_REFS = Path("/proc/self/clear_refs")


class CannotMeasure(Exception):
    """This system does not tell the peak memory of a process; the message says why."""


def peak_of(call: Callable[[], object]) -> int:
    """Bytes that `call` takes at its peak on top of what the process holds before it.

    Memory that the process has freed and not given back is given back first: otherwise the call would find it there
    and seem to need none.

    Raises:
        CannotMeasure: The kernel has no such figure.
    """
    _give_back_free_memory()
    before = _status("VmRSS")
    try:
        _CLEAR_REFS.write_text("5")  # the high-water mark falls to what is resident now
    except OSError as error:
        raise CannotMeasure(f"the kernel does not reset the peak of a process ({error.strerror})") from None
    call()
    return max(0, _status("VmHWM") - before)


def _give_back_free_memory() -> None:
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc; musl gives memory back by itself
    if trim is not None:
        trim(0)


def _status(field: str) -> int:
    try:
        found = re.search(rf"{field}:\s+(\d+) kB", _STATUS.read_text())
    except OSError:
        found = None
    if found is None:
        raise CannotMeasure("this system has no /proc/self/status with the memory of a process")
    return int(found[1]) * 1024
