"""Rows in groups, each group with a matrix of its own: what typed linear layers are made of."""

from typing import Any

import torch
from torch import Tensor

from geocompile.custom_ops.operators.halves import in_float32
from geocompile.custom_ops.operators.library import same_device
from geocompile.custom_ops.registry import Operator, register

_ops = torch.ops.geocompile


def grouped_matmul(x: Tensor, ptr: Tensor, weight: Tensor) -> Tensor:
    """Multiply the rows of each group by the group's own matrix.

    ``out[i] = x[i] @ weight[t]`` for the rows i in ``[ptr[t], ptr[t + 1])``: every row stands in one group, and a group
    may be empty. The order of summation is fixed: the same input gives the same bits for any number of threads.

    Args:
        x: ``[num_rows, in_channels]`` float32, float64, float16 or bfloat16 (halves are computed in float32).
        ptr: ``[num_groups + 1]`` int64 or int32, where each group begins: from 0 up to ``num_rows``.
        weight: ``[num_groups, in_channels, out_channels]``, dtype of `x`.

    Returns:
        ``[num_rows, out_channels]``, dtype of `x`.

    Raises:
        ValueError: For a wrong dtype or shape.
        IndexError: For a `ptr` that does not start at 0, falls, or does not end at the number of rows.

    Source: ``pyg_lib.ops.segment_matmul``; ``torch_geometric.nn.HeteroLinear``.
    """
    return _ops.grouped_matmul(x, ptr, weight)  # type: ignore[no-any-return]


@in_float32
def grouped_matmul_reference(x: Tensor, ptr: Tensor, weight: Tensor) -> Tensor:
    """The meaning of `grouped_matmul`."""
    products = [rows @ weight[t] for t, rows in enumerate(_groups(x, ptr))]
    return torch.cat([x.new_empty(0, weight.size(2)), *products])


@in_float32
def grouped_outer_reference(x: Tensor, grad: Tensor, ptr: Tensor) -> Tensor:
    """The meaning of `grouped_outer`: ``out[t] = x_t^T grad_t``, the gradient of `grouped_matmul`'s weight."""
    pairs = zip(_groups(x, ptr), _groups(grad, ptr), strict=True)
    sums = [(rows.t() @ grads).unsqueeze(0) for rows, grads in pairs]
    return torch.cat([x.new_empty(0, x.size(1), grad.size(1)), *sums])


def _groups(rows: Tensor, ptr: Tensor) -> tuple[Tensor, ...]:
    return torch.split(rows, ptr.diff().tolist()) if ptr.size(0) > 1 else ()


def _save(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs)


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    x, ptr, weight = ctx.saved_tensors
    of_x = _ops.grouped_matmul(grad, ptr, weight.transpose(1, 2)) if ctx.needs_input_grad[0] else None
    return of_x, None, _ops.grouped_outer(x, grad, ptr) if ctx.needs_input_grad[2] else None


def _fake_grouped_matmul(x: Tensor, ptr: Tensor, weight: Tensor) -> Tensor:
    same_device("grouped_matmul", x=x, ptr=ptr, weight=weight)
    return x.new_empty(x.size(0), weight.size(2))


def _fake_grouped_outer(x: Tensor, grad: Tensor, ptr: Tensor) -> Tensor:
    same_device("grouped_outer", x=x, grad=grad, ptr=ptr)
    return x.new_empty(ptr.size(0) - 1, x.size(1), grad.size(1))


def _save_outer(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs)


def _outer_backward(ctx: Any, given: Tensor) -> tuple[Tensor | None, ...]:
    x, grad, ptr = ctx.saved_tensors
    product = torch.ops.geocompile.grouped_matmul
    return product(grad, ptr, given.transpose(1, 2).contiguous()), product(x, ptr, given), None


torch.library.register_autograd("geocompile::grouped_outer", _outer_backward, setup_context=_save_outer)
torch.library.register_fake("geocompile::grouped_matmul", _fake_grouped_matmul)
torch.library.register_fake("geocompile::grouped_outer", _fake_grouped_outer)
torch.library.register_autocast("geocompile::grouped_matmul", "cpu", torch.float32)
torch.library.register_autograd("geocompile::grouped_matmul", _backward, setup_context=_save)
register(Operator("grouped_matmul", grouped_matmul_reference, True, ("GroupedMatMul",)))
register(Operator("grouped_outer", grouped_outer_reference, True, ()))
