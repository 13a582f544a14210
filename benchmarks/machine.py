"""What a benchmark runs on: the allocator's mode, the bandwidth, the hardware for a table's heading."""

import ctypes
import os
import platform
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

# glibc hands large freed blocks back to the system, so that whoever allocates most pays most page faults. Services
# often keep memory instead; both modes are measured, and every table says which.
ALLOCATOR_MODES = {
    "retained": {
        "MALLOC_MMAP_THRESHOLD_": str(2**32),
        "MALLOC_TRIM_THRESHOLD_": str(2**36),
        "MALLOC_TOP_PAD_": "67108864",
    },
    "stock": {},
}


def environment(mode: str, threads: int) -> dict[str, str]:
    """The environment of a worker process."""
    return {
        **os.environ,
        **ALLOCATOR_MODES[mode],
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
    }


@dataclass(frozen=True)
class Roofs:
    """What the machine does at its best, measured."""

    bytes_a_second: float  # read and written by a copy of an array that no cache holds
    multiply_adds_a_second: float  # of a product of square float32 matrices


def roofs(threads: int, size: int = 2**28, width: int = 2048) -> Roofs:
    """The best of several copies, and of several matrix products."""
    import torch

    torch.set_num_threads(threads)
    source, target = torch.zeros(size // 4), torch.empty(size // 4)
    matrix, product = torch.rand(width, width), torch.empty(width, width)
    return Roofs(
        2 * size / _shortest(lambda: target.copy_(source)),
        width**3 / _shortest(lambda: torch.mm(matrix, matrix, out=product)),
    )


def _shortest(call: Callable[[], object], times: int = 8) -> float:
    seconds = []
    for _ in range(times):
        started = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def keep_memory() -> None:
    """In the mode that retains memory: let the heap hold twice what the process has, touched, before times are taken.

    Raised limits alone do not keep pages in the process: an aligned block that is freed does not fit the next of its
    size where something small has come to lie behind it, the heap grows, and whoever asked pays for its new pages
    (half of the time of a CSR at 30M edges).
    """
    if os.environ.get("MALLOC_TRIM_THRESHOLD_") != ALLOCATOR_MODES["retained"]["MALLOC_TRIM_THRESHOLD_"]:
        return
    libc = ctypes.CDLL(None)
    libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    libc.free.argtypes = [ctypes.c_void_p]
    block, page = 2**28, os.sysconf("SC_PAGE_SIZE")
    resident = page * int(Path("/proc/self/statm").read_text().split()[1])
    wanted = min(max(2**30, 2 * resident), page * os.sysconf("SC_AVPHYS_PAGES") // 2)
    blocks = [libc.malloc(block) for _ in range(wanted // block)]
    for address in filter(None, blocks):
        ctypes.memset(address, 1, block)
    for address in blocks:
        libc.free(address)


def describe(threads: int) -> str:
    """One line for the top of a table."""
    name = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text())
    packages = ", ".join(f"{p} {version(p)}" for p in ("torch", "torch_geometric", "onnxruntime"))
    processor = name[1] if name else platform.processor()
    return f"{processor}, {threads} threads, Python {platform.python_version()}, {packages}"
