"""What the inputs of a model mean: which are edge lists or batch vectors, and what their numbers point at.

It is read from their descriptions: `index_of` makes an integer tensor point into a dimension, a leading size of 2
with a dynamic second one makes it a list of edges, equal dimension names make sizes agree. Where a description does
not say what an edge list points at, the example does: a row whose numbers fit the nodes is taken to point at them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from numpy.typing import NDArray

Array = NDArray[Any]
Limit = tuple[str, ...]  # dimensions or numbers: values stay below the smallest; empty where nothing is known
NUM_NODES, NUM_GRAPHS = "num_nodes", "num_graphs"
ANY = "*"  # as `index_of`: any number that is not negative


class InputSpec(Protocol):
    """The part of `TensorSpec` that is read here (a manifest brings its own class, without torch)."""

    @property
    def name(self) -> str: ...
    @property
    def dtype(self) -> str: ...
    @property
    def shape(self) -> Sequence[int | str]: ...
    @property
    def index_of(self) -> str | Sequence[str | None] | None: ...


@dataclass(frozen=True)
class Meaning:
    """What one input holds.

    Attributes:
        kind: `edges`: pairs of nodes, `[2, num_edges]`; `batch`: the graph of each node; `index`: other numbers
            that point into dimensions; `values`: everything else.
        limits: For `edges` and `index` what the values point into: one entry for all, or one per row.
    """

    kind: Literal["edges", "batch", "index", "values"]
    limits: tuple[Limit, ...] = ()


@dataclass(frozen=True)
class Meanings:
    """What all inputs hold, and what their symbolic dimensions count.

    Attributes:
        inputs: By input name.
        nodes: Sizes in the example of the dimensions that count nodes.
        edges: The same of those that count edges.
        no_edge_list: Why no input is an edge list; empty where one is.
    """

    inputs: Mapping[str, Meaning]
    nodes: Mapping[str, int]
    edges: Mapping[str, int]
    no_edge_list: str


def read_meanings(specs: Sequence[InputSpec], example: Mapping[str, Array]) -> Meanings:
    """Read what the inputs mean from their descriptions and, where those are silent, from an example."""
    sizes = symbolic_sizes(specs, example)
    edges = _edge_dimensions(specs)
    nodes = {name: size for name, size in sizes.items() if name not in edges and name != NUM_GRAPHS}
    inputs = {spec.name: _meaning(spec, example[spec.name], nodes, edges) for spec in specs}
    reason = ""
    if not any(meaning.kind == "edges" for meaning in inputs.values()):
        reason = _no_edge_list(specs, bool(edges))
    counted = {name: size for name, size in sizes.items() if name in edges}
    return Meanings(inputs, nodes, counted, reason)


def symbolic_sizes(specs: Sequence[InputSpec], inputs: Mapping[str, Array]) -> dict[str, int]:
    """The sizes of the symbolic dimensions."""
    return {
        name: inputs[spec.name].shape[axis]
        for spec in specs
        for axis, name in enumerate(spec.shape)
        if isinstance(name, str)
    }


def is_integer(spec: InputSpec) -> bool:
    """Whether the input can hold indices."""
    return spec.dtype in ("int64", "int32")


def is_batch(spec: InputSpec) -> bool:
    """Whether the input says to which graph of a batch each node belongs (then it is drawn sorted)."""
    named = spec.name == "batch" or spec.name.endswith("_batch")
    return is_integer(spec) and len(spec.shape) == 1 and (spec.index_of in (NUM_GRAPHS, ANY) or named)


def _bounds(spec: InputSpec) -> tuple[str | None, ...]:
    """The bound of every row, or one bound for all; None where there is none that helps to draw."""
    bounds = (spec.index_of,) if spec.index_of is None or isinstance(spec.index_of, str) else spec.index_of
    return tuple(None if bound == ANY else bound for bound in bounds)


def _has_two_rows(spec: InputSpec) -> bool:
    return is_integer(spec) and len(spec.shape) == 2 and spec.shape[0] == 2


def _edge_dimensions(specs: Sequence[InputSpec]) -> set[str]:
    """A dimension counts edges where it holds pairs, or single numbers that point into another dimension."""
    pointed_at = {bound for spec in specs for bound in _bounds(spec) if bound is not None}
    names = {size for spec in specs for size in spec.shape if isinstance(size, str)}
    pairs = {spec.shape[1] for spec in specs if _has_two_rows(spec)}
    pointers = {
        size
        for spec in specs
        if not is_batch(spec) and any(bound in names for bound in _bounds(spec))
        for size in spec.shape
    }
    counted_elsewhere = pointed_at | {NUM_NODES, NUM_GRAPHS}
    return {size for size in pairs | pointers if isinstance(size, str) and size not in counted_elsewhere}


def _meaning(spec: InputSpec, example: Array, nodes: Mapping[str, int], edges: set[str]) -> Meaning:
    if is_batch(spec):
        return Meaning("batch")
    bounds = _bounds(spec)
    if _has_two_rows(spec) and (any(bounds) or spec.shape[1] in edges):
        rows = bounds if len(bounds) == 2 else bounds * 2
        limits = tuple(
            (bound,) if bound is not None else _limit(values, nodes)
            for bound, values in zip(rows, example, strict=True)
        )
        return Meaning("edges" if all(limits) else "index", limits)
    if not any(bounds):
        return Meaning("values")
    return Meaning("index", tuple(() if bound is None else (bound,) for bound in bounds))


def _limit(values: Array, nodes: Mapping[str, int]) -> Limit:
    """The node dimensions that the numbers of a row fit into; a number where all dimensions are fixed."""
    low, high = int(values.min(initial=0)), int(values.max(initial=-1))
    if low < 0:
        return ()
    return tuple(name for name, size in nodes.items() if high < size) if nodes else (str(high + 1),)


def _no_edge_list(specs: Sequence[InputSpec], has_edges: bool) -> str:
    for spec in specs:
        if _has_two_rows(spec):
            fixed = isinstance(spec.shape[1], int)
            return (
                f"'{spec.name}' has a fixed size"
                if fixed
                else f"it is not known what '{spec.name}' points at"
            )
    return "the edges do not come as one [2, num_edges] tensor" if has_edges else "the model has no edge list"
