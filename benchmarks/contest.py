"""Contenders timed alternately in one process and measured for memory in a process each; the table is written to docs/.

A benchmark is a module with ``contenders() -> dict[name, maker]``, where a maker prepares everything and returns the
call to be measured. ``python -m benchmarks.<module>`` runs it.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from benchmarks import machine

Call = Callable[[], object]
Maker = Callable[[], Call]
DOCS = Path(__file__).parents[1] / "docs" / "benchmarks"
THREADS = 2


@dataclass(frozen=True)
class Result:
    """What was measured of one contender."""

    name: str
    seconds: dict[str, float]  # by allocator mode, the median
    peak_bytes: int  # of one call, above what was resident before it


def run(module: str, repeats: int = 9) -> list[Result]:
    """Measure all contenders of a benchmark module."""
    names = _worker(module, "list", mode="retained")
    times = {mode: _worker(module, "time", str(repeats), mode=mode) for mode in machine.ALLOCATOR_MODES}
    peaks = {name: _worker(module, "memory", name, mode="stock") for name in names}
    return [Result(name, {mode: t[name] for mode, t in times.items()}, peaks[name]) for name in names]


def _worker(module: str, *task: str, mode: str) -> dict:
    print(f"{module}: {' '.join(task)} ({mode} memory) ...", file=sys.stderr, flush=True)
    command = [sys.executable, "-m", "benchmarks.contest", module, *task]
    done = subprocess.run(
        command, env=machine.environment(mode, THREADS), stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def _time(makers: dict[str, Maker], repeats: int) -> dict[str, float]:
    calls = {name: make() for name, make in makers.items()}
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for round_ in range(repeats + 2):  # two rounds of warm-up
        for name, call in calls.items():
            started = time.perf_counter()
            call()
            if round_ >= 2:
                seconds[name].append(time.perf_counter() - started)
    return {name: statistics.median(values) for name, values in seconds.items()}


def _memory(make: Maker) -> int:
    call = make()
    before = machine.resident_bytes()
    machine.reset_peak()
    call()
    return machine.peak_bytes() - before


def table(results: list[Result], base: str) -> str:
    """A Markdown table; ratios are to the contender `base`."""
    reference = next(r for r in results if r.name == base)
    lines = [
        f"| contender | ms, memory retained | ms, stock malloc | peak memory of a call, MB | time / {base} |",
        "|---|---:|---:|---:|---:|",
    ]
    for r in results:
        ratio = r.seconds["retained"] / reference.seconds["retained"]
        lines.append(
            f"| {r.name} | {r.seconds['retained'] * 1e3:.1f} | {r.seconds['stock'] * 1e3:.1f} | "
            f"{r.peak_bytes / 1e6:.0f} | {ratio:.2f} |"
        )
    return "\n".join(lines)


def main(module: str, title: str, base: str) -> None:
    """The command line of a benchmark: print the table, and write it to docs/ with --write."""
    parser = argparse.ArgumentParser(description=title)
    parser.add_argument("--write", action="store_true", help="write the table to docs/benchmarks/")
    parser.add_argument("--repeats", type=int, default=9)
    arguments = parser.parse_args()
    results = run(module, arguments.repeats)
    text = f"# {title}\n\n{machine.describe(THREADS)}\n\n{table(results, base)}\n"
    print(text)
    if arguments.write:
        DOCS.mkdir(parents=True, exist_ok=True)
        (DOCS / f"{module.split('.')[-1]}.md").write_text(
            f"{text}\nWritten by `python -m {module} --write`.\n"
        )


if __name__ == "__main__":
    name, task, *rest = sys.argv[1:]
    makers = import_module(name).contenders()
    if task == "list":
        answer: object = list(makers)
    elif task == "time":
        answer = _time(makers, int(rest[0]))
    else:
        answer = _memory(makers[rest[0]])
    print(json.dumps(answer))
