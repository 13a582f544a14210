"""Runs the sections and prints a table for each; with --write they take their place in docs/benchmarks/kernels.md."""

import argparse
import json
import subprocess
import sys
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType

from benchmarks import machine
from benchmarks.kernels.table import Measured, section_table

SECTIONS = (
    "gather",
    "csr",
    "aggregate",
    "softmax",
    "attention",
    "edge_attention",
    "selection",
    "splines",
    "backward",
    "engine",
    "growth",
    "fps",
    "fps_growth",
    "neighbours",
    "neighbours_radius",
    "neighbours_features",
    "neighbours_growth",
    "clusters",
    "clusters_growth",
    "kernels",
    "grouped",
)
PEERS = ("torch_scatter", "torch_sparse", "torch_cluster", "torch_spline_conv")
THREADS = 2
END = "\n\nWritten by `python -m benchmarks.kernels --write`.\n"
OUTPUT = Path(__file__).parents[2] / "docs" / "benchmarks" / "kernels.md"


def main() -> None:
    arguments = _arguments()
    tables = {}
    for name in arguments.sections or SECTIONS:
        module = import_module(f"benchmarks.kernels.{name}")
        tables[module.TITLE] = section_table(module, _measure(module, arguments))
        print(f"\n{tables[module.TITLE]}", flush=True)
    if arguments.write:
        _write(_heading(arguments), tables)


def _write(heading: str, tables: dict[str, str]) -> None:
    """The tables in the order of the sections; those that were not measured now stay as they are."""
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    stored = OUTPUT.read_text() if OUTPUT.exists() else ""
    for part in stored.removesuffix(END).split("\n\n## ")[1:]:
        tables.setdefault(part.split("\n", 1)[0], f"## {part.strip()}")
    titles = [import_module(f"benchmarks.kernels.{name}").TITLE for name in SECTIONS]
    parts = [heading, *(tables[title] for title in titles if title in tables)]
    OUTPUT.write_text("\n\n".join(parts) + END)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kernels", description=__doc__)
    parser.add_argument("sections", nargs="*", choices=[*SECTIONS, []], help="all by default")
    parser.add_argument("--write", action="store_true", help=f"write {OUTPUT.name} to docs/benchmarks")
    parser.add_argument(
        "--seconds",
        type=float,
        default=0.5,
        help="for each contender in each process, seven rounds at the least",
    )
    parser.add_argument(
        "--processes",
        type=int,
        default=3,
        help="how often a setting is measured afresh; others on the machine slow one down, never speed it up",
    )
    parser.add_argument(
        "--mode",
        choices=machine.ALLOCATOR_MODES,
        default="retained",
        help="whether freed memory stays in the process (as in a service) or goes back to the system",
    )
    return parser.parse_args()


def _heading(arguments: argparse.Namespace) -> str:
    peers = ", ".join(f"{peer} {_version(peer)}" for peer in PEERS)
    return (
        f"# Operators beside their peers\n\n{machine.describe(THREADS)}, {peers}; allocator mode: {arguments.mode}; "
        f"copy bandwidth {machine.copy_bandwidth(THREADS) / 1e9:.1f} GB/s (bytes read and written).\n\n"
        "Milliseconds: calls made in turns in one process, the median of each contender, and of these the best "
        f"of {arguments.processes} processes. A goal is met where the last column says so; peers that are not "
        "installed are left out (`make peers`)."
    )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _measure(module: ModuleType, arguments: argparse.Namespace) -> dict[str, Measured]:
    measured = {}
    for setting in module.SETTINGS:
        runs = [
            _worker(arguments.mode, "time", module, setting, str(arguments.seconds))
            for _ in range(arguments.processes)
        ]
        times = {name: min(run[name] for run in runs) for name in runs[0]}
        peaks = {}
        if getattr(module, "MEASURES_MEMORY", False):
            peaks = {name: _worker("stock", "memory", module, setting, name) for name in times}
        measured[setting] = Measured(times, peaks)
    return measured


def _worker(mode: str, task: str, module: ModuleType, setting: str, argument: str) -> dict | int:
    print(f"{module.TITLE}: {setting}, {task} {argument} ...", file=sys.stderr, flush=True)
    command = [sys.executable, "-m", "benchmarks.kernels.worker", task, module.__name__, setting, argument]
    done = subprocess.run(
        command, env=machine.environment(mode, THREADS), stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    main()
