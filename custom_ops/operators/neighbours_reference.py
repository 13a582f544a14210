"""The meaning of the neighbour searches: all distances, sorted stably.

Every sum goes from dimension to dimension, and every operation is rounded once: the last bit decides who is nearer.
"""

import math

import torch
from torch import Tensor

from geocompile.custom_ops.operators.halves import in_float32


@in_float32
def knn_reference(
    x: Tensor,
    y: Tensor,
    k: int,
    batch_x: Tensor | None = None,
    batch_y: Tensor | None = None,
    cosine: bool = False,
    skip_self: bool = False,
    neighbours_first: bool = False,
) -> Tensor:
    """The meaning of `knn`."""
    distance = _cosine_distance(x, y) if cosine else _squared_distance(x, y)
    wanted = _candidates(x, y, batch_x, batch_y, skip_self)
    return _nearest_of(distance, wanted, k, neighbours_first)


@in_float32
def radius_reference(
    x: Tensor,
    y: Tensor,
    r: float,
    max_num_neighbors: int = 32,
    batch_x: Tensor | None = None,
    batch_y: Tensor | None = None,
    skip_self: bool = False,
    neighbours_first: bool = False,
) -> Tensor:
    """The meaning of `radius`."""
    distance = _squared_distance(x, y)
    within = distance < torch.tensor(r, dtype=x.dtype).square()
    wanted = within & _candidates(x, y, batch_x, batch_y, skip_self)
    return _nearest_of(distance, wanted, max_num_neighbors, neighbours_first)


@in_float32
def nearest_reference(
    x: Tensor, y: Tensor, batch_x: Tensor | None = None, batch_y: Tensor | None = None
) -> Tensor:
    """The meaning of `nearest`."""
    wanted = _candidates(y, x, batch_y, batch_x, False)
    return _nearest_of(_squared_distance(y, x), wanted, 1, False)[1]


def _squared_distance(x: Tensor, y: Tensor) -> Tensor:
    """``[len(y), len(x)]``, summed in the order of dimensions."""
    total = y.new_zeros(y.size(0), x.size(0))
    for a, b in zip(_columns(x), _columns(y), strict=True):
        total = total + (b[:, None] - a).square()
    return total


def _cosine_distance(x: Tensor, y: Tensor) -> Tensor:
    product = y.new_zeros(y.size(0), x.size(0))
    for a, b in zip(_columns(x), _columns(y), strict=True):
        product = product + b[:, None] * a
    similarity = product / (_norm(y)[:, None] * _norm(x))
    return 1 - similarity.where(~similarity.isnan(), 0.0)


def _norm(points: Tensor) -> Tensor:
    """Python's root, correctly rounded in float64 and so, once rounded more, in float32: torch's is in neither."""
    squares = sum((c.square() for c in _columns(points)), points.new_zeros(points.size(0)))
    return points.new_tensor([math.sqrt(s) for s in squares.tolist()])


def _columns(points: Tensor) -> list[Tensor]:
    return list(points.unbind(1)) if points.dim() == 2 else [points]


def _candidates(
    x: Tensor, y: Tensor, batch_x: Tensor | None, batch_y: Tensor | None, skip_self: bool
) -> Tensor:
    """Which points of `x` may be neighbours of which of `y`."""
    if batch_x is None or batch_y is None:
        wanted = torch.ones(y.size(0), x.size(0), dtype=torch.bool)
    else:
        wanted = batch_y[:, None] == batch_x
    return wanted & ~torch.eye(y.size(0), x.size(0), dtype=torch.bool) if skip_self else wanted


def _nearest_of(distance: Tensor, wanted: Tensor, most: int, neighbours_first: bool) -> Tensor:
    """The `most` nearest of the wanted ones in each row: what is not wanted goes last, in a second stable sort."""
    by_distance = distance.argsort(dim=1, stable=True)
    first_wanted = (~wanted.gather(1, by_distance)).to(torch.int8).argsort(dim=1, stable=True)
    order = by_distance.gather(1, first_wanted)[:, :most]
    query, place = wanted.gather(1, order).nonzero(as_tuple=True)
    point = order[query, place]
    return torch.stack([point, query] if neighbours_first else [query, point])
