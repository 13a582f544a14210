"""Points at the two ends of a graph's edges, with features that may be missing. Scriptable."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.jit import is_scripting  # type: ignore[attr-defined]

from geocompile.layers.common.checks import check_alike, check_edge_index, check_matrix, check_pair
from geocompile.layers.common.node_numbers import check_ends
from geocompile.layers.common.pairs import count_receiving, sending_end, smaller
from geocompile.layers.common.propagation import end_of, ends, group_edges


class PointPair(NamedTuple):
    """The points of both ends."""

    x: Tensor | None  # features of the points that send
    source: Tensor  # positions of those
    target: Tensor  # and of the points that receive; of one cloud the same tensor
    num_receiving: int  # as count_receiving counts them
    is_pair: bool


def opened_points(
    layer: str,
    x: Tensor | tuple[Tensor | None, Tensor | None] | None,
    pos: Tensor | tuple[Tensor, Tensor],
    edge_index: Tensor,
    flow: str,
    sender_first: bool,
) -> PointPair:
    """What the arguments of a layer on points say: who sends, who receives.

    Raises:
        TypeError, ValueError: an argument is of the wrong type or shape, or they contradict each other.
    """
    check_edge_index(layer, edge_index)
    sender = sending_end(flow, sender_first)
    is_pair = not isinstance(pos, Tensor)
    source, target = _both_sides(layer, pos, sender)
    check_matrix(layer, source, edge_index, source, -1, "pos")
    check_matrix(layer, target, edge_index, source, source.size(1), "pos")
    features: Tensor | None = None
    if isinstance(x, Tensor):
        features = x
    elif x is not None:
        if not is_scripting():
            check_pair(layer, x)
        features = end_of(x[0], x[1], sender)
    if features is not None:
        check_matrix(layer, features, edge_index, features, -1)
        _check_rows(layer, "x", features, source)
        if not is_scripting():
            check_alike(layer, "x", features, "pos", source)
    count = count_receiving(source, target, None, sender, flow, 0)
    return PointPair(features, source, target, count, is_pair)


def _both_sides(layer: str, pair: Tensor | tuple[Tensor, Tensor], sender: int) -> tuple[Tensor, Tensor]:
    if isinstance(pair, Tensor):
        return pair, pair
    else:  # noqa: RET505  (TorchScript compiles what stands behind a return)
        if not is_scripting():
            check_pair(layer, pair)
        return (pair[0], pair[1]) if sender == 0 else (pair[1], pair[0])


def _check_rows(layer: str, name: str, tensor: Tensor, pos: Tensor) -> None:
    if tensor.size(0) != pos.size(0):
        raise ValueError(
            f"geocompile.{layer}: {name} has {tensor.size(0)} rows and pos {pos.size(0)}; each point needs one of both"
        )


def other_side(
    layer: str,
    name: str,
    pair: Tensor | tuple[Tensor, Tensor],
    points: PointPair,
    flow: str,
    sender_first: bool,
) -> tuple[Tensor, Tensor]:
    """A further vector of each point that sends and of each that receives, of the shape of its position.

    Raises:
        ValueError: it has another shape.
    """
    source, target = _both_sides(layer, pair, sending_end(flow, sender_first))
    for tensor, pos in ((source, points.source), (target, points.target)):
        _check_rows(layer, name, tensor, pos)
        if tensor.dim() != 2 or tensor.size(1) != pos.size(1):
            raise ValueError(
                f"geocompile.{layer}: {name} must have shape [num_nodes, {pos.size(1)}], got {list(tensor.shape)}"
            )
    return source, target


def points_grouped(
    layer: str, edge_index: Tensor, flow: str, points: PointPair, add_self_loops: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Edges by receiving point: ``rowptr`` [num_targets + 1], and both ends of each, ``rows`` and ``col``.

    With ``add_self_loops`` every point is its own neighbour once, after those that the edges name.
    """
    i, j = ends(flow)
    num_sources, num_targets = points.source.size(0), points.target.size(0)
    check_ends(layer, "edge_index", edge_index, flow, num_sources, points.num_receiving, num_targets)
    if add_self_loops:
        others = edge_index[:, edge_index[0] != edge_index[1]]
        count = smaller(num_sources, num_targets)
        loops = torch.arange(count, dtype=edge_index.dtype, device=edge_index.device)
        edge_index = torch.cat([others, loops.unsqueeze(0).expand(2, count)], dim=1)
    rowptr, col, perm = group_edges(edge_index[i], edge_index[j], points.num_receiving)
    return rowptr, edge_index[i].index_select(0, perm), col
