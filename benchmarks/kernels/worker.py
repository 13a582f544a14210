"""Measures one setting of one section in this process; the answer is the last line, in JSON."""

import json
import sys
import time
import warnings
from collections.abc import Callable
from importlib import import_module
from typing import Any

from benchmarks import machine
from benchmarks.kernels.work import Counted
from geocompile.measurement.memory import peak_of
from geocompile.timing import MIN_ROUNDS, time_side_by_side

SLOW_ROUND, SLOW_ROUNDS = 1.0, 3  # seconds for one call of each contender, and how many rounds then suffice
PEAKS = 3  # calls whose memory is measured
LONGEST_CALL = 5.0  # seconds; a longer call is made once, for its time alone

Seen = dict[str, Any]


def times(section: str, setting: str, seconds: float) -> dict[str, Seen]:
    """Median seconds of each contender, in turns, and what the counted ones cannot do without."""
    calls = {name: make() for name, make in import_module(section).contenders(setting).items()}
    seen = {name: _first(call) for name, call in calls.items()}
    rounds = MIN_ROUNDS if sum(s["seconds"] for s in seen.values()) < SLOW_ROUND else SLOW_ROUNDS
    repeated = {name: call for name, call in calls.items() if seen[name]["seconds"] < LONGEST_CALL}
    machine.keep_memory()
    for name, timing in time_side_by_side(repeated, seconds, rounds, warm_up=0).items():
        seen[name] |= {"seconds": timing.p50, "calls": timing.calls}
    return seen


def _first(call: Callable[[], object]) -> Seen:
    started = time.perf_counter()
    result = call()
    seen = {"seconds": time.perf_counter() - started, "calls": 1}
    if isinstance(call, Counted):
        seen |= {"bytes_moved": call.bytes_moved(result), "multiply_adds": call.multiply_adds}
    return seen


def peaks(section: str, setting: str, *names: str) -> dict[str, int]:
    """Bytes that a call of each of the contenders adds at its peak to what was resident before it."""
    makers = import_module(section).contenders(setting)
    return {name: _least_peak(makers[name]()) for name in names}


def _least_peak(call: Callable[[], object]) -> int:
    """Of some calls: glibc may put an aligned block of megabytes beside the hole that the last one left.

    A first call comes before them: it also brings what the process keeps, code, threads, tables of a library.
    """
    call()
    return min(peak_of(call) for _ in range(PEAKS))


if __name__ == "__main__":
    warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta")
    task, section, setting, *rest = sys.argv[1:]
    print(
        json.dumps(
            times(section, setting, float(rest[0])) if task == "time" else peaks(section, setting, *rest)
        )
    )
