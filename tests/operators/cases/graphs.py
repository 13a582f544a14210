"""Small graphs of every kind that has ever broken a kernel."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Graph:
    """Edges from `source` to `target`; CSR by target is made by the tests' own code, not by the operator."""

    name: str
    num_nodes: int
    source: np.ndarray
    target: np.ndarray
    rowptr: np.ndarray = field(init=False)
    perm: np.ndarray = field(init=False)
    col: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        perm = np.argsort(self.target, kind="stable").astype(self.target.dtype)
        counts = np.bincount(self.target, minlength=self.num_nodes)
        rowptr = np.concatenate([[0], np.cumsum(counts)]).astype(self.target.dtype)
        object.__setattr__(self, "perm", perm)
        object.__setattr__(self, "rowptr", rowptr)
        object.__setattr__(self, "col", self.source[perm])

    @property
    def num_edges(self) -> int:
        return len(self.source)


def graphs(index: type = np.int64) -> list[Graph]:
    """One of each kind, with indices of one dtype."""
    rng = np.random.default_rng(7)

    def graph(name: str, num_nodes: int, source: Any, target: Any) -> Graph:
        return Graph(name, num_nodes, np.asarray(source, dtype=index), np.asarray(target, dtype=index))

    return [
        graph("random", 9, rng.integers(0, 9, 40), rng.integers(0, 9, 40)),
        graph("isolated", 8, [1, 1, 2], [2, 2, 1]),  # duplicates, and nodes without edges at both ends
        graph("loops", 4, [0, 1, 1, 2, 1, 3], [0, 1, 2, 2, 1, 0]),  # node 1 has two loops
        graph("star", 7, [1, 2, 3, 4, 5, 6], [0, 0, 0, 0, 0, 0]),
        graph("no-edges", 5, [], []),
        graph("one-node", 1, [0], [0]),
        graph("nothing", 0, [], []),
    ]


def heavy_graph() -> Graph:
    """A row long enough to be cut into chunks, among short ones."""
    rng = np.random.default_rng(11)
    target = np.where(rng.random(30_000) < 0.7, 3, rng.integers(0, 50, 30_000))
    return Graph("heavy-row", 50, rng.integers(0, 50, 30_000), target)
