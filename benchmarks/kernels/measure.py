"""Measures a section, each setting in processes of its own."""

import argparse
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from benchmarks import machine

THREADS = 2
PATIENCE = 10.0  # seconds; a setting that has taken longer is not measured in a further process


@dataclass(frozen=True)
class Measured:
    """One contender: its time, what it cannot do without, and the memory of a call where that was asked for."""

    seconds: float
    calls: int
    bytes_moved: int = 0
    multiply_adds: int = 0
    peak_bytes: int | None = None


def measure(module: ModuleType, arguments: argparse.Namespace) -> dict[str, dict[str, Measured]]:
    """What was measured of each contender in each setting."""
    print(f"{module.TITLE}", file=sys.stderr)
    return {setting: _setting(module, setting, arguments) for setting in module.SETTINGS}


def _setting(module: ModuleType, setting: str, arguments: argparse.Namespace) -> dict[str, Measured]:
    print(f"  {setting} ...", end=" ", file=sys.stderr, flush=True)
    started = time.perf_counter()
    runs = [_worker(arguments.mode, "time", module, setting, arguments.seconds)]
    while len(runs) < arguments.processes and time.perf_counter() - started < PATIENCE:
        runs.append(_worker(arguments.mode, "time", module, setting, arguments.seconds))
    best = {name: min((run[name] for run in runs), key=lambda seen: seen["seconds"]) for name in runs[0]}
    peaks = {}
    if getattr(module, "MEASURES_MEMORY", False):
        slow = getattr(module, "MEASURES_SLOW_CALLS", False)
        names = [name for name, seen in best.items() if slow or seen["calls"] > 1]
        peaks = _worker("stock", "memory", module, setting, *names)
    print(f"{len(runs)} processes, {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
    return {name: Measured(**seen, peak_bytes=peaks.get(name)) for name, seen in best.items()}


def _worker(mode: str, task: str, module: ModuleType, setting: str, *arguments: object) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.kernels.worker", task, module.__name__, setting]
    command += map(str, arguments)
    done = subprocess.run(
        command, env=machine.environment(mode, THREADS), stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])  # type: ignore[no-any-return]
