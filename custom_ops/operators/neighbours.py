"""Neighbour search in point clouds: k nearest, all within a radius, the nearest one; exact and deterministic.

A distance is ``sum_d (a_d - b_d)^2``, summed in the order of dimensions in the dtype of the points (halves: float32),
the same bits on every machine. Ties go to the lower index. Points of a batch are sorted by graph: a batch vector that
is not in ascending order is refused. An index has no gradient.
"""

import torch
from torch import Tensor

from geocompile.custom_ops.operators.library import same_device
from geocompile.custom_ops.operators.neighbours_reference import (
    knn_reference,
    nearest_reference,
    radius_reference,
)
from geocompile.custom_ops.registry import Operator, register


def knn(
    x: Tensor,
    y: Tensor,
    k: int,
    batch_x: Tensor | None = None,
    batch_y: Tensor | None = None,
    cosine: bool = False,
    num_workers: int = 1,
    batch_size: int | None = None,
) -> Tensor:
    """For each point of `y` the `k` nearest points of `x` in the same graph, nearest first.

    Args:
        x: ``[num_points, dimensions]`` (or ``[num_points]``) float32, float64, float16 or bfloat16 (halves are computed
            in float32); finite.
        y: ``[num_queries, dimensions]``, dtype of `x`.
        k: How many, at least 1; all of a graph that has fewer. A number, or computed from sizes, except in ONNX, where
            it is an attribute; so is `max_num_neighbors` of `radius`.
        batch_x: ``[num_points]`` int64 or int32, ascending, the graph of each point of `x`; None: all in graph 0.
        batch_y: ``[num_queries]``, dtype of `batch_x`, the same for `y`.
        cosine: Measure ``1 - a.b / (|a| |b|)`` instead of the Euclidean distance; 0 / 0 counts as 0.
        num_workers: Accepted as in PyG; the threads are torch's.
        batch_size: Accepted as in PyG, and not needed.

    Returns:
        int64 ``[2, pairs]``: row 0 is the index into `y`, row 1 into `x`; sorted by `y`, distance, index into `x`.

    Raises:
        ValueError: For a wrong dtype, shape or `k`, coordinates that are not finite, a batch vector that is not sorted.
        IndexError: For a negative graph number.

    Source: Fey, "PyTorch Cluster" (2018), ``torch_cluster.knn``.
    """
    graphs_x, graphs_y = _both(x, y, batch_x, batch_y)
    return torch.ops.geocompile.knn(x, y, k, graphs_x, graphs_y, cosine)  # type: ignore[no-any-return]


def knn_graph(
    x: Tensor,
    k: int,
    batch: Tensor | None = None,
    loop: bool = False,
    flow: str = "source_to_target",
    cosine: bool = False,
    num_workers: int = 1,
    batch_size: int | None = None,
) -> Tensor:
    """Edges from the `k` nearest points of each point's graph to the point.

    Without `loop` a point is not its own neighbour; others at the same place are.

    Args:
        x: As in `knn`.
        k: How many neighbours, at least 1; all others of a graph that has fewer.
        batch: ``[num_points]`` int64 or int32, ascending, the graph of each point; None: all in graph 0.
        loop: Whether a point counts among its own neighbours.
        flow: ``"source_to_target"``: row 0 is the neighbour, row 1 the point; ``"target_to_source"``: the other way
            round.
        cosine: As in `knn`.
        num_workers: As in `knn`, not used.
        batch_size: As in `knn`, not used.

    Returns:
        int64 ``[2, edges]``, sorted by point, distance, index of the neighbour.

    Raises:
        ValueError: As in `knn`, and for an unknown `flow`.
        IndexError: For a negative graph number.

    Source: Fey, "PyTorch Cluster" (2018), ``torch_cluster.knn_graph``.
    """
    neighbours_first = _neighbours_first("knn_graph", flow)
    return torch.ops.geocompile.knn(  # type: ignore[no-any-return]
        x, x, k, batch, batch, cosine, not loop, neighbours_first
    )


def radius(
    x: Tensor,
    y: Tensor,
    r: float,
    batch_x: Tensor | None = None,
    batch_y: Tensor | None = None,
    max_num_neighbors: int = 32,
    num_workers: int = 1,
    batch_size: int | None = None,
) -> Tensor:
    """For each point of `y` all points of `x` in the same graph that are closer than `r`, nearest first.

    A point at the distance `r` is not within it: squares are compared, ``sum_d (x_d - y_d)^2 < r^2``, in the dtype of
    the points. Of more than `max_num_neighbors` the nearest stay (torch_cluster keeps those that it meets first).

    Args:
        x: As in `knn`.
        y: As in `knn`.
        r: The radius, not negative.
        batch_x: As in `knn`.
        batch_y: As in `knn`.
        max_num_neighbors: The most neighbours of each point of `y`, at least 1.
        num_workers: As in `knn`, not used.
        batch_size: As in `knn`, not used.

    Returns:
        int64 ``[2, pairs]``, as of `knn`.

    Raises:
        ValueError: As in `knn`, and for a negative `r`.
        IndexError: For a negative graph number.

    Source: Fey, "PyTorch Cluster" (2018), ``torch_cluster.radius``.
    """
    graphs_x, graphs_y = _both(x, y, batch_x, batch_y)
    return torch.ops.geocompile.radius(  # type: ignore[no-any-return]
        x, y, r, max_num_neighbors, graphs_x, graphs_y
    )


def radius_graph(
    x: Tensor,
    r: float,
    batch: Tensor | None = None,
    loop: bool = False,
    max_num_neighbors: int = 32,
    flow: str = "source_to_target",
    num_workers: int = 1,
    batch_size: int | None = None,
) -> Tensor:
    """Edges to each point from all points of its graph that are closer than `r`.

    Args:
        x: As in `knn`.
        r: The radius, not negative; see `radius`.
        batch: As in `knn_graph`.
        loop: Whether a point counts among its own neighbours.
        max_num_neighbors: The most neighbours of each point, at least 1; the nearest stay.
        flow: As in `knn_graph`.
        num_workers: As in `knn`, not used.
        batch_size: As in `knn`, not used.

    Returns:
        int64 ``[2, edges]``, as of `knn_graph`.

    Raises:
        ValueError: As in `radius`, and for an unknown `flow`.
        IndexError: For a negative graph number.

    Source: Fey, "PyTorch Cluster" (2018), ``torch_cluster.radius_graph``.
    """
    neighbours_first = _neighbours_first("radius_graph", flow)
    return torch.ops.geocompile.radius(  # type: ignore[no-any-return]
        x, x, r, max_num_neighbors, batch, batch, not loop, neighbours_first
    )


def nearest(x: Tensor, y: Tensor, batch_x: Tensor | None = None, batch_y: Tensor | None = None) -> Tensor:
    """For each point of `x` the nearest point of `y` in the same graph.

    Args:
        x: As in `knn`.
        y: As in `knn`.
        batch_x: As in `knn`.
        batch_y: As in `knn`.

    Returns:
        int64 ``[num_points]``, indices into `y`.

    Raises:
        ValueError: As in `knn`, and for a graph with points in `x` and none in `y`.
        IndexError: For a negative graph number.

    Source: Fey, "PyTorch Cluster" (2018), ``torch_cluster.nearest``.
    """
    graphs_x, graphs_y = _both(x, y, batch_x, batch_y)
    return torch.ops.geocompile.nearest(x, y, graphs_x, graphs_y)  # type: ignore[no-any-return]


def _both(
    x: Tensor, y: Tensor, batch_x: Tensor | None, batch_y: Tensor | None
) -> tuple[Tensor | None, Tensor | None]:
    """A batch vector that is missing beside one that is there: all in graph 0."""
    if batch_x is None and batch_y is not None:
        return torch.zeros(x.size(0), dtype=batch_y.dtype, device=batch_y.device), batch_y
    if batch_y is None and batch_x is not None:
        return batch_x, torch.zeros(y.size(0), dtype=batch_x.dtype, device=batch_x.device)
    return batch_x, batch_y


def _neighbours_first(operator: str, flow: str) -> bool:
    if flow != "source_to_target" and flow != "target_to_source":
        raise ValueError(
            f"geocompile.{operator}: flow must be 'source_to_target' or 'target_to_source', got '{flow}'"
        )
    return flow == "source_to_target"


def _fake_knn(
    x: Tensor,
    y: Tensor,
    k: int,
    batch_x: Tensor | None = None,
    batch_y: Tensor | None = None,
    cosine: bool = False,
    skip_self: bool = False,
    neighbours_first: bool = False,
) -> Tensor:
    same_device("knn", x=x, y=y, batch_x=batch_x, batch_y=batch_y)
    if batch_x is not None:
        return _new_edges(y)
    others = torch.sym_max(x.size(0) - 1, 0) if skip_self else x.size(0)  # type: ignore[no-untyped-call]
    found = torch.sym_min(k, others)  # type: ignore[no-untyped-call]
    return y.new_empty(2, y.size(0) * found, dtype=torch.long)


def _fake_radius(
    x: Tensor,
    y: Tensor,
    r: float,
    max_num_neighbors: int = 32,
    batch_x: Tensor | None = None,
    batch_y: Tensor | None = None,
    skip_self: bool = False,
    neighbours_first: bool = False,
) -> Tensor:
    same_device("radius", x=x, y=y, batch_x=batch_x, batch_y=batch_y)
    return _new_edges(y)


def _fake_nearest(
    x: Tensor, y: Tensor, batch_x: Tensor | None = None, batch_y: Tensor | None = None
) -> Tensor:
    same_device("nearest", x=x, y=y, batch_x=batch_x, batch_y=batch_y)
    return x.new_empty(x.size(0), dtype=torch.long)


def _new_edges(like: Tensor) -> Tensor:
    return like.new_empty(2, torch.library.get_ctx().new_dynamic_size(), dtype=torch.long)


torch.library.register_fake("geocompile::knn", _fake_knn)
torch.library.register_fake("geocompile::radius", _fake_radius)
torch.library.register_fake("geocompile::nearest", _fake_nearest)
for _name in ("knn", "radius", "nearest"):
    torch.library.register_autocast(f"geocompile::{_name}", "cpu", torch.float32)
_GRAPHS = {"batch_x": None, "batch_y": None}
_KNN = ("Knn", "KnnBatched", "KnnCosine", "KnnCosineBatched")
register(Operator("knn", knn_reference, False, _KNN, _GRAPHS))
register(Operator("radius", radius_reference, False, ("Radius", "RadiusBatched"), _GRAPHS))
register(Operator("nearest", nearest_reference, False, ("Nearest", "NearestBatched"), _GRAPHS))
