"""Makes the picture of a graph from the inputs of a model."""

from collections.abc import Mapping, Sequence

import numpy as np

from geocompile.verification.inputs import Array, InputSpec, Limit, read_meanings, symbolic_sizes
from geocompile.verification.picture import Picture

MAX_NODES, MAX_EDGES = 40, 400
CELLS = 32  # rows and columns of a density


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
