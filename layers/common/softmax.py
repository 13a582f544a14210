"""Softmax over the elements of each group, such as the edges that a node receives."""

import torch
from torch import Tensor

from geocompile.custom_ops import batch_ptr, csr_from_coo, segment_softmax
from geocompile.layers.common.propagation import nodes_back, nodes_first


def softmax(
    src: Tensor,
    index: Tensor | None = None,
    ptr: Tensor | None = None,
    num_nodes: int | None = None,
    dim: int = 0,
) -> Tensor:
    r"""Softmax within each group, :math:`\exp(s_e - m_{i(e)}) / \sum_{f: i(f) = i(e)} \exp(s_f - m_{i(e)})`.

    m is the group's largest score. Equal to PyG 2.8.1's function of this name, up to the 1e-16 that it adds to the
    denominator.

    Args:
        src: scores ``[*, num_elements, *]``, float32, float64, float16 or bfloat16.
        index: the group of each element, int64 or int32 ``[num_elements]``, in any order.
        ptr: in place of ``index`` for sorted elements, where each group starts: ``[num_groups + 1]``. Given both,
            ``ptr`` counts.
        num_nodes: number of groups; None: the largest ``index`` plus one. No effect with ``ptr``.
        dim: the dimension of the elements.

    Returns:
        The shape and dtype of ``src``.

    Raises:
        TypeError: ``index`` or ``ptr`` is not an integer tensor, or ``src`` not of floating-point dtype.
        ValueError: neither is given, or a shape, ``dim`` or ``num_nodes`` does not fit.
        IndexError: a value of ``index`` is negative or not below ``num_nodes``; ``ptr`` points outside.

    >>> softmax(torch.tensor([0.0, 0.0, 5.0]), torch.tensor([1, 1, 0]))
    tensor([0.5000, 0.5000, 1.0000])
    """
    if not isinstance(src, Tensor) or not src.is_floating_point():
        raise TypeError("geocompile.softmax: src must be a floating-point tensor; use src.float()")
    if dim >= src.dim() or dim < -src.dim():
        raise ValueError(f"geocompile.softmax: src of shape {list(src.shape)} has no dimension {dim}")
    dim = dim if dim >= 0 else dim + src.dim()
    if ptr is not None:
        _check_groups("ptr", ptr, src)
        return nodes_back(segment_softmax(nodes_first(src, dim), ptr, None), dim)
    if index is None:
        raise ValueError("geocompile.softmax: index is missing; give the group of each element, or ptr")
    _check_groups("index", index, src)
    if index.size(0) != src.size(dim):
        raise ValueError(
            f"geocompile.softmax: index must have shape [{src.size(dim)}], one group for each element of src along "
            f"dimension {dim}, got {list(index.shape)}"
        )
    if num_nodes is None:
        rowptr, perm = batch_ptr(index)
    else:
        if num_nodes < 0:
            raise ValueError(f"geocompile.softmax: num_nodes must be at least 0, got {num_nodes}")
        rowptr, perm, _ = csr_from_coo(index, index.new_empty([num_nodes, 0]))
    return nodes_back(segment_softmax(nodes_first(src, dim), rowptr, perm), dim)


def _check_groups(name: str, groups: Tensor, src: Tensor) -> None:
    if not isinstance(groups, Tensor) or (groups.dtype != torch.int64 and groups.dtype != torch.int32):
        raise TypeError(f"geocompile.softmax: {name} must be a tensor of dtype int64 or int32")
    if groups.dim() != 1:
        raise ValueError(f"geocompile.softmax: {name} must have one dimension, got {list(groups.shape)}")
    if groups.device != src.device:
        raise ValueError(
            f"geocompile.softmax: src is on {src.device} and {name} on {groups.device}; move both to one"
        )
