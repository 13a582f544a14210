"""A file in docs/benchmarks: a heading that says what was measured on, and the tables in the order of the sections."""

import argparse
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks import machine
from benchmarks.kernels.measure import PATIENCE, THREADS
from benchmarks.kernels.worker import LONGEST_CALL, PEAKS

DOCS = Path(__file__).parents[2] / "docs" / "benchmarks"


@dataclass(frozen=True)
class Document:
    """A file of tables."""

    title: str
    package: str  # whose command writes it
    peers: tuple[str, ...]  # whose versions its heading tells

    @property
    def output(self) -> Path:
        """``docs/benchmarks/kernels.md`` of ``benchmarks.kernels``."""
        return DOCS / f"{self.package.rpartition('.')[2]}.md"

    def write(self, arguments: argparse.Namespace, tables: dict[str, str], titles: list[str]) -> None:
        """The tables in the order of `titles`; those that were not measured now stay as they are."""
        end = f"\n\nWritten by `python -m {self.package} --write`.\n"
        self.output.parent.mkdir(parents=True, exist_ok=True)
        stored = self.output.read_text() if self.output.exists() else ""
        for part in stored.removesuffix(end).split("\n\n## ")[1:]:
            tables.setdefault(part.split("\n", 1)[0], f"## {part.strip()}")
        parts = [_heading(self, arguments), *(tables[title] for title in titles if title in tables)]
        self.output.write_text("\n\n".join(parts) + end)


def _heading(document: Document, arguments: argparse.Namespace) -> str:
    """What the tables were measured on, and how to read them."""
    peers = ", ".join(f"{peer} {_version(peer)}" for peer in document.peers)
    return (
        f"# {document.title}\n\n{machine.describe(THREADS)}, {peers}; allocator mode: {arguments.mode}.\n\n"
        "Calls are made in turns in one process: the median of each contender, and of these the best of the "
        f"processes (three by default, fewer where a setting takes more than {PATIENCE:g} s; a call of more than "
        f"{LONGEST_CALL:g} s is made once, for its time alone). Memory is what a call adds at its peak to what was "
        f"resident, the least of {PEAKS} calls. A goal is met where the last column says so; peers "
        "that are not installed are left out (`make peers`).\n\n"
        "Beside our times stands the share of the nearer of two roofs, measured with each table, since others on "
        "the machine take their part of its memory's bandwidth. `copy`: every byte of the inputs and results moved "
        "once, of what copying an array moves that no cache holds. What caches hold can pass 100%; a search or a "
        "gather, which returns to the same bytes again and again, stays far below. `peak`: the multiply-adds of the "
        "formula (none are counted for searches and sorts), of those of torch.mm on float32 matrices of 2,048 x 2,048."
    )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
