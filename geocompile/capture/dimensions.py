"""Which dimensions of a model's inputs vary, which are equal to each other, and what they are called."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence, Set

import numpy as np
import torch
from torch import Tensor, nn

from geocompile.errors import CaptureError
from geocompile.examples import Example

NUM_NODES, NUM_EDGES, NUM_GRAPHS = "num_nodes", "num_edges", "num_graphs"

Dims = dict[str, dict[int, str]]
"""Input name -> dimension -> symbolic name; dimensions that are not listed are fixed."""

Dynamic = Mapping[str, Mapping[int, str] | Sequence[int | str]]
"""What a user says of them: input name -> ``{dimension: name}``, or all its sizes, names where they vary."""

# x_0 holds the first layer's features of the same nodes, as GCN2Conv takes them.
_NODE_INPUTS = {
    "x",
    "x_0",
    "pos",
    "z",
    "y",
    "h",
    "batch",
    "feat",
    "features",
    "norm",
    "normal",
    "normals",
    "nodes",
}
# `x_source`, `pos_source`: of a second set of nodes, which has a size of its own; `x_mean` [3] is none.
_OF_A_SET = {"x", "pos", "batch"}
_OF_A_POINT = {"norm", "normal"}  # beside a position: `norm_source`, where there is `pos_source`
_EDGE_INPUTS = {"pseudo"}  # the pseudo-coordinates of spline and mixture convolutions
_MAIN_LISTS = {"edge_index", "edges", "edge_list", "adj"}
_GRAPH_INPUTS = {"u", "global_attr", "graph_attr"}
_MIN_TRACE_SIZE = 1000  # Inductor plans for the size it sees: too small a graph gets a plan without threads


def cached_num_nodes(model: nn.Module) -> set[int]:
    """The numbers of nodes of the graphs that layers of the model keep from an earlier call.

    Such a layer has a method `cached_num_nodes`, as the layers with `cached=True` have: it takes no other graph.
    """
    asked = (getattr(module, "cached_num_nodes", None) for module in model.modules())
    counts = (ask() for ask in asked if callable(ask))
    return {count for count in counts if count is not None}


def name_dimensions(examples: list[Example], dynamic: Dynamic | None = None) -> Dims:
    """Names the dimensions that vary.

    `dynamic` decides for the inputs that it names. For the others an input's name tells what it holds
    (`x`, `pos`, `batch`: nodes; `edge_*`: edges), and any dimension that differs between two examples varies too:
    it shares the name of a dimension that has the same sizes in all examples, or is called `<input>_dim<k>`.

    Raises:
        CaptureError: Nothing varies, though `dynamic` does not say so of every input.
        ValueError: `dynamic` names an unknown input, a dimension out of range, or dimensions of different size.
        TypeError: What it says of an input is neither a dict nor a list.
    """
    dims: Dims = {name: {} for name in examples[0].tensors}
    sizes: dict[str, tuple[int, ...]] = {}
    _take_overrides(examples, dynamic or {}, dims, sizes)
    overridden = set(dynamic or {})
    lists = _edge_lists(examples)
    for name, k in sorted(_dimensions(examples[0], overridden), key=lambda item: item[0] not in lists):
        _take(examples, dims, sizes, name, k, _role(name, k, lists, examples[0].tensors))
    graphs = _graph_counts(examples)
    for name, k in _dimensions(examples[0], overridden):
        observed = _sizes(examples, name, k)
        if k not in dims[name] and len(set(observed)) > 1:
            if graphs is not None and observed == graphs:
                sizes.setdefault(NUM_GRAPHS, graphs)
            equal = next((symbol for symbol, known in sizes.items() if known == observed), None)
            _take(examples, dims, sizes, name, k, equal or f"{name}_dim{k}")
    if not sizes and overridden != set(dims):
        raise CaptureError(
            f"geocompile.capture: cannot tell which dimensions of {', '.join(dims)} vary. Give two example graphs of "
            'different size, or say it: dynamic={"x": {0: "num_nodes"}, "edge_index": {1: "num_edges"}}; where none '
            "does, an empty dict for each input"
        )
    return dims


def without_cached(examples: list[Example], dims: Dims, dynamic: Dynamic | None, cached: Set[int]) -> Dims:
    """The dimensions that vary where layers keep graphs of `cached` nodes: inputs of as many nodes do not.

    Where `dynamic` says that they vary, the model itself will refuse them.
    """

    def is_cached(name: str, k: int, symbol: str) -> bool:
        return _counts_nodes(symbol) and set(_sizes(examples, name, k)) <= cached

    return {
        name: {k: s for k, s in named.items() if name in (dynamic or {}) or not is_cached(name, k, s)}
        for name, named in dims.items()
    }


def _counts_nodes(symbol: str) -> bool:
    return symbol.startswith("num_") and symbol not in (NUM_EDGES, NUM_GRAPHS)


def trace_inputs(example: Example, dims: Dims, taken: set[int]) -> dict[str, Tensor]:
    """Tensors to trace with: of the example's dtypes and fixed sizes, every varying dimension of a size of its own.

    Sizes that are equal by accident, 0 or 1 would let the tracer believe that they always are. The values do not
    matter, since export only looks at shapes.

    Args:
        example: The largest example.
        dims: The dimensions that vary.
        taken: Sizes to avoid (those of parameters).
    """
    taken = taken | {
        size
        for name, tensor in example.tensors.items()
        for k, size in enumerate(tensor.shape)
        if k not in dims[name]
    }
    chosen: dict[str, int] = {}
    for name, tensor in example.tensors.items():
        for k, symbol in dims[name].items():
            if symbol not in chosen:
                chosen[symbol] = _free_size(max(tensor.size(k), _MIN_TRACE_SIZE), taken)
                taken.add(chosen[symbol])
    return {
        name: _zeros(
            [chosen[dims[name][k]] if k in dims[name] else size for k, size in enumerate(tensor.shape)],
            tensor.dtype,
        )
        for name, tensor in example.tensors.items()
    }


def _zeros(shape: list[int], dtype: torch.dtype) -> Tensor:
    """Zeros that take no memory until they are read, which the trace does not: dense graphs would take gigabytes."""
    count = math.prod(shape) * dtype.itemsize
    return torch.from_numpy(np.zeros(count, np.uint8)).view(dtype).reshape(shape)


def _free_size(size: int, taken: set[int]) -> int:
    size |= 1  # odd, so that no multiple of a fixed size is hit by rounding
    while size in taken or size - 1 in taken or size + 1 in taken:
        size += 2
    return size


def fixed_inputs(examples: list[Example], dims: Dims, dynamic: Dynamic | None = None) -> list[str]:
    """Says which inputs an engine will take in one size only, if a single example cannot tell whether that is meant."""
    if len(examples) > 1:
        return []
    return [
        f"'{name}' is taken to be {list(tensor.shape)} always, since neither its name nor a second example of another "
        f'size says what varies; if it does, say so: dynamic={{"{name}": {{0: "num_..."}}}}'
        for name, tensor in examples[0].tensors.items()
        if tensor.dim() and not dims[name] and name not in (dynamic or {})
    ]


def _edge_lists(examples: list[Example]) -> list[str]:
    """Integer inputs of shape [2, n], the one whose edges the other `edge_*` inputs belong to first."""
    lists = [
        name
        for name in examples[0].tensors
        if name not in _NODE_INPUTS | _GRAPH_INPUTS
        and all(_is_edge_list(example.tensors[name]) for example in examples)
    ]
    return sorted(lists, key=lambda name: name != "edge_index")


def _is_edge_list(tensor: Tensor) -> bool:
    return tensor.dim() == 2 and tensor.size(0) == 2 and tensor.dtype in (torch.int64, torch.int32)


def _role(name: str, k: int, lists: list[str], tensors: Mapping[str, Tensor]) -> str | None:
    if name in lists:
        return None if k == 0 else NUM_EDGES if name == lists[0] and name in _MAIN_LISTS else f"{name}_dim1"
    if k != 0:
        return None
    if name.startswith("edge_") or name in _EDGE_INPUTS:
        return NUM_EDGES
    return NUM_GRAPHS if name in _GRAPH_INPUTS else _node_set(name, tensors)


def _node_set(name: str, tensors: Mapping[str, Tensor]) -> str | None:
    """What counts the rows of an input that belongs to nodes; None where its name and rank do not say so."""
    if name in _NODE_INPUTS or name.startswith("node_"):
        return NUM_NODES
    kind, _, nodes = name.partition("_")
    tensor = tensors[name]
    of_nodes = kind in _OF_A_SET and (tensor.dim() > 1 or not tensor.is_floating_point())
    of_points = kind in _OF_A_POINT and tensor.dim() > 1 and f"pos_{nodes}" in tensors
    if not nodes or not (of_nodes or of_points):
        return None
    symbol = f"num_{nodes}"
    return f"{name}_dim0" if symbol in (NUM_NODES, NUM_EDGES, NUM_GRAPHS) else symbol


def _take(
    examples: list[Example],
    dims: Dims,
    sizes: dict[str, tuple[int, ...]],
    name: str,
    k: int,
    symbol: str | None,
) -> None:
    if symbol is None:
        return
    observed = _sizes(examples, name, k)
    if sizes.setdefault(symbol, observed) != observed:  # the name promised what the examples do not keep
        same = (s for s, known in sizes.items() if known == observed and s not in (NUM_NODES, NUM_GRAPHS))
        symbol = next(same, f"{name}_dim{k}")  # a second list of edges has attributes too
        sizes[symbol] = observed
    dims[name][k] = symbol


def _take_overrides(
    examples: list[Example],
    dynamic: Dynamic,
    dims: Dims,
    sizes: dict[str, tuple[int, ...]],
) -> None:
    for name, named in dynamic.items():
        if name not in dims:
            raise ValueError(
                f"geocompile.capture: dynamic names '{name}', which is no input; inputs: {', '.join(dims)}"
            )
        rank = examples[0].tensors[name].dim()
        for k, symbol in _by_dimension(name, named).items():
            if not isinstance(k, int) or not 0 <= k < rank:
                raise ValueError(
                    f"geocompile.capture: dynamic['{name}'] names dimension {k}, expected 0 to {rank - 1}"
                )
            if not isinstance(symbol, str) or not symbol.isidentifier():
                raise ValueError(f"geocompile.capture: dynamic['{name}'][{k}] must be a name, got {symbol!r}")
            observed = _sizes(examples, name, k)
            if sizes.setdefault(symbol, observed) != observed:
                raise ValueError(
                    f"geocompile.capture: dynamic calls dimension {k} of '{name}' '{symbol}', but its size in "
                    f"the examples is {observed[0]} where other '{symbol}' are {sizes[symbol][0]}; use another name"
                )
            dims[name][k] = symbol


def _by_dimension(name: str, named: Mapping[int, str] | Sequence[int | str]) -> Mapping[int, str]:
    """Of both forms, ``{0: "num_nodes"}`` and ``("num_nodes", 16)``, the first."""
    if isinstance(named, Mapping):
        return named
    if isinstance(named, str) or not isinstance(named, Sequence):
        raise TypeError(
            f"geocompile.capture: dynamic['{name}'] must be a dict such as {{0: \"num_nodes\"}} or a list of all "
            f'sizes such as ["num_nodes", 16], got {named!r}'
        )
    return {k: size for k, size in enumerate(named) if isinstance(size, str)}


def _dimensions(example: Example, overridden: set[str]) -> Iterator[tuple[str, int]]:
    return (
        (n, k) for n, tensor in example.tensors.items() if n not in overridden for k in range(tensor.dim())
    )


def _sizes(examples: list[Example], name: str, k: int) -> tuple[int, ...]:
    return tuple(example.tensors[name].size(k) for example in examples)


def _graph_counts(examples: list[Example]) -> tuple[int, ...] | None:
    batches = [example.tensors.get("batch") for example in examples]
    if any(batch is None or batch.is_floating_point() for batch in batches):
        return None
    return tuple(int(batch.max()) + 1 if batch is not None and batch.numel() else 0 for batch in batches)
