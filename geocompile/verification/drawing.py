"""Draws the tensors of a graph: structure of the kind that is asked for, values as in an example."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from geocompile.verification.inputs import Array, InputSpec, Limit, Meaning

Structure = Literal["random", "isolated", "self-loops", "duplicates", "one target", "one source"]
NOISE = 0.1  # relative width of the noise on resampled features: small, to stay in their distribution


@dataclass(frozen=True)
class Wanted:
    """What to draw: the size of every symbolic dimension, the kind of structure, the number of graphs."""

    sizes: Mapping[str, int]
    structure: Structure = "random"
    graphs: int = 1
    empty_graph: bool = False

    def limit(self, limit: Limit) -> int:
        """The smallest size that bounds a row; limits are dimensions or numbers."""
        return min(int(name) if name.isdecimal() else self.sizes[name] for name in limit)


def draw(
    specs: Sequence[InputSpec],
    meanings: Mapping[str, Meaning],
    example: Mapping[str, Array],
    wanted: Wanted,
    rng: np.random.Generator,
) -> dict[str, Array]:
    """Draw all inputs of one graph.

    Args:
        specs: The model's inputs.
        meanings: What each of them holds.
        example: A graph of the user's; values are drawn from its distribution.
        wanted: Sizes and structure.
        rng: The source of randomness; equal states give equal graphs.

    Returns:
        Arrays by input name, in the dtypes of `specs`.
    """
    batches = {
        spec.shape[0]: _draw_batch(spec, wanted, rng) for spec in specs if meanings[spec.name].kind == "batch"
    }
    drawn: dict[str, Array] = {}
    for spec in specs:
        meaning = meanings[spec.name]
        fresh = _resample(spec, np.asarray(example[spec.name]), wanted, rng)
        if meaning.kind == "batch":
            values: Array = batches[spec.shape[0]]
        elif meaning.kind == "edges":
            values = _draw_edge_list(meaning.limits, fresh.shape[1], wanted, batches, rng)
        elif meaning.kind == "index":
            values = _draw_index(meaning.limits, fresh, wanted, rng)
        else:
            values = fresh
        drawn[spec.name] = np.asarray(values, dtype=spec.dtype, order="C")
    return drawn


def _draw_batch(spec: InputSpec, wanted: Wanted, rng: np.random.Generator) -> Array:
    size = spec.shape[0]
    num_nodes = wanted.sizes[size] if isinstance(size, str) else size
    graphs = np.arange(max(wanted.graphs, 1))
    if wanted.empty_graph and len(graphs) > 2:
        graphs = np.delete(graphs, 1)
    batch = np.sort(rng.choice(graphs, size=num_nodes))
    batch[-1:] = graphs[-1]  # the largest id is there: eager and engine agree on the number of graphs
    return batch


def _draw_index(limits: Sequence[Limit], fresh: Array, wanted: Wanted, rng: np.random.Generator) -> Array:
    """Numbers below their limit; rows of which nothing is known keep the example's values."""
    if len(limits) == 1:
        return _below(wanted.limit(limits[0]), fresh.shape, rng)
    rows = zip(limits, fresh, strict=True)
    return np.stack([_below(wanted.limit(limit), row.shape, rng) if limit else row for limit, row in rows])


def _below(limit: int, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    return rng.integers(0, limit, size=shape) if limit else np.zeros(shape, dtype=np.int64)


def _draw_edge_list(
    limits: Sequence[Limit],
    num_edges: int,
    wanted: Wanted,
    batches: Mapping[int | str, Array],
    rng: np.random.Generator,
) -> Array:
    sources, targets = (wanted.limit(limit) for limit in limits)
    if num_edges == 0 or 0 in (sources, targets):
        return np.zeros((2, num_edges), dtype=np.int64)
    if limits[0] == limits[1]:
        batch = batches.get(limits[0][0]) if len(limits[0]) == 1 else None
        edges = _draw_edges(sources, num_edges, wanted.structure, batch, rng)
    else:
        edges = _draw_bipartite(sources, targets, num_edges, wanted.structure, rng)
    if wanted.structure in ("duplicates", "self-loops"):  # a loop that is there twice is a case of its own
        half = num_edges // 2
        edges[:, num_edges - half :] = edges[:, :half]
    return edges


def _draw_edges(
    num_nodes: int, num_edges: int, structure: Structure, batch: Array | None, rng: np.random.Generator
) -> Array:
    """Edges between nodes of the same graph; `batch` is sorted, so that a graph is a range of nodes."""
    nodes = _touched(num_nodes, structure, rng)
    groups = np.zeros(len(nodes), dtype=np.int64) if batch is None else batch[nodes]
    picks = rng.integers(0, len(nodes), size=num_edges)
    if structure in ("one target", "one source"):
        picks[:] = picks[0]
    first = np.searchsorted(groups, groups[picks], side="left")
    last = np.searchsorted(groups, groups[picks], side="right")
    here, there = nodes[picks], nodes[rng.integers(first, last)]
    if structure == "self-loops":
        there[: (num_edges + 2) // 3] = here[: (num_edges + 2) // 3]
    return np.stack([here, there] if structure == "one source" else [there, here])


def _draw_bipartite(
    num_sources: int, num_targets: int, num_edges: int, structure: Structure, rng: np.random.Generator
) -> Array:
    """Edges from one kind of node to another; a self-loop joins nodes of equal number."""
    sources = rng.choice(_touched(num_sources, structure, rng), size=num_edges)
    targets = rng.choice(_touched(num_targets, structure, rng), size=num_edges)
    if structure == "one source":
        sources[:] = sources[0]
    if structure == "one target":
        targets[:] = targets[0]
    if structure == "self-loops":
        loops = slice((num_edges + 2) // 3)
        sources[loops] = targets[loops] = np.minimum(sources[loops], targets[loops])
    return np.stack([sources, targets])


def _touched(count: int, structure: Structure, rng: np.random.Generator) -> Array:
    """The nodes that edges may touch: all, or half of them where some shall be isolated."""
    if structure != "isolated":
        return np.arange(count)
    return np.sort(rng.choice(count, size=(count + 1) // 2, replace=False))


def _resample(spec: InputSpec, example: Array, wanted: Wanted, rng: np.random.Generator) -> Array:
    """Rows of the example, drawn with replacement along each axis that changes, with noise on floats.

    Noise is relative and clipped to the example's range: zeros of one-hot features, signs and units of
    measurement stay. Along a fixed axis integers stay where they are: their places have meanings.
    """
    shape = tuple(wanted.sizes[size] if isinstance(size, str) else size for size in spec.shape)
    is_float = example.dtype.kind == "f"
    if example.size == 0:
        return rng.standard_normal(shape) if is_float else np.zeros(shape, dtype=example.dtype)
    values = example
    for axis, (size, name) in enumerate(zip(shape, spec.shape, strict=True)):
        if size != example.shape[axis] or (axis == 0 if is_float else isinstance(name, str)):
            values = np.take(values, rng.integers(0, example.shape[axis], size=size), axis=axis)
    if not is_float:
        return values
    if not example.any():
        return rng.standard_normal(shape)
    noisy = values * (1 + NOISE * rng.standard_normal(shape))
    low, high = np.nanmin(example), np.nanmax(example)
    return noisy if low == high else np.clip(noisy, low, high)
