"""One table of operator cases, good and refused, that drives every runtime; plain numpy, no torch."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

REDUCTIONS = ("sum", "mean", "max", "min", "mul")


@dataclass(frozen=True)
class Case:
    """Arguments of one operator call.

    Attributes:
        operator: Its name in the registry.
        name: What is special about this case.
        arguments: By name, in the order of the operator's schema; arrays, None, strings, numbers.
        error: For refused input, the exception's type and a piece of its message.
    """

    operator: str
    name: str
    arguments: dict[str, Any]
    error: tuple[type[Exception], str] | None = None

    def __str__(self) -> str:
        return f"{self.operator}-{self.name}"


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
    """Small graphs of every kind that has ever broken a kernel."""
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


def cases() -> list[Case]:
    """All cases with a result."""
    return [*_csr(), *_batch(), *_segment(), *_gather(), *_norm()]


def gradient_cases() -> list[Case]:
    """Cases of the operators that only gradients use: they have no ONNX form."""
    found = []
    for g in [*graphs(), *graphs(np.int32)[:2]]:
        x = np.round(_values((g.num_nodes, 3), np.float64) * 2)  # rounded: full of ties
        base = {"x": x, "rowptr": g.rowptr, "col": g.col}
        for reduce in ("max", "min"):
            weights = {
                "weight": _values((g.num_edges,), np.float64),
                "self_weight": _values((g.num_nodes,), np.float64),
            }
            for form, given in {"plain": dict.fromkeys(weights), "weight-self": weights}.items():
                name = f"{reduce}-{form}-{g.name}-{g.col.dtype.name}"
                found.append(Case("gather_segment_arg", name, {**base, **given, "reduce": reduce}))
        matrices = {"a": x, "b": _values((g.num_nodes, 3), np.float64), "rowptr": g.rowptr, "col": g.col}
        found.append(Case("edge_dot", f"{g.name}-{g.col.dtype.name}", matrices))
    return found


def _csr() -> Iterator[Case]:
    for index in (np.int64, np.int32):
        for g in graphs(index):
            like = np.zeros((g.num_nodes, 2), np.float32)
            name = f"{g.name}-{index.__name__}"
            yield Case("csr_from_coo", name, {"index": g.target, "like": like, "other": g.source})
            yield Case("csr_from_coo", f"{name}-alone", {"index": g.target, "like": like, "other": None})


def _batch() -> Iterator[Case]:
    for index in (np.int64, np.int32):
        for name, batch in {
            "sorted": [0, 0, 1, 1, 1, 2],
            "unsorted": [2, 0, 1, 0, 2],
            "empty-graph": [0, 0, 3],
            "one-node": [0],
            "no-nodes": [],
        }.items():
            yield Case("batch_ptr", f"{name}-{index.__name__}", {"batch": np.array(batch, index)})


def _values(shape: tuple[int, ...], dtype: type, seed: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def _segment() -> Iterator[Case]:
    for reduce in REDUCTIONS:
        for g in graphs():
            src = _values((g.num_edges, 5), np.float64)
            base = {"src": src, "rowptr": g.rowptr}
            yield Case("segment_reduce", f"{reduce}-{g.name}", {**base, "perm": g.perm, "reduce": reduce})
            yield Case(
                "segment_reduce", f"{reduce}-{g.name}-in-order", {**base, "perm": None, "reduce": reduce}
            )
        g = graphs(np.int32)[0]
        for name, shape in {
            "vector": (),
            "no-channels": (0,),
            "three-dimensions": (2, 3),
            "wide": (200,),
        }.items():
            src = _values((g.num_edges, *shape), np.float32)
            arguments = {"src": src, "rowptr": g.rowptr, "perm": g.perm, "reduce": reduce}
            yield Case("segment_reduce", f"{reduce}-{name}", arguments)


def _gather() -> Iterator[Case]:
    for reduce in REDUCTIONS:
        for g in [*graphs(), *graphs(np.int32)[:3]]:
            for form in ("plain", "weight", "self", "weight-self"):
                yield _gather_case(g, reduce, form, np.float64, (5,))
        g = graphs()[0]
        for shape in ((), (0,), (1,), (3,), (2, 3), (37,), (300,)):
            yield _gather_case(g, reduce, "weight-self", np.float32, shape)
        yield _special_values(reduce)
    for reduce in ("sum", "mean", "max", "min"):
        yield _gather_case(heavy_graph(), reduce, "weight-self", np.float64, (3,))


def _gather_case(g: Graph, reduce: str, form: str, dtype: type, shape: tuple[int, ...]) -> Case:
    arguments = {
        "x": _values((g.num_nodes, *shape), dtype),
        "rowptr": g.rowptr,
        "col": g.col,
        "weight": _values((g.num_edges,), dtype, seed=4) if "weight" in form else None,
        "self_weight": _values((g.num_nodes,), dtype, seed=5) if "self" in form else None,
        "reduce": reduce,
    }
    size = "x".join(str(n) for n in shape) or "vector"
    name = f"{reduce}-{form}-{g.name}-{size}-{np.dtype(dtype).name}-{g.col.dtype.name}"
    return Case("gather_segment_reduce", name, arguments)


def _special_values(reduce: str) -> Case:
    """NaN and infinities travel; rows of nothing but -inf keep it."""
    x = np.array([[np.nan, 1.0], [np.inf, -np.inf], [-np.inf, -np.inf], [2.0, 0.0]])
    rowptr, col = np.array([0, 2, 3, 3, 5]), np.array([0, 3, 2, 1, 0])
    arguments = {"x": x, "rowptr": rowptr, "col": col, "weight": None, "self_weight": None, "reduce": reduce}
    return Case("gather_segment_reduce", f"{reduce}-special-values", arguments)


def _norm() -> Iterator[Case]:
    for g in [*graphs(), *graphs(np.int32)[:3]]:
        for weighted in (False, True):
            for loops in (True, False):
                dtype = np.float64 if g.col.dtype == np.int64 else np.float32
                weight = np.abs(_values((g.num_edges,), dtype)) if weighted else None
                arguments = {
                    "rowptr": g.rowptr,
                    "col": g.col,
                    "like": np.zeros((g.num_nodes, 2), dtype),
                    "weight": weight,
                    "fill_value": 2.0,
                    "add_self_loops": loops,
                }
                form = f"{'weighted' if weighted else 'plain'}-{'loops' if loops else 'no-loops'}"
                yield Case("gcn_norm", f"{g.name}-{form}-{g.col.dtype.name}", arguments)


def refused() -> list[Case]:
    """Inputs that every runtime must refuse, with what the message must say."""
    g = graphs()[0]
    x = _values((9, 4), np.float32)
    weight = _values((g.num_edges,), np.float32)
    gather = {"x": x, "rowptr": g.rowptr, "col": g.col, "weight": None, "self_weight": None, "reduce": "sum"}
    segment = {
        "src": _values((g.num_edges, 2), np.float32),
        "rowptr": g.rowptr,
        "perm": g.perm,
        "reduce": "sum",
    }
    csr = {"index": g.target, "like": x, "other": g.source}
    norm = {
        "rowptr": g.rowptr,
        "col": g.col,
        "like": x,
        "weight": None,
        "fill_value": 1.0,
        "add_self_loops": True,
    }
    negative, large = g.target.copy(), g.target.copy()
    negative[5], large[7] = -1, 9
    bad_col = g.col.copy()
    bad_col[-1] = 9
    falling = g.rowptr.copy()
    falling[3] = falling[5] + 1
    short, shifted = g.rowptr.copy(), g.rowptr.copy()
    short[-1] -= 1
    shifted[0] = 1

    def case(name: str, base: dict[str, Any], error: type[Exception], message: str, **changes: Any) -> Case:
        operator = {"index": "csr_from_coo", "x": "gather_segment_reduce", "src": "segment_reduce"}.get(
            next(iter(base)), "gcn_norm"
        )
        return Case(operator, name, {**base, **changes}, (error, message))

    wrong, outside = ValueError, IndexError
    return [
        case("negative-index", csr, outside, "'index'[5] is -1, it must not be negative", index=negative),
        case("large-index", csr, outside, "'index'[7] is 9, the valid range is 0 to 8", index=large),
        case("no-rows", csr, outside, "nothing to refer to (0 rows)", like=x[:0]),
        case("float-index", csr, wrong, "'index' must be int64 or int32", index=g.target.astype(np.float32)),
        case("matrix-index", csr, wrong, "'index' must have one dimension", index=np.stack([g.target] * 2)),
        case(
            "mixed-index-types",
            csr,
            wrong,
            "'index' is int64 but 'other' is int32",
            other=g.source.astype(np.int32),
        ),
        case("short-other", csr, wrong, "'other' must have shape [40]", other=g.source[:-1]),
        Case(
            "batch_ptr",
            "negative-graph",
            {"batch": np.array([0, -1, 2])},
            (outside, "'batch'[1] is -1, it must not be negative"),
        ),
        Case(
            "batch_ptr",
            "absurd-graph",
            {"batch": np.array([0, 2**40])},
            (outside, "'batch' holds the graph number 1099511627776"),
        ),
        Case("batch_ptr", "float-batch", {"batch": np.zeros(3)}, (wrong, "'batch' must be int64 or int32")),
        case("large-col", gather, outside, "'col'[39] is 9, the valid range is 0 to 8", col=bad_col),
        case("falling-rowptr", gather, outside, "'rowptr' must start at 0, never decrease", rowptr=falling),
        case("short-rowptr", gather, outside, "ends at 39", rowptr=short),
        case("shifted-rowptr", gather, outside, "starts at 1", rowptr=shifted),
        case("no-rowptr", gather, wrong, "'rowptr' must have at least one element", rowptr=g.rowptr[:0]),
        case("integer-features", gather, wrong, "'x' must be float32 or float64", x=x.astype(np.int64)),
        case(
            "mixed-types",
            gather,
            wrong,
            "'x' is float32 but 'weight' is float64",
            weight=weight.astype(np.float64),
        ),
        case(
            "short-weight", gather, wrong, "'weight' must have shape [40] (one per edge)", weight=weight[:-1]
        ),
        case("self-weight-length", gather, wrong, "'self_weight' must have shape [9]", self_weight=weight),
        case("not-square", gather, wrong, "needs a square graph", x=x[:8], self_weight=weight[:9]),
        case("unknown-reduction", gather, wrong, "reduce must be 'sum'", reduce="median"),
        case("large-perm", segment, outside, "'perm'[39] is 40", perm=np.arange(1, 41)),
        case(
            "rowptr-past-the-end",
            segment,
            outside,
            "'rowptr' must start at 0",
            perm=None,
            src=segment["src"][:-1],
        ),
        case("large-col", norm, outside, "'col'[39] is 9", col=bad_col),
        case("integer-like", norm, wrong, "'like' must be float32 or float64", like=g.rowptr),
        case("short-weight", norm, wrong, "'weight' must have shape [40]", weight=weight[:-1]),
    ]
