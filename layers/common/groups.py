"""Which rows belong together: the nodes of each graph, the elements of each group. Scriptable."""

import torch
from torch import Tensor

from geocompile.custom_ops import batch_ptr, csr_from_coo


def check_batch(layer: str, name: str, batch: Tensor, num_nodes: int, x: Tensor) -> None:
    """Refuse what is no group number for each of ``num_nodes`` rows.

    Raises:
        TypeError: ``batch`` is not an integer tensor.
        ValueError: it does not have one value per row, or lies on another device than ``x``.
    """
    if not isinstance(batch, Tensor) or (batch.dtype != torch.int64 and batch.dtype != torch.int32):
        raise TypeError(f"geocompile.{layer}: {name} must be a tensor of dtype int64 or int32")
    if batch.dim() != 1 or batch.size(0) != num_nodes:
        raise ValueError(
            f"geocompile.{layer}: {name} must have shape [{num_nodes}], one graph number for each node of x, "
            f"got {list(batch.shape)}"
        )
    if batch.device != x.device:
        raise ValueError(
            f"geocompile.{layer}: x is on {x.device} and {name} on {batch.device}; move both to one"
        )


def sorted_by(layer: str, batch: Tensor, size: int | None) -> tuple[Tensor, Tensor]:
    """Compressed rows of a batch vector: ``rowptr`` [num_graphs + 1] and ``perm`` [num_nodes].

    Raises:
        ValueError: ``size``, the number of graphs, is negative.
        IndexError: a graph number is negative, or not below ``size``.
    """
    if size is None:
        return batch_ptr(batch)
    if size < 0:
        raise ValueError(f"geocompile.{layer}: size must be at least 0, got {size}")
    rowptr, perm, _ = csr_from_coo(batch, batch.new_empty([size, 0]))
    return rowptr, perm


def groups_of(
    layer: str,
    x: Tensor,
    index: Tensor | None,
    ptr: Tensor | None,
    dim_size: int | None,
    dim: int,
    name: str = "index",
) -> tuple[Tensor, Tensor | None]:
    """Where each group starts, and which element stands at each place; None: they are in order.

    Args:
        layer: for messages.
        x: has the elements along ``dim``.
        index: the group of each element, in any order; None: all are one group, also when there is none.
        ptr: in place of ``index`` for sorted elements, where each group starts. Given both, ``ptr`` counts.
        dim_size: number of groups; None: the largest ``index`` plus one.
        dim: the dimension of the elements.
        name: what the layer calls ``index``, for messages.

    Raises:
        TypeError: ``index`` is not an integer tensor.
        ValueError: ``x`` has no such dimension, ``index`` another length, or ``ptr`` does not fit ``dim_size``.
    """
    if dim >= x.dim() or dim < -x.dim():
        raise ValueError(f"geocompile.{layer}: x of shape {list(x.shape)} has no dimension {dim}")
    if ptr is not None:
        if dim_size is not None and dim_size != ptr.size(0) - 1:
            raise ValueError(
                f"geocompile.{layer}: dim_size is {dim_size}, but ptr describes {ptr.size(0) - 1} groups"
            )
        return ptr, None
    if index is None:
        index = torch.zeros(x.size(dim), dtype=torch.int64, device=x.device)
        dim_size = 1 if dim_size is None else dim_size
    else:
        check_batch(layer, name, index, x.size(dim), x)
    return sorted_by(layer, index, dim_size)


def in_order(perm: Tensor | None, rowptr: Tensor, num_rows: int) -> Tensor:
    """``perm``, or that of elements that are in order already."""
    if perm is not None:
        return perm
    return torch.arange(num_rows, dtype=rowptr.dtype, device=rowptr.device)
