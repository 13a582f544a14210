"""graclus, grid_cluster, coalesce, consecutive and renumber_edges."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from tests.operators.cases.case import Case, values
from tests.operators.cases.graphs import graphs, heavy_graph


def cases() -> Iterator[Case]:
    yield from _graclus()
    yield from _grid_cluster()
    yield from _coalesce()
    yield from _consecutive()
    yield from _renumber_edges()


def _graclus() -> Iterator[Case]:
    for index, dtype in ((np.int64, np.float64), (np.int32, np.float32)):
        for g in graphs(index):
            name, edges = f"{g.name}-{index.__name__}", {"rowptr": g.rowptr, "col": g.col}
            weight = values((g.num_edges,), dtype)
            order = np.random.default_rng(5).permutation(g.num_nodes).astype(index)
            yield Case("graclus", name, {**edges, "weight": None, "order": None})
            yield Case("graclus", f"{name}-weighted", {**edges, "weight": weight, "order": None})
            yield Case("graclus", f"{name}-ordered", {**edges, "weight": None, "order": order})
            yield Case("graclus", f"{name}-both", {**edges, "weight": weight, "order": order[::-1].copy()})
    g = graphs()[0]
    edges = {"rowptr": g.rowptr, "col": g.col}
    ties, special = np.repeat([2.0, 1.0], 20), values((40,), np.float64)
    special[::3], special[1::5] = np.nan, -np.inf
    few = np.array([3, 3, 7, 3])
    yield Case("graclus", "ties", {**edges, "weight": ties, "order": None})
    yield Case("graclus", "special-weights", {**edges, "weight": special, "order": None})
    three = {"rowptr": np.array([0, 2, 3, 4]), "col": np.array([1, 2, 0, 0])}
    largest = float(np.finfo(np.float64).max)
    for name, first in {
        "nan-and-minus-infinity": [np.nan, -np.inf],
        "least-and-minus-infinity": [-np.inf, -largest],
        "largest-and-infinity": [largest, np.inf],
    }.items():
        yield Case("graclus", name, {**three, "weight": np.array([*first, 0.0, 0.0]), "order": None})
    yield Case("graclus", "some-visits-repeated", {**edges, "weight": None, "order": few})
    yield Case("graclus", "no-visits", {**edges, "weight": special, "order": few[:0]})


def _grid_cluster() -> Iterator[Case]:
    for dtype in (np.float64, np.float32):
        index = np.int64 if dtype == np.float64 else np.int32
        for count, dims in ((60, 3), (50, 1), (40, 2), (30, 6), (1, 2), (0, 3)):
            pos, size = values((count, dims), dtype), np.linspace(0.3, 1.7, dims).astype(dtype)
            batch = np.sort(np.random.default_rng(8).integers(0, 5, count)).astype(index)
            start, end = np.full(dims, -4.5, dtype), np.full(dims, 5.25, dtype)
            for from_, to, graphs_ in np.ndindex(2, 2, 2):
                given = {
                    "start": start if from_ else None,
                    "end": end if to else None,
                    "batch": batch if graphs_ else None,
                }
                shape = "random" if count == 60 else f"{count}x{dims}"
                words = "-".join(word for word, value in given.items() if value is not None) or "alone"
                name = f"{shape}-{words}-{np.dtype(dtype).name}"
                yield Case("grid_cluster", name, {"pos": pos, "size": size} | given)
    lattice = np.stack(np.meshgrid(np.arange(5.0), np.arange(4.0)), -1).reshape(-1, 2)
    borders = {"pos": lattice, "size": np.array([2.0, 1.0]), "start": None, "end": None, "batch": None}
    yield Case("grid_cluster", "on-the-borders", borders)
    far = {"pos": np.array([[0.0] * 3, [9999.0] * 3, [0.0] * 3, [9999.0] * 3]), "size": np.ones(3)}
    for index in (np.int64, np.int32):
        graph = {"batch": np.array([0, 0, 2, 2], index)}
        yield Case("grid_cluster", f"numbers-beyond-int32-{index.__name__}", borders | far | graph)
    large = {"pos": np.array([[0.0] * 3, [2.0**20 - 1] * 3] * 2), "batch": np.array([0, 0, 7, 7])}
    yield Case("grid_cluster", "numbers-up-to-int64", borders | {"size": np.ones(3)} | large)
    outside = {"start": np.array([1.0, 1.0]), "end": np.array([2.0, 2.0])}
    far = {"pos": np.array([[2.0**40, -(2.0**41)], [-3.0, 2.0**36]])}
    yield Case("grid_cluster", "far-outside-of-the-extent", borders | far | outside)
    yield Case("grid_cluster", "outside-of-the-extent", borders | outside)


def _coalesce() -> Iterator[Case]:
    for index in (np.int64, np.int32):
        for g in graphs(index):
            arguments = {
                "edge_index": np.stack([g.target, g.source]),
                "like": np.zeros((g.num_nodes, 2), np.float32),
            }
            yield Case("coalesce", f"{g.name}-{index.__name__}", arguments)
    g = heavy_graph()
    heavy = {"edge_index": np.stack([g.target, g.source]), "like": np.zeros(g.num_nodes)}
    yield Case("coalesce", g.name, heavy)
    few = np.random.default_rng(5).integers(0, 7, (2, 40)) * 300_000_000
    for index in (np.int64, np.int32):
        arguments = {"edge_index": few.astype(index), "like": np.zeros((2_000_000_000, 0))}
        yield Case("coalesce", f"few-edges-of-many-nodes-{index.__name__}", arguments)


def _consecutive() -> Iterator[Case]:
    for index in (np.int64, np.int32):
        for name, ids in {
            "random": np.random.default_rng(9).integers(0, 30, 50),
            "sparse": np.random.default_rng(9).integers(-(2**31), 2**31 - 1, 20)[np.arange(60) % 20],
            "negative": np.array([5, -3, 5, 0, -3, -3]),
            "sorted": np.arange(7) // 2,
            "same": np.full(4, 2**30),
            "one": np.array([-7]),
            "none": np.array([]),
        }.items():
            yield Case("consecutive", f"{name}-{index.__name__}", {"ids": ids.astype(index)})
    extremes = np.array([2**63 - 1, -(2**63), 0, 2**63 - 1, 2**40])
    yield Case("consecutive", "extremes", {"ids": extremes})


def _renumber_edges() -> Iterator[Case]:
    random = np.random.default_rng(6)
    for index in (np.int64, np.int32):
        for g in [*graphs(index), heavy_graph()] if index is np.int64 else graphs(index):
            number = random.integers(-3, 2**31 - 1, g.num_nodes).astype(index)
            edges = {"edge_index": np.stack([g.source, g.target]), "number": number}
            yield Case("renumber_edges", f"{g.name}-{index.__name__}", edges)


def refused() -> Iterator[Case]:
    """Inputs that every runtime must refuse, with what the message must say."""
    yield from _refused_graphs()
    yield from _refused_points()
    yield from _refused_numbers()


def _refused_graphs() -> Iterator[Case]:
    g = graphs()[0]
    wrong, outside = ValueError, IndexError
    large, negative, falling = g.col.copy(), g.col.copy(), g.rowptr.copy()
    large[39], negative[3], falling[4] = 9, -1, 0

    def graclus(name: str, error: type[Exception], message: str, **changes: Any) -> Case:
        base = {"rowptr": g.rowptr, "col": g.col, "weight": None, "order": None}
        return Case("graclus", name, base | changes, (error, message))

    yield graclus("large-col", outside, "'col'[39] is 9, the valid range is 0 to 8", col=large)
    yield graclus("negative-col", outside, "'col'[3] is -1, it must not be negative", col=negative)
    yield graclus("falling-rowptr", outside, "'rowptr' must start at 0, never decrease", rowptr=falling)
    order = np.array([0, 4, 9])
    yield graclus("large-order", outside, "'order'[2] is 9, the valid range is 0 to 8", order=order)
    yield graclus("negative-order", outside, "'order'[0] is -2, it must not be negative", order=order - 2)
    yield graclus(
        "mixed-order", wrong, "'rowptr' is int64 but 'order' is int32", order=order.astype(np.int32)
    )
    short = np.ones(39, np.float32)
    yield graclus("short-weight", wrong, "'weight' must have shape [40] (one per edge)", weight=short)
    yield graclus("integer-weight", wrong, "'weight' must be float32", weight=np.ones(40, np.int64))

    def coalesce(name: str, error: type[Exception], message: str, edges: Any, nodes: int = 9) -> Case:
        arguments = {"edge_index": edges, "like": np.zeros((nodes, 1), np.float32)}
        return Case("coalesce", name, arguments, (error, message))

    edges = np.stack([g.source, g.target])
    bad_row, bad_col = edges.copy(), edges.copy()
    bad_row[0, 7], bad_col[1, 39] = -4, 9
    yield coalesce("negative-row", outside, "'edge_index[0]'[7] is -4, it must not be negative", bad_row)
    yield coalesce("large-col", outside, "'edge_index[1]'[39] is 9, the valid range is 0 to 8", bad_col)
    yield coalesce("no-nodes", outside, "nothing to refer to (0 rows)", edges, 0)
    yield coalesce("vector", wrong, "'edge_index' must have shape [2, edges], got [40]", g.source)
    yield coalesce("three-rows", wrong, "must have shape [2, edges], got [3, 40]", edges[[0, 1, 1]])
    yield coalesce("float-index", wrong, "'edge_index' must be int64 or int32", edges.astype(np.float32))
    ids = {"ids": np.zeros((3, 2), np.int64)}
    yield Case("consecutive", "matrix", ids, (wrong, "'ids' must have one dimension, got shape [3, 2]"))
    ids = {"ids": np.zeros(3, np.float32)}
    yield Case("consecutive", "float-index", ids, (wrong, "'ids' must be int64 or int32"))


def _refused_numbers() -> Iterator[Case]:
    wrong, outside = ValueError, IndexError
    edges, number = np.array([[0, 1, 2], [1, 2, 0]]), np.array([5, 6, 7])
    negative, large = edges.copy(), edges.copy()
    negative[1, 2], large[0, 1] = -1, 3

    def case(name: str, error: type[Exception], message: str, **changes: Any) -> Case:
        arguments = {"edge_index": edges, "number": number} | changes
        return Case("renumber_edges", name, arguments, (error, message))

    message = "'edge_index'[1, 2] is -1, it must not be negative"
    yield case("negative-node", outside, message, edge_index=negative)
    message = "'edge_index'[0, 1] is 3, the valid range is 0 to 2"
    yield case("large-node", outside, message, edge_index=large)
    yield case("no-nodes", outside, "nothing to refer to (0 rows)", number=number[:0])
    yield case("transposed", wrong, "must have shape [2, num_edges], got [3, 2]", edge_index=edges.T)
    yield case(
        "float-index", wrong, "'edge_index' must be int64 or int32", edge_index=edges.astype(np.float32)
    )
    yield case("matrix", wrong, "'number' must have one dimension, got shape [2, 3]", number=edges)
    mixed = "'edge_index' is int64 but 'number' is int32"
    yield case("mixed", wrong, mixed, number=number.astype(np.int32))


def _refused_points() -> Iterator[Case]:
    pos = values((20, 3), np.float64)
    wrong, outside = ValueError, IndexError
    infinite, not_a_number = pos.copy(), pos.copy()
    infinite[4, 2], not_a_number[19, 0] = np.inf, np.nan
    batch = np.arange(20)
    negative, absurd = batch - 1, batch + 2**31

    def case(name: str, error: type[Exception], message: str, **changes: Any) -> Case:
        base = {"pos": pos, "size": np.ones(3), "start": None, "end": None, "batch": None}
        return Case("grid_cluster", name, base | changes, (error, message))

    finite = "coordinates must be finite"
    yield case("infinite", wrong, f"'pos'[4, 2] is inf, {finite}", pos=infinite)
    yield case("not-a-number", wrong, f"'pos'[19, 0] is nan, {finite}", pos=not_a_number)
    yield case("zero-size", wrong, "'size'[1] is 0, it must be above 0", size=np.array([1.0, 0.0, 1.0]))
    yield case("negative-size", wrong, "'size'[0] is -1, it must be above 0", size=-np.ones(3))
    yield case("infinite-end", wrong, "'end'[0] is inf, it must be finite", end=np.full(3, np.inf))
    crossed = {"start": np.ones(3), "end": np.array([2.0, 0.0, 2.0])}
    yield case("crossed", wrong, "'end'[1] is 0, it must not be below 'start'[1], 1", **crossed)
    yield case("many-voxels", wrong, "are too many to be numbered", size=np.full(3, 1e-12))
    away = "voxels of size 1 that begin at -1e+30 are too far away to be numbered"
    yield case("far-away", wrong, away, start=np.full(3, -1e30), end=np.full(3, -1e30))
    outside_of_many = {"pos": np.array([[0.0, 2.0**30]]), "size": np.array([2.0**-52, 1.0])}
    outside_of_many |= {"start": np.zeros(2), "end": np.ones(2)}
    message = "'pos' reaches from 1.07374e+09 to 1.07374e+09 in dimension 1"
    yield case("outside-of-many-voxels", wrong, message, **outside_of_many)
    yield case(
        "before-many-voxels", wrong, "in dimension 1", **outside_of_many | {"pos": -outside_of_many["pos"]}
    )
    corners = np.array([[0.0] * 3, [2.0**20 - 1] * 3] * 2)
    message = "'batch' holds the graph number 16, and 1152921504606846976 voxels for each graph are too many"
    for dtype in (np.int64, np.int32):
        many = {"pos": corners, "batch": np.array([0, 0, 16, 16], dtype)}
        yield case(f"many-graphs-of-voxels-{dtype.__name__}", wrong, message, **many)
    many = {"pos": np.array([[0.0] * 3, [1e6 - 1] * 3]), "batch": np.array([39, 0])}
    yield case("many-graphs-of-a-million", wrong, "'batch' holds the graph number 39", **many)
    yield case("two-sizes", wrong, "'size' must have shape [3] (one per dimension of 'pos')", size=np.ones(2))
    yield case("float32-size", wrong, "'pos' is float64 but 'size' is float32", size=np.ones(3, np.float32))
    yield case("vector-pos", wrong, "'pos' must have shape [points, dimensions]", pos=pos[:, 0])
    yield case(
        "no-dimensions", wrong, "'pos' must have shape [points, dimensions]", pos=pos[:, :0], size=np.ones(0)
    )
    yield case("short-batch", wrong, "'batch' must have shape [20] (one per point)", batch=batch[:-1])
    yield case("negative-graph", outside, "'batch'[0] is -1, it must not be negative", batch=negative)
    yield case("absurd-graph", outside, "'batch'[0] is 2147483648, the valid range is", batch=absurd)
