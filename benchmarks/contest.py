"""Contenders timed in turns in one process, measured for memory in a process each; the table is written to docs/.

A benchmark is a module with ``contenders() -> dict[name, maker]``, where a maker prepares everything and returns the
call to be measured. ``python -m benchmarks.<module>`` runs it.
"""

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from benchmarks import machine
from geocompile.measurement.memory import peak_of
from geocompile.timing import time_side_by_side

Call = Callable[[], object]
Maker = Callable[[], Call]
ROOT = Path(__file__).parents[1]
BUILD = ROOT / "build" / "benchmarks"
DOCS = ROOT / "docs" / "benchmarks"
THREADS = 2


@dataclass(frozen=True)
class Result:
    """What was measured of one contender."""

    name: str
    seconds: dict[str, float]  # by allocator mode, the median
    peak_bytes: int  # of one call, above what was resident before it


def run(module: str, seconds: float) -> list[Result]:
    """Measure all contenders of a benchmark module; nothing that an earlier run built is used."""
    shutil.rmtree(BUILD, ignore_errors=True)
    names = _worker(module, "list", mode="retained")
    times = {mode: _worker(module, "time", str(seconds), mode=mode) for mode in machine.ALLOCATOR_MODES}
    peaks = {name: _worker(module, "memory", name, mode="stock") for name in names}
    return [Result(name, {mode: t[name] for mode, t in times.items()}, peaks[name]) for name in names]


def _worker(module: str, *task: str, mode: str) -> dict:
    print(f"{module}: {' '.join(task)} ({mode} memory) ...", file=sys.stderr, flush=True)
    command = [sys.executable, "-m", "benchmarks.contest", module, *task]
    done = subprocess.run(
        command, env=machine.environment(mode, THREADS), stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


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
    parser.add_argument(
        "--seconds", type=float, default=2.0, help="for each contender, at the least seven rounds"
    )
    arguments = parser.parse_args()
    results = run(module, arguments.seconds)
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
        calls = {name: make() for name, make in makers.items()}
        answer = {name: t.p50 for name, t in time_side_by_side(calls, float(rest[0])).items()}
    else:
        answer = peak_of(makers[rest[0]]())
    print(json.dumps(answer))
