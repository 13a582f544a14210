"""Draws the tensors of a graph: structure of the kind that is asked for, values as in an example.

What a tensor means is read from its description: `index_of` makes an integer tensor point into a dimension,
a leading size of 2 makes it a list of edges, equal dimension names make sizes agree.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Structure = Literal["random", "isolated", "self-loops", "duplicates", "one target", "one source"]
NOISE = 0.1  # relative width of the noise on resampled features: small, to stay in their distribution


class InputSpec(Protocol):
    """The part of `TensorSpec` that is read here (a manifest brings its own class, without torch)."""

    @property
    def name(self) -> str: ...
    @property
    def dtype(self) -> str: ...
    @property
    def shape(self) -> Sequence[int | str]: ...
    @property
    def index_of(self) -> str | None: ...


@dataclass(frozen=True)
class Wanted:
    """What to draw: the size of every symbolic dimension, the kind of structure, the number of graphs."""

    sizes: Mapping[str, int]
    structure: Structure = "random"
    graphs: int = 1
    empty_graph: bool = False


def is_batch(spec: InputSpec) -> bool:
    """Whether the input says to which graph of a batch each node belongs (then it is drawn sorted)."""
    named = spec.name == "batch" or spec.name.endswith("_batch")
    integer = spec.dtype in ("int64", "int32")
    return integer and len(spec.shape) == 1 and (spec.index_of == "num_graphs" or named)


def is_edge_list(spec: InputSpec) -> bool:
    """Whether the input holds pairs of nodes, `[2, num_edges]`."""
    return spec.index_of is not None and len(spec.shape) == 2 and spec.shape[0] == 2


def draw(
    specs: Sequence[InputSpec], example: Mapping[str, Array], wanted: Wanted, rng: np.random.Generator
) -> dict[str, Array]:
    """Draw all inputs of one graph.

    Args:
        specs: The model's inputs.
        example: A graph of the user's; values are drawn from its distribution.
        wanted: Sizes and structure.
        rng: The source of randomness; equal states give equal graphs.

    Returns:
        Arrays by input name, in the dtypes of `specs`.
    """
    batches = {spec.shape[0]: _draw_batch(spec, wanted, rng) for spec in specs if is_batch(spec)}
    drawn: dict[str, Array] = {}
    for spec in specs:
        shape = tuple(wanted.sizes[size] if isinstance(size, str) else size for size in spec.shape)
        if is_batch(spec):
            values: Array = batches[spec.shape[0]]
        elif spec.index_of is not None:
            values = _draw_index(spec, shape, wanted, batches, rng)
        else:
            values = _resample(np.asarray(example[spec.name]), shape, rng)
        drawn[spec.name] = np.ascontiguousarray(values, dtype=spec.dtype)
    return drawn


def _draw_batch(spec: InputSpec, wanted: Wanted, rng: np.random.Generator) -> Array:
    size = spec.shape[0]
    num_nodes = wanted.sizes[size] if isinstance(size, str) else size
    graphs = np.arange(max(wanted.graphs, 1))
    if wanted.empty_graph and len(graphs) > 2:
        graphs = np.delete(graphs, 1)
    batch = np.sort(rng.choice(graphs, size=num_nodes))
    batch[-1:] = graphs[
        -1
    ]  # the largest id is present, so that eager and engine agree on the number of graphs
    return batch


def _draw_index(
    spec: InputSpec,
    shape: tuple[int, ...],
    wanted: Wanted,
    batches: Mapping[Any, Array],
    rng: np.random.Generator,
) -> Array:
    indexed = str(spec.index_of)
    limit = int(indexed) if indexed.isdecimal() else wanted.sizes[indexed]
    if 0 in shape or limit == 0:
        return np.zeros(shape, dtype=np.int64)
    if not is_edge_list(spec):
        return rng.integers(0, limit, size=shape)
    batch = batches.get(indexed)
    return _draw_edges(limit, shape[1], wanted.structure, batch, rng)


def _draw_edges(
    num_nodes: int, num_edges: int, structure: Structure, batch: Array | None, rng: np.random.Generator
) -> Array:
    """Edges between nodes of the same graph; `batch` is sorted, so that a graph is a range of nodes."""
    nodes = np.arange(num_nodes)
    if structure == "isolated":
        nodes = np.sort(rng.choice(num_nodes, size=(num_nodes + 1) // 2, replace=False))
    groups = np.zeros(len(nodes), dtype=np.int64) if batch is None else batch[nodes]
    picks = rng.integers(0, len(nodes), size=num_edges)
    if structure in ("one target", "one source"):
        picks[:] = picks[0]
    first = np.searchsorted(groups, groups[picks], side="left")
    last = np.searchsorted(groups, groups[picks], side="right")
    here, there = nodes[picks], nodes[rng.integers(first, last)]
    if structure == "self-loops":
        there[: (num_edges + 2) // 3] = here[: (num_edges + 2) // 3]
    edges = np.stack([here, there] if structure == "one source" else [there, here])
    if structure in ("duplicates", "self-loops"):  # a loop that is there twice is a case of its own
        half = num_edges // 2
        edges[:, num_edges - half :] = edges[:, :half]
    return edges


def _resample(example: Array, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Rows of the example, drawn with replacement along each axis that changes, with noise on floats.

    Noise is relative and clipped to the example's range: zeros of one-hot features, signs and units of
    measurement stay.
    """
    if example.size == 0:
        return (
            rng.standard_normal(shape) if example.dtype.kind == "f" else np.zeros(shape, dtype=example.dtype)
        )
    values = example
    for axis, size in enumerate(shape):
        if axis == 0 or size != example.shape[axis]:
            values = np.take(values, rng.integers(0, example.shape[axis], size=size), axis=axis)
    if example.dtype.kind != "f":
        return values
    if not example.any():
        return rng.standard_normal(shape)
    noisy = values * (1 + NOISE * rng.standard_normal(shape))
    low, high = np.nanmin(example), np.nanmax(example)
    return noisy if low == high else np.clip(noisy, low, high)
