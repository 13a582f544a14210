"""segment_reduce, gather_segment_reduce, and the operators of their gradients."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from tests.operators.cases.case import REDUCTIONS, Case, values
from tests.operators.cases.graphs import Graph, graphs, heavy_graph


def cases() -> Iterator[Case]:
    yield from _segment()
    yield from _gather()


def _segment() -> Iterator[Case]:
    for reduce in REDUCTIONS:
        for g in graphs():
            src = values((g.num_edges, 5), np.float64)
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
            src = values((g.num_edges, *shape), np.float32)
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
        for shape in ((4,), (8,), (16,)):  # one vector of some instruction set
            yield _gather_case(g, reduce, "weight", np.float32, shape)
        for form in ("weight-heads", "self-heads", "weight-self-heads"):
            for shape in ((2, 3), (8, 16), (3, 1), (5, 7, 2), (2, 0), (1, 4)):
                yield _gather_case(g, reduce, form, np.float32, shape)
            yield _gather_case(graphs(np.int32)[2], reduce, form, np.float64, (3, 2))
        yield _special_case(reduce)
    for reduce in ("sum", "mean", "max", "min"):
        yield _gather_case(heavy_graph(), reduce, "weight-self", np.float64, (3,))
        yield _gather_case(heavy_graph(), reduce, "weight-self-heads", np.float32, (4, 16))


def _gather_case(g: Graph, reduce: str, form: str, dtype: type, shape: tuple[int, ...]) -> Case:
    heads = shape[:1] if "heads" in form else ()
    arguments = {
        "x": values((g.num_nodes, *shape), dtype),
        "rowptr": g.rowptr,
        "col": g.col,
        "weight": values((g.num_edges, *heads), dtype, seed=4) if "weight" in form else None,
        "self_weight": values((g.num_nodes, *heads), dtype, seed=5) if "self" in form else None,
        "reduce": reduce,
    }
    size = "x".join(str(n) for n in shape) or "vector"
    name = f"{reduce}-{form}-{g.name}-{size}-{np.dtype(dtype).name}-{g.col.dtype.name}"
    return Case("gather_segment_reduce", name, arguments)


def _special_case(reduce: str) -> Case:
    """NaN and infinities travel; rows of nothing but -inf keep it."""
    x = np.array([[np.nan, 1.0], [np.inf, -np.inf], [-np.inf, -np.inf], [2.0, 0.0]])
    rowptr, col = np.array([0, 2, 3, 3, 5]), np.array([0, 3, 2, 1, 0])
    arguments = {"x": x, "rowptr": rowptr, "col": col, "weight": None, "self_weight": None, "reduce": reduce}
    return Case("gather_segment_reduce", f"{reduce}-special-values", arguments)


def gradient_cases() -> Iterator[Case]:
    """Cases of the operators that only gradients use: they have no ONNX form."""
    for g in [*graphs(), *graphs(np.int32)[:2]]:
        for heads in ((), (2,)):
            x = np.round(values((g.num_nodes, *heads, 3), np.float64) * 2)  # rounded: full of ties
            base, form = {"x": x, "rowptr": g.rowptr, "col": g.col}, "-heads" if heads else ""
            weights = {
                "weight": values((g.num_edges, *heads), np.float64),
                "self_weight": values((g.num_nodes, *heads), np.float64),
            }
            for reduce in ("max", "min"):
                for weighted, given in {"plain": dict.fromkeys(weights), "weight-self": weights}.items():
                    name = f"{reduce}-{weighted}{form}-{g.name}-{g.col.dtype.name}"
                    yield Case("gather_segment_arg", name, {**base, **given, "reduce": reduce})
            sources = values((g.num_nodes, *heads, 3), np.float64)
            ends = {"a": x, "b": sources, "rowptr": g.rowptr, "col": g.col, "per_head": bool(heads)}
            yield Case("edge_dot", f"{g.name}{form}-{g.col.dtype.name}", ends)
    g = graphs()[0]
    wide = {"x": np.round(values((g.num_nodes, 37), np.float32)), "rowptr": g.rowptr, "col": g.col}
    yield Case("gather_segment_arg", "wide", {**wide, "weight": None, "self_weight": None, "reduce": "max"})
    ends = {"a": wide["x"], "b": values((g.num_nodes, 37), np.float32), "rowptr": g.rowptr, "col": g.col}
    yield Case("edge_dot", "wide", {**ends, "per_head": False})


def refused() -> Iterator[Case]:
    """Inputs that every runtime must refuse, with what the message must say."""
    g = graphs()[0]
    x, weight = values((9, 4), np.float32), values((g.num_edges,), np.float32)
    bad_col, falling, short, shifted = g.col.copy(), g.rowptr.copy(), g.rowptr.copy(), g.rowptr.copy()
    bad_col[-1], falling[3] = 9, falling[5] + 1
    short[-1] -= 1
    shifted[0] = 1
    gather = {"x": x, "rowptr": g.rowptr, "col": g.col, "weight": None, "self_weight": None, "reduce": "sum"}
    src = values((g.num_edges, 2), np.float32)
    segment = {"src": src, "rowptr": g.rowptr, "perm": g.perm, "reduce": "sum"}

    def case(name: str, error: type[Exception], message: str, **changes: Any) -> Case:
        return Case("gather_segment_reduce", name, {**gather, **changes}, (error, message))

    wrong, outside = ValueError, IndexError
    yield case("large-col", outside, "'col'[39] is 9, the valid range is 0 to 8", col=bad_col)
    yield case("falling-rowptr", outside, "'rowptr' must start at 0, never decrease", rowptr=falling)
    yield case("short-rowptr", outside, "ends at 39", rowptr=short)
    yield case("shifted-rowptr", outside, "starts at 1", rowptr=shifted)
    yield case("no-rowptr", wrong, "'rowptr' must have at least one element", rowptr=g.rowptr[:0])
    yield case("integer-features", wrong, "'x' must be float32, float64, float16", x=x.astype(np.int64))
    mixed = "'x' is float32 but 'weight' is float64"
    yield case("mixed-types", wrong, mixed, weight=weight.astype(np.float64))
    yield case("short-weight", wrong, "'weight' must have shape [40] (one per edge)", weight=weight[:-1])
    heads = "'weight' must have shape [40] (one per edge) or [40, heads]"
    yield case("wrong-heads", wrong, heads, weight=values((g.num_edges, 3), np.float32))
    both = "'weight' and 'self_weight' must both have heads or neither, got shapes [40, 4] and [9]"
    per_head, own = values((g.num_edges, 4), np.float32), weight[:9]
    yield case("heads-of-one-weight", wrong, both, weight=per_head, self_weight=own)
    yield case("self-weight-length", wrong, "'self_weight' must have shape [9]", self_weight=weight)
    yield case("not-square", wrong, "needs a square graph", x=x[:8], self_weight=weight[:9])
    yield case("unknown-reduction", wrong, "reduce must be 'sum'", reduce="median")
    large_perm = {**segment, "perm": np.arange(1, 41)}
    yield Case("segment_reduce", "large-perm", large_perm, (outside, "'perm'[39] is 40"))
    past_the_end = {**segment, "perm": None, "src": src[:-1]}
    yield Case("segment_reduce", "rowptr-past-the-end", past_the_end, (outside, "'rowptr' must start at 0"))
