"""Dot-product and additive attention: coefficients, weighted sums, and what the gradients need."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from tests.operators.cases.case import Case, values
from tests.operators.cases.graphs import Graph, graphs, heavy_graph

SCALE = SLOPE = 0.25  # a float32, as attributes in ONNX are


def cases() -> Iterator[Case]:
    yield from _dot()
    yield from _additive()


def _dot() -> Iterator[Case]:
    for g in [*graphs(), *graphs(np.int32)[:3]]:
        for with_edge in (False, True):
            yield from _dot_cases(g, np.float64, (2, 3, 4), 2 if with_edge else None)
    g = graphs()[0]
    for sizes in (
        (1, 1, 1),
        (1, 37, 5),
        (3, 5, 7),
        (8, 8, 8),
        (8, 16, 16),
        (16, 32, 2),
        (21, 3, 0),
        (4, 0, 3),
    ):
        yield from _dot_cases(g, np.float32, sizes, 3)
    yield from _dot_cases(graphs()[1], np.float32, (0, 4, 4), 2)
    for edge_channels in (0, 1, 8, 16):
        yield from _dot_cases(g, np.float32, (8, 16, 16), edge_channels)
    yield from _dot_cases(graphs()[1], np.float32, (9, 4, 300), 280)  # more than are summed at a time
    yield from _dot_cases(heavy_graph(), np.float64, (2, 5, 3), 3)
    yield from _dot_cases(heavy_graph(), np.float32, (8, 16, 16), None)
    yield from _rectangular()
    yield from _special()


def _dot_cases(
    g: Graph, dtype: type, sizes: tuple[int, int, int], edge_channels: int | None
) -> Iterator[Case]:
    heads, channels, value_channels = sizes
    value = {"value": values((g.num_nodes, heads, value_channels), dtype, seed=5)}
    scores = {
        "query": values((g.num_nodes, heads, channels), dtype, seed=3),
        "key": values((g.num_nodes, heads, channels), dtype, seed=4),
    }
    graph = {"rowptr": g.rowptr, "col": g.col, "scale": SCALE, "edge_query": None, "edge": None}
    if edge_channels is not None:
        graph["edge_query"] = values((g.num_nodes, heads, edge_channels), dtype, seed=6)
        graph["edge"] = values((g.num_edges, edge_channels), dtype, seed=7)
    size = "x".join(str(n) for n in sizes) + ("" if edge_channels is None else f"-edge-{edge_channels}")
    name = f"{g.name}-{size}-{np.dtype(dtype).name}-{g.col.dtype.name}"
    yield Case("dot_coefficients", name, {**scores, **graph})
    yield Case("dot_attention", name, {**scores, **value, **graph})


def _rectangular() -> Iterator[Case]:
    """Fewer rows than sources."""
    graph = {"rowptr": np.array([0, 2, 2, 5]), "col": np.array([4, 0, 3, 3, 1]), "scale": SCALE}
    scores = {"query": values((3, 2, 4), np.float64), "key": values((5, 2, 4), np.float64, seed=4)}
    edges = {"edge_query": values((3, 2, 3), np.float64, seed=5), "edge": values((5, 3), np.float64, seed=6)}
    yield Case("dot_coefficients", "rectangular", {**scores, **graph, **edges})
    yield Case(
        "dot_attention", "rectangular", {**scores, "value": values((5, 2, 3), np.float64), **graph, **edges}
    )


def _special() -> Iterator[Case]:
    """Scores of -inf, inf and NaN, huge ones, and an infinite value; each in a row of its own."""
    inf, nan = np.inf, np.nan
    key = np.array([0.5, -inf, inf, nan, 1e4, -1e4, 2.0]).reshape(7, 1, 1)
    graph = {"rowptr": np.array([0, 2, 4, 6, 8, 10, 11]), "col": np.array([0, 1, 2, 0, 3, 0, 4, 5, 6, 0, 1])}
    scores = {"query": np.ones((6, 1, 1)), "key": key}
    rest = {**graph, "scale": 1.0, "edge_query": None, "edge": None}
    value = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, inf]).reshape(7, 1, 1)
    yield Case("dot_coefficients", "special-values", {**scores, **rest})
    yield Case("dot_attention", "special-values", {**scores, "value": value, **rest})


def _additive() -> Iterator[Case]:
    for g in [*graphs(), *graphs(np.int32)[:3]]:
        for with_edge in (False, True):
            yield from _additive_cases(g, np.float64, 2, 3, 2 if with_edge else None)
    g = graphs()[0]
    for heads, channels in ((1, 1), (1, 37), (3, 5), (8, 8), (8, 16), (16, 2), (21, 3), (4, 0)):
        yield from _additive_cases(g, np.float32, heads, channels, 3)
    yield from _additive_cases(graphs()[1], np.float32, 0, 4, 2)
    for edge_channels in (0, 1, 16):
        yield from _additive_cases(g, np.float32, 8, 16, edge_channels)
    yield from _additive_cases(graphs()[1], np.float32, 9, 300, 2)  # more than are summed at a time
    yield from _additive_cases(heavy_graph(), np.float64, 2, 5, 3)
    yield from _additive_cases(heavy_graph(), np.float32, 8, 16, None)


def _additive_cases(
    g: Graph, dtype: type, heads: int, channels: int, edge_channels: int | None
) -> Iterator[Case]:
    arguments = additive_arguments(g, dtype, heads, channels, edge_channels)
    size = f"{heads}x{channels}" + ("" if edge_channels is None else f"-edge-{edge_channels}")
    name = f"{g.name}-{size}-{np.dtype(dtype).name}-{g.col.dtype.name}"
    yield Case("additive_coefficients", name, arguments)
    yield Case("additive_attention", name, arguments)


def additive_arguments(
    g: Graph, dtype: type, heads: int, channels: int, edge_channels: int | None
) -> dict[str, Any]:
    edges: dict[str, Any] = {"edge": None, "edge_weight": None}
    if edge_channels is not None:
        edges["edge"] = values((g.num_edges, edge_channels), dtype, seed=6)
        edges["edge_weight"] = values((heads, channels, edge_channels), dtype, seed=7)
    return {
        "target": values((g.num_nodes, heads, channels), dtype, seed=3),
        "source": values((g.num_nodes, heads, channels), dtype, seed=4),
        "att": values((heads, channels), dtype, seed=5),
        "rowptr": g.rowptr,
        "col": g.col,
        "negative_slope": SLOPE,
        **edges,
    }


def refused() -> Iterator[Case]:
    """Inputs that every runtime must refuse, with what the message must say."""
    yield from _refused_dot()
    yield from _refused_additive()


def _refused_additive() -> Iterator[Case]:
    g = graphs()[0]
    bad_col, falling = g.col.copy(), g.rowptr.copy()
    bad_col[-1], falling[3] = 9, falling[5] + 1
    wrong, outside = ValueError, IndexError
    given = additive_arguments(g, np.float32, 2, 3, 5)

    def refuse(name: str, error: type[Exception], message: str, **changes: Any) -> Iterator[Case]:
        for operator in ("additive_coefficients", "additive_attention"):
            yield Case(operator, name, {**given, **changes}, (error, message))

    yield from refuse("large-col", outside, "'col'[39] is 9, the valid range is 0 to 8", col=bad_col)
    yield from refuse("falling-rowptr", outside, "'rowptr' must start at 0, never decrease", rowptr=falling)
    flat = values((9, 6), np.float32)
    message = "'target' must have shape [rows, heads, channels], got [9, 6]"
    yield from refuse("flat-target", wrong, message, target=flat)
    message = "'target' must have one row per row of 'rowptr' (9), got shape [8, 2, 3]"
    yield from refuse("short-target", wrong, message, target=given["target"][:-1])
    message = "'source' must have shape [sources, 2, 3] (heads and channels of 'target'), got [9, 2, 2]"
    yield from refuse("channels-of-source", wrong, message, source=given["source"][:, :, :2])
    message = "'att' must have shape [2, 3] (heads, channels), got [2, 2]"
    yield from refuse("channels-of-att", wrong, message, att=given["att"][:, :2])
    double = "'target' is float32 but 'att' is float64"
    yield from refuse("mixed-types", wrong, double, att=given["att"].astype(np.float64))
    message = "'edge' must have shape [40, channels] (edges, channels), got [39, 5]"
    yield from refuse("short-edge", wrong, message, edge=given["edge"][:-1])
    message = "'edge_weight' must have shape [2, 3, 5] (heads, channels, channels of 'edge'), got [2, 3, 4]"
    yield from refuse("channels-of-edge-weight", wrong, message, edge_weight=given["edge_weight"][:, :, :4])


def _refused_dot() -> Iterator[Case]:
    g = graphs()[0]
    bad_col, falling = g.col.copy(), g.rowptr.copy()
    bad_col[-1], falling[3] = 9, falling[5] + 1
    wrong, outside = ValueError, IndexError
    scores, attention = (case.arguments for case in _dot_cases(g, np.float32, (2, 3, 4), 5))

    def dot(name: str, error: type[Exception], message: str, **changes: Any) -> Iterator[Case]:
        yield Case("dot_coefficients", name, {**scores, **changes}, (error, message))
        yield Case("dot_attention", name, {**attention, **changes}, (error, message))

    yield from dot("large-col", outside, "'col'[39] is 9, the valid range is 0 to 8", col=bad_col)
    yield from dot("falling-rowptr", outside, "'rowptr' must start at 0, never decrease", rowptr=falling)
    flat = values((9, 6), np.float32)
    yield from dot(
        "flat-query", wrong, "'query' must have shape [rows, heads, channels], got [9, 6]", query=flat
    )
    message = "'query' must have one row per row of 'rowptr' (9), got shape [8, 2, 3]"
    yield from dot("short-query", wrong, message, query=scores["query"][:-1])
    message = "'key' must have shape [sources, 2, 3] (heads and channels of 'query'), got [9, 2, 2]"
    yield from dot("channels-of-key", wrong, message, key=scores["key"][:, :, :2])
    double = "'query' is float32 but 'key' is float64"
    yield from dot("mixed-types", wrong, double, key=scores["key"].astype(np.float64))
    message = "'edge' must have shape [40, channels] (edges, channels), got [39, 5]"
    yield from dot("short-edge", wrong, message, edge=scores["edge"][:-1])
    message = "'edge_query' must have shape [9, 2, channels] (rows, heads, channels), got [9, 1, 5]"
    yield from dot("heads-of-edge-query", wrong, message, edge_query=scores["edge_query"][:, :1])
    message = "'edge_query' must have the channels of 'edge' (5), got shape [9, 2, 4]"
    yield from dot("channels-of-edge-query", wrong, message, edge_query=scores["edge_query"][:, :, :4])
    message = (
        "'value' must have shape [9, 2, channels] (as in 'key': sources, heads, channels), got [9, 1, 4]"
    )
    heads_of_value = {**attention, "value": attention["value"][:, :1]}
    yield Case("dot_attention", "heads-of-value", heads_of_value, (wrong, message))
