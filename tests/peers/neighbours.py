"""What is asked of torch_cluster: neighbours, sampling and clusters, with nothing left to chance."""

from collections.abc import Iterator

import numpy as np

from tests.peers.case import Case, Difference, generator, positions

# three graphs; the second has fewer points than any k asked for
BATCH_X, BATCH_Y = np.repeat([0, 1, 2], [20, 3, 17]), np.repeat([0, 1, 2], [6, 2, 4])
# and with a graph that has no points
GAP_X, GAP_Y = np.repeat([0, 2], [23, 17]), np.repeat([0, 2], [7, 5])

# with which a point has some neighbours in the unit cube, and not all
RADIUS = {1: 0.15, 2: 0.25, 3: 0.35, 8: 0.75}


def cases() -> Iterator[Case]:
    yield from _knn_and_radius()
    yield from _fps()
    yield from _nearest()
    yield from _grid_cluster()
    yield from _graclus()


def _knn_and_radius() -> Iterator[Case]:
    batches = {"one-graph": (None, None), "batch": (BATCH_X, BATCH_Y), "empty-graph": (GAP_X, GAP_Y)}
    for dimension in (1, 2, 3, 8):
        for dtype in (np.float64, np.float32):
            points = {
                "x": positions((40, dimension), dtype, seed=20 + dimension),
                "y": positions((12, dimension), dtype, seed=30 + dimension),
            }
            for name, (batch_x, batch_y) in batches.items():
                arguments = {**points, "batch_x": batch_x, "batch_y": batch_y}
                suffix = f"{name}-{dimension}d-{np.dtype(dtype).name}"
                for k in (1, 5):
                    yield Case("knn", f"k{k}-{suffix}", {**arguments, "k": k})
                within = {**arguments, "r": RADIUS[dimension], "max_num_neighbors": 40}
                yield Case("radius", suffix, within)
    everybody = {"x": points["x"], "y": points["y"], "batch_x": None, "batch_y": None}
    yield Case("knn", "k-above-the-number-of-points", {**everybody, "k": 50})
    line = {
        "x": np.array([[0.0], [3.0], [1.0], [2.0]]),
        "y": np.zeros((1, 1)),
        "batch_x": None,
        "batch_y": None,
    }
    nearest = {"out": np.array([[0, 0], [0, 2]])}
    reason = (
        "of more neighbours than allowed the nearest stay; the peer keeps those that its tree meets first"
    )
    capped = {**line, "r": 10.0, "max_num_neighbors": 2}
    yield Case("radius", "more-neighbours-than-allowed", capped, difference=Difference(reason, nearest))


def _fps() -> Iterator[Case]:
    for dtype in (np.float64, np.float32):
        src = positions((40, 3), dtype, seed=40)
        for ratio in (0.25, 0.5, 1.0):
            for name, batch in (("one-graph", None), ("batch", BATCH_X)):
                arguments = {"src": src, "batch": batch, "ratio": ratio, "random_start": False}
                yield Case("fps", f"{ratio}-{name}-{np.dtype(dtype).name}", arguments)


def _nearest() -> Iterator[Case]:
    x, y = positions((40, 3), seed=41), positions((12, 3), seed=42)
    for name, (batch_x, batch_y) in {"one-graph": (None, None), "batch": (BATCH_X, BATCH_Y)}.items():
        yield Case("nearest", name, {"x": x, "y": y, "batch_x": batch_x, "batch_y": batch_y})


def _grid_cluster() -> Iterator[Case]:
    for dimension in (1, 2, 3):
        pos = positions((40, dimension), seed=50 + dimension) * 4 - 2
        size = np.array([0.75, 1.0, 1.5])[:dimension]
        arguments = {"pos": pos, "size": size, "start": None, "end": None}
        yield Case("grid_cluster", f"{dimension}d-own-extent", arguments)
        extent = {"start": np.full(dimension, -2.0), "end": np.full(dimension, 2.0)}
        yield Case("grid_cluster", f"{dimension}d-given-extent", {**arguments, **extent})


def _graclus() -> Iterator[Case]:
    """The peer visits nodes in random order: pairs that choose each other come out the same in any."""
    pairs = np.array([[0, 3], [1, 6], [2, 5], [4, 7]])
    weak = np.array([[0, 1], [1, 2], [2, 4], [3, 5], [6, 7], [5, 7]])
    row, col = np.concatenate([pairs, pairs[:, ::-1], weak, weak[:, ::-1]]).T
    weight = np.concatenate([[9.0, 8.0, 7.0, 6.0] * 2, [1.0, 1.5, 2.0, 2.5, 3.0, 3.5] * 2])
    arguments = {"row": row, "col": col, "weight": weight, "num_nodes": 9}
    yield Case("graclus_cluster", "mutual-pairs", arguments)
    matched = {"row": row[:8], "col": col[:8], "weight": None, "num_nodes": 9}
    yield Case("graclus_cluster", "pairs-alone", matched)
    loops = {"row": np.arange(3), "col": np.arange(3), "weight": np.ones(3), "num_nodes": 3}
    yield Case("graclus_cluster", "only-loops", loops)
    for seed in (60, 61):
        yield Case("graclus_cluster", f"every-order-{seed}", {**_small_graph(seed), "orders": 2000})


def _small_graph(seed: int) -> dict[str, np.ndarray | int]:
    """Six nodes, so few that 2000 random orders meet every result; all weights differ."""
    pairs = np.array([(i, j) for i in range(6) for j in range(i)])
    chosen = pairs[generator(seed).permutation(len(pairs))[:8]]
    row, col = np.concatenate([chosen, chosen[:, ::-1]]).T
    return {"row": row, "col": col, "weight": np.tile(np.arange(1.0, 9.0), 2), "num_nodes": 6}
