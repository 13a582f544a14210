"""What the sections share: graphs and features, goals, and contenders that need a package which may be missing."""

from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec

import numpy as np
import torch
from torch import Tensor

from benchmarks.contest import Maker
from benchmarks.graphs import power_law_edges


@dataclass(frozen=True)
class Graph:
    """A random graph with power-law degrees on both ends, as an edge list and in compressed rows by target."""

    num_nodes: int
    edge_index: Tensor
    rowptr: Tensor
    perm: Tensor
    col: Tensor
    weight: Tensor  # in the order of the edge list

    @property
    def num_edges(self) -> int:
        return self.edge_index.size(1)

    @property
    def sorted_weight(self) -> Tensor:
        return self.weight.index_select(0, self.perm)


@cache
def graph(num_nodes: int, num_edges: int) -> Graph:
    """The same graph for the same sizes."""
    from geocompile.custom_ops import csr_from_coo

    edge_index = torch.from_numpy(power_law_edges(num_nodes, num_edges))
    rowptr, perm, col = csr_from_coo(edge_index[1], torch.empty(num_nodes, 0), edge_index[0])
    weight = torch.from_numpy(np.random.default_rng(1).random(num_edges, dtype=np.float32))
    return Graph(num_nodes, edge_index, rowptr, perm, col, weight)


SMALL, LARGE = (50_000, 500_000), (170_000, 2_300_000)


def features(num_rows: int, *shape: int, seed: int = 2) -> Tensor:
    """Normally distributed float32, in torch's memory: NumPy's is aligned to 16 bytes, rows would lie in two lines."""
    values = np.random.default_rng(seed).standard_normal((num_rows, *shape), dtype=np.float32)
    return torch.from_numpy(values).clone()


def size_name(size: tuple[int, int]) -> str:
    """``170k / 2.3M``."""
    return " / ".join(f"{n / 1e6:g}M" if n >= 1_000_000 else f"{n / 1e3:g}k" for n in size)


def with_peer(package: str, maker: Maker) -> dict[str, Maker]:
    """The contender where its package is installed, none where it is not; the table's heading says which are."""
    return {package: maker} if find_spec(package) else {}


@dataclass(frozen=True)
class Goal:
    """What ours must reach against the best of its rivals: their time (or memory) over ours, at the least `factor`."""

    ours: str
    rivals: tuple[str, ...]
    factor: float
    of: str = "time"


@dataclass(frozen=True)
class Limit:
    """The seconds that ours may take."""

    ours: str
    seconds: float
