"""Global pooling: one row of features per graph of a batch."""

import torch
from torch import Tensor

from geocompile.custom_ops import graph_ptr, segment_reduce, to_dense
from geocompile.layers.common.groups import check_batch, sorted_by
from geocompile.layers.common.propagation import nodes_back, nodes_first


def global_add_pool(x: Tensor, batch: Tensor | None, size: int | None = None) -> Tensor:
    r"""Sum of the node features of each graph, :math:`\mathbf{r}_i = \sum_{n=1}^{N_i} \mathbf{x}_n`.

    Equal to PyG 2.8.1's function of this name; additionally an empty batch and empty graphs give 0.

    Args:
        x: node features ``[num_nodes, channels]``, ``[num_nodes]``, or ``[*, num_nodes, channels]``.
        batch: the graph of each node, int64 or int32 ``[num_nodes]``, in any order; None: all nodes are one graph.
        size: number of graphs; None: the largest value of ``batch`` plus one.

    Returns:
        ``[num_graphs, channels]`` (``[num_graphs]`` for a vector; without ``batch`` and with more than two
        dimensions ``[*, channels]``).

    Raises:
        TypeError: ``x`` is not of floating-point dtype, or ``batch`` no integer tensor.
        ValueError: ``batch`` does not have one value per node, or ``size`` is negative.
        IndexError: a value of ``batch`` is negative, or not below ``size``.

    >>> global_add_pool(torch.tensor([[1.0], [2.0], [4.0]]), torch.tensor([0, 0, 1]))
    tensor([[3.],
            [4.]])
    """
    return _pool("global_add_pool", x, batch, size, "sum")


def global_mean_pool(x: Tensor, batch: Tensor | None, size: int | None = None) -> Tensor:
    r"""Mean of the node features of each graph, :math:`\mathbf{r}_i = \frac{1}{N_i} \sum_{n=1}^{N_i} \mathbf{x}_n`.

    Arguments, result and errors as in :func:`global_add_pool`; a graph without nodes gives 0.

    >>> global_mean_pool(torch.tensor([[1.0], [2.0], [4.0]]), torch.tensor([0, 0, 1]))
    tensor([[1.5000],
            [4.0000]])
    """
    return _pool("global_mean_pool", x, batch, size, "mean")


def global_max_pool(x: Tensor, batch: Tensor | None, size: int | None = None) -> Tensor:
    r"""Largest node feature of each graph, per channel, :math:`\mathbf{r}_i = \max_{n=1}^{N_i} \mathbf{x}_n`.

    Arguments, result and errors as in :func:`global_add_pool`; a graph without nodes gives 0. The gradient of
    equal largest values goes to the first of them.

    >>> global_max_pool(torch.tensor([[1.0], [2.0], [4.0]]), torch.tensor([0, 0, 1]))
    tensor([[2.],
            [4.]])
    """
    return _pool("global_max_pool", x, batch, size, "max")


def global_sort_pool(x: Tensor, batch: Tensor | None, k: int, sort_channels: bool = True) -> Tensor:
    r"""The k nodes of each graph that have the largest last channel, in descending order, side by side.

    Equal nodes stay in their order; a graph of less than k nodes is filled up with 0. Source: Zhang et al., "An
    End-to-End Deep Learning Architecture for Graph Classification" (2018).

    Args:
        x: node features ``[num_nodes, channels]``.
        batch: the graph of each node, int64 or int32 ``[num_nodes]``, sorted; None: all nodes are one graph.
        k: number of nodes that each graph gets.
        sort_channels: sort the channels of each node, ascending, NaN last, before the nodes (as PyG 1.2.0; 2.8.1
            does not).

    Returns:
        ``[num_graphs, k * channels]``.

    Raises:
        TypeError: ``x`` is not of floating-point dtype, or ``batch`` no integer tensor.
        ValueError: ``x`` is not a matrix, ``batch`` does not have one value per node or is not sorted, ``k`` is less
            than 1.
        IndexError: a value of ``batch`` is negative.

    >>> global_sort_pool(torch.tensor([[1.0], [3.0], [4.0]]), torch.tensor([0, 0, 1]), k=2)
    tensor([[3., 1.],
            [4., 0.]])
    """
    if isinstance(x, Tensor) and not x.is_floating_point():
        raise TypeError(f"geocompile.global_sort_pool: x must be of a floating-point dtype, got {x.dtype}")
    if not isinstance(x, Tensor) or x.dim() != 2 or x.size(1) < 1:
        raise ValueError("geocompile.global_sort_pool: x must be a tensor of shape [num_nodes, channels]")
    if k < 1:
        raise ValueError(f"geocompile.global_sort_pool: k must be at least 1, got {k}")
    if batch is None:
        batch = torch.zeros(x.size(0), dtype=torch.long, device=x.device)
        ptr = torch.arange(2, device=x.device) * x.size(0)
    else:
        check_batch("global_sort_pool", "batch", batch, x.size(0), x)
        ptr = graph_ptr(batch)
    if sort_channels:
        x = _sorted_channels(x)
    best = torch.ops.geocompile.topk(x[:, -1], ptr, float(k))
    kept = graph_ptr(batch.index_select(0, best), ptr[1:])
    dense = to_dense(x.index_select(0, best), kept, torch.arange(k, device=x.device))
    return dense.flatten(1)


def _sorted_channels(x: Tensor) -> Tensor:
    """Each row ascending, NaN last; a sort in ONNX may put NaN anywhere, so it sees infinity instead."""
    is_nan = x.isnan()
    numbers = x.masked_fill(is_nan, float("inf")).sort(dim=1)[0]
    num_numbers = x.size(1) - is_nan.sum(1, keepdim=True)
    return numbers.masked_fill(torch.arange(x.size(1), device=x.device) >= num_numbers, float("nan"))


def _pool(name: str, x: Tensor, batch: Tensor | None, size: int | None, reduce: str) -> Tensor:
    if not isinstance(x, Tensor):
        raise TypeError(
            f"geocompile.{name}: x must be a tensor of shape [num_nodes, channels], got {type(x)}"
        )
    if not x.is_floating_point():
        raise TypeError(
            f"geocompile.{name}: x must be of a floating-point dtype, got {x.dtype}; use x.float()"
        )
    if x.dim() == 0:
        raise ValueError(f"geocompile.{name}: x must have shape [num_nodes, channels], got a single number")
    node_dim = -1 if x.dim() == 1 else -2
    rows = nodes_first(x, node_dim)
    if batch is None:
        one_graph = torch.arange(2, device=x.device) * rows.size(0)
        out = segment_reduce(rows, one_graph, None, reduce)
        return nodes_back(out, node_dim) if x.dim() <= 2 else out.squeeze(0)
    check_batch(name, "batch", batch, rows.size(0), x)
    rowptr, perm = sorted_by(name, batch, size)
    return nodes_back(segment_reduce(rows, rowptr, perm, reduce), node_dim)
