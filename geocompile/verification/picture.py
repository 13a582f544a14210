"""What a reader needs to see of a graph: the edges of a small one, the density of the adjacency of a large one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from geocompile.verification.inputs import Array, InputSpec, Limit, read_meanings, symbolic_sizes

MAX_NODES, MAX_EDGES = 40, 400
CELLS = 32  # rows and columns of a density


@dataclass(frozen=True)
class Picture:
    """The first edge list of a graph, small enough to be kept.

    Attributes:
        sources: The number of nodes that edges start from.
        targets: The number of nodes that they point at: the same nodes, unless `bipartite`.
        bipartite: Whether sources and targets are different nodes.
        edges: Every edge as (source, target), where the graph is small.
        density: Otherwise the number of edges by blocks of sources (rows) and blocks of targets (columns).
    """

    sources: int
    targets: int
    bipartite: bool = False
    edges: tuple[tuple[int, int], ...] = ()
    density: tuple[tuple[int, ...], ...] = ()


def picture_of(specs: Sequence[InputSpec], inputs: Mapping[str, Array]) -> Picture | None:
    """The picture of a graph; None where no input is an edge list."""
    meanings = read_meanings(specs, inputs)
    found = next((name for name, meaning in meanings.inputs.items() if meaning.kind == "edges"), None)
    if found is None:
        return None
    limits = meanings.inputs[found].limits
    sizes = symbolic_sizes(specs, inputs)
    sources, targets = (_size(limit, sizes) for limit in (limits[0], limits[-1]))
    bipartite = limits[0] != limits[-1]
    edge_index = inputs[found]
    if max(sources, targets) <= MAX_NODES and edge_index.shape[1] <= MAX_EDGES:
        edges = tuple((int(source), int(target)) for source, target in edge_index.T)
        return Picture(sources, targets, bipartite, edges)
    return Picture(sources, targets, bipartite, density=_density(edge_index, sources, targets))


def _size(limit: Limit, sizes: Mapping[str, int]) -> int:
    return min(sizes[name] if name in sizes else int(name) for name in limit)


def _density(edge_index: Array, sources: int, targets: int) -> tuple[tuple[int, ...], ...]:
    """Edges per block, `[min(CELLS, sources), min(CELLS, targets)]`."""
    rows, columns = min(CELLS, max(sources, 1)), min(CELLS, max(targets, 1))
    cells = edge_index[0] * rows // max(sources, 1) * columns + edge_index[1] * columns // max(targets, 1)
    counts = np.bincount(cells.astype(np.int64), minlength=rows * columns)[: rows * columns]
    return tuple(tuple(row) for row in counts.reshape(rows, columns).tolist())
