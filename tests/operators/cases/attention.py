"""segment_softmax, gat_coefficients and gat_aggregate."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from tests.operators.cases.case import Case, values
from tests.operators.cases.graphs import Graph, graphs, heavy_graph

SLOPE = 0.25  # a float32, as attributes in ONNX are: in float64 another slope would be another operator


def cases() -> Iterator[Case]:
    yield from _softmax()
    yield from _gat()


def _softmax() -> Iterator[Case]:
    for g in [*graphs(), *graphs(np.int32)[:3]]:
        src = values((g.num_edges, 3), np.float64)
        for form, perm in {"": g.perm, "-in-order": None}.items():
            arguments = {"src": src, "rowptr": g.rowptr, "perm": perm}
            yield Case("segment_softmax", f"{g.name}{form}-{g.col.dtype.name}", arguments)
    g = graphs()[0]
    for shape in ((), (0,), (1,), (2, 3), (8,), (16,), (21,)):
        src = values((g.num_edges, *shape), np.float32)
        size = "x".join(str(n) for n in shape) or "vector"
        for form, perm in {"": g.perm, "-in-order": None}.items():
            arguments = {"src": src, "rowptr": g.rowptr, "perm": perm}
            yield Case("segment_softmax", f"{size}{form}", arguments)
    yield from _special_softmax()
    g = heavy_graph()
    for shape, perm in (((3,), g.perm), ((), None), ((8,), None)):
        src = values((g.num_edges, *shape), np.float64)
        yield Case("segment_softmax", f"{g.name}-{shape}", {"src": src, "rowptr": g.rowptr, "perm": perm})


def _special_softmax() -> Iterator[Case]:
    """-inf gets 0 in a row that has more; a row of nothing else, NaN and inf make their row NaN; huge scores do not."""
    inf, nan = np.inf, np.nan
    rows = [[-inf, 1.0], [-inf, -inf], [inf, 1.0], [nan, 2.0], [700.0, 710.0], [-1e4, 1e4], [-1e30, -2e30]]
    rowptr = np.arange(0, 2 * len(rows) + 1, 2)
    src = np.array(rows).reshape(-1)
    yield Case("segment_softmax", "special-values", {"src": src, "rowptr": rowptr, "perm": None})
    short = {"src": src[:5], "rowptr": np.array([0, 2, 2, 3]), "perm": np.array([4, 0, 3])}
    yield Case("segment_softmax", "special-perm-of-a-part", short)


def _gat() -> Iterator[Case]:
    for g in [*graphs(), *graphs(np.int32)[:3]]:
        for form in ("plain", "edge", "self", "edge-self"):
            yield from _gat_cases(g, form, np.float64, 2, 3)
    g = graphs()[0]
    for heads, channels in ((1, 1), (1, 37), (3, 5), (8, 8), (8, 16), (16, 2), (21, 3), (4, 0)):
        yield from _gat_cases(g, "edge-self", np.float32, heads, channels)
    yield from _gat_cases(graphs()[1], "edge-self", np.float32, 0, 4)
    yield from _gat_cases(heavy_graph(), "edge-self", np.float64, 2, 5)
    yield from _gat_cases(heavy_graph(), "plain", np.float32, 8, 16)
    yield _self_without_edges(graphs()[2])
    yield from _special_gat()


def _gat_cases(g: Graph, form: str, dtype: type, heads: int, channels: int) -> Iterator[Case]:
    loops, on_edges = "self" in form, "edge" in form
    scores = {
        "rowptr": g.rowptr,
        "col": g.col,
        "source": values((g.num_nodes, heads), dtype, seed=4),
        "target": values((g.num_nodes, heads), dtype, seed=5),
        "edge": values((g.num_edges, heads), dtype, seed=6) if on_edges else None,
        "self_edge": values((g.num_nodes, heads), dtype, seed=7) if on_edges and loops else None,
        "negative_slope": SLOPE,
        "self_loops": loops,
    }
    name = f"{form}-{g.name}-{heads}x{channels}-{np.dtype(dtype).name}-{g.col.dtype.name}"
    yield Case("gat_coefficients", name, scores)
    yield Case("gat_aggregate", name, {"x": values((g.num_nodes, heads, channels), dtype), **scores})


def _self_without_edges(g: Graph) -> Case:
    """Shares of edges, and loops that have none."""
    aggregate = list(_gat_cases(g, "edge-self", np.float64, 2, 3))[1]
    return Case("gat_aggregate", "loops-without-edge-share", {**aggregate.arguments, "self_edge": None})


def _special_gat() -> Iterator[Case]:
    """A NaN or an infinite score: of row 0 in one head, of row 1 everywhere, of an edge that is left out in row 2."""
    scores = {
        "rowptr": np.array([0, 2, 3, 6]),
        "col": np.array([1, 2, 0, 2, 2, 0]),
        "source": np.array([[0.5, -1.0], [np.nan, 2.0], [1.0, -np.inf]]),
        "target": np.array([[1.0, 0.0], [-np.inf, np.inf], [0.0, 0.5]]),
        "edge": np.array([[0.0, 1.0], [1.0, 0.0], [0.5, 0.5], [3.0, 1.0], [np.nan, 1.0], [1.0, -3.0]]),
        "self_edge": np.array([[0.0, 1.0], [1.0, 0.0], [0.5, 0.5]]),
        "negative_slope": SLOPE,
        "self_loops": True,
    }
    yield Case("gat_coefficients", "special-values", scores)
    yield Case("gat_aggregate", "special-values", {"x": values((3, 2, 4), np.float64), **scores})


def refused() -> Iterator[Case]:
    """Inputs that every runtime must refuse, with what the message must say."""
    g = graphs()[0]
    bad_col, falling = g.col.copy(), g.rowptr.copy()
    bad_col[-1], falling[3] = 9, falling[5] + 1
    wrong, outside = ValueError, IndexError
    segment = {"src": values((g.num_edges, 2), np.float32), "rowptr": g.rowptr, "perm": g.perm}
    scores, aggregate = (case.arguments for case in _gat_cases(g, "edge-self", np.float32, 2, 3))

    def softmax(name: str, error: type[Exception], message: str, **changes: Any) -> Case:
        return Case("segment_softmax", name, {**segment, **changes}, (error, message))

    def gat(name: str, error: type[Exception], message: str, **changes: Any) -> Iterator[Case]:
        yield Case("gat_coefficients", name, {**scores, **changes}, (error, message))
        yield Case("gat_aggregate", name, {**aggregate, **changes}, (error, message))

    yield softmax(
        "large-perm", outside, "'perm'[39] is 40, the valid range is 0 to 39", perm=np.arange(1, 41)
    )
    past_the_end = {"perm": None, "src": segment["src"][:-1]}
    yield softmax("rowptr-past-the-end", outside, "'rowptr' must start at 0", **past_the_end)
    mixed = "'rowptr' is int64 but 'perm' is int32"
    yield softmax("mixed-index-types", wrong, mixed, perm=g.perm.astype(np.int32))
    yield softmax("integer-features", wrong, "'src' must be float32", src=g.col)
    yield from gat("large-col", outside, "'col'[39] is 9, the valid range is 0 to 8", col=bad_col)
    yield from gat("falling-rowptr", outside, "'rowptr' must start at 0, never decrease", rowptr=falling)
    one_head = "'target' must have shape [9, 2] (rows, heads), got [9, 1]"
    yield from gat("heads-of-target", wrong, one_head, target=scores["target"][:, :1])
    short = "'edge' must have shape [40, 2] (edges, heads), got [39, 2]"
    yield from gat("short-edge", wrong, short, edge=scores["edge"][:-1])
    double = "'source' is float32 but 'target' is float64"
    yield from gat("mixed-types", wrong, double, target=scores["target"].astype(np.float64))
    yield from gat(
        "vector-source", wrong, "'source' must have shape [sources, heads]", source=values((9,), np.float32)
    )
    flat = values((9, 6), np.float32)
    message = "'x' must have shape [sources, heads, channels], got [9, 6]"
    yield Case("gat_aggregate", "flat-features", {**aggregate, "x": flat}, (wrong, message))
    message = "'source' must have shape [9, 3] (as in 'x': sources, heads), got [9, 2]"
    three = values((9, 3, 2), np.float32)
    yield Case("gat_aggregate", "heads-of-x", {**aggregate, "x": three}, (wrong, message))
