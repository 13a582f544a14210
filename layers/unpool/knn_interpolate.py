"""knn_interpolate: features of points from those of the nearest points of another cloud."""

import torch
from torch import Tensor

from geocompile.custom_ops import csr_from_coo, gather_segment_reduce, knn, segment_reduce


def knn_interpolate(
    x: Tensor,
    pos_x: Tensor,
    pos_y: Tensor,
    batch_x: Tensor | None = None,
    batch_y: Tensor | None = None,
    k: int = 3,
) -> Tensor:
    r"""The features of the k nearest points, weighted by the inverse squared distance.

    .. math::
        \mathbf{f}(y) = \frac{\sum_{i=1}^k w(x_i) \mathbf{f}(x_i)}{\sum_{i=1}^k w(x_i)}, \qquad
        w(x_i) = \frac{1}{\max(d(\mathbf{p}(y), \mathbf{p}(x_i))^2, 10^{-16})}

    Gradients go to the features, not to the positions. Equal to PyG 2.8.1's function of this name, except that a point
    whose graph has no points in ``pos_x`` gets 0 (there NaN); of equally near points those that come first count.

    Args:
        x: ``[num_points, channels]`` features.
        pos_x: ``[num_points, dimensions]`` positions, of the dtype of ``x``.
        pos_y: ``[num_queries, dimensions]``, the positions to interpolate at.
        batch_x: ``[num_points]`` int64 or int32, sorted, the graph of each point; None: all in graph 0.
        batch_y: ``[num_queries]``, the same for ``pos_y``.
        k: number of points; all of a graph that has fewer.

    Returns:
        ``[num_queries, channels]``.

    Raises:
        ValueError: a dtype or shape does not fit, ``k`` is less than 1, a batch vector is not sorted.
        IndexError: a graph number is negative.

    Source: Qi et al., "PointNet++: deep hierarchical feature learning on point sets in a metric space" (2017).

    >>> pos_x, pos_y = torch.tensor([[0.0], [3.0]]), torch.tensor([[1.0]])
    >>> knn_interpolate(torch.tensor([[5.0], [10.0]]), pos_x, pos_y, k=2)
    tensor([[6.]])
    """
    if x.dim() != 2 or x.size(0) != pos_x.size(0):
        raise ValueError(
            f"geocompile.knn_interpolate: x must have shape [{pos_x.size(0)}, channels], one row for each point of "
            f"pos_x, got {list(x.shape)}"
        )
    if pos_x.dtype != x.dtype:
        raise ValueError(
            f"geocompile.knn_interpolate: x is of dtype {x.dtype} and pos_x of {pos_x.dtype}; "
            "convert one of them"
        )
    pos_x, pos_y = pos_x.detach(), pos_y.detach()
    pairs = knn(pos_x, pos_y, k, batch_x, batch_y)
    difference = pos_x.index_select(0, pairs[1]) - pos_y.index_select(0, pairs[0])
    weight = 1.0 / (difference * difference).sum(dim=-1).clamp(min=1e-16)
    rowptr, _, col = csr_from_coo(pairs[0], pos_y, pairs[1])
    total = segment_reduce(weight.unsqueeze(1), rowptr, None, "sum")
    out = gather_segment_reduce(x, rowptr, col, weight, None, "sum")
    return out / torch.where(total > 0, total, torch.ones_like(total))
