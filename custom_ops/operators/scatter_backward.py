"""Gradients of the scatter reductions: gathers, so that no two threads add to one place; only "mul" sorts."""

import math
from typing import Any

import torch
from torch import Tensor

from geocompile.custom_ops.operators.halves import widened
from geocompile.custom_ops.operators.segment_backward import _product_of_others

_ops = torch.ops.geocompile


def _save(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    *tensors, ctx.dim, ctx.reduce = inputs
    ctx.save_for_backward(*tensors)


def _save_arg(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    src, _index, _like, ctx.dim, _reduce = inputs
    ctx.shape = src.shape
    ctx.mark_non_differentiable(output[1])
    ctx.save_for_backward(output[1])


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    src, index, like = ctx.saved_tensors
    return _gradient(grad, src, index, like, ctx.dim, ctx.reduce), None, None, None, None


def _backward_arg(ctx: Any, grad: Tensor, _grad_arg: Tensor | None) -> tuple[Tensor | None, ...]:
    (arg,) = ctx.saved_tensors
    return _to_places(grad, arg, ctx.shape, ctx.dim), None, None, None, None


def _gradient(grad: Tensor, src: Tensor, index: Tensor, like: Tensor, dim: int, reduce: str) -> Tensor:
    if reduce == "sum":
        return _gathered(grad, index, dim)
    if reduce == "mean":
        return _gathered(grad / _count(grad, src, index, like, dim), index, dim)
    if reduce == "mul":
        others = _product_of_others_along(src, index, like, dim)
        return (_gathered(grad, index, dim) * others).to(src.dtype)
    _, arg = _ops.scatter_arg(src.detach(), index, like, dim, reduce)
    return _to_places(grad, arg, src.shape, dim)


def _gathered(rows: Tensor, index: Tensor, dim: int) -> Tensor:
    if index.dim() == 1:
        return rows.index_select(dim, index)
    return rows.gather(dim, index.long())


def _count(grad: Tensor, src: Tensor, index: Tensor, like: Tensor, dim: int) -> Tensor:
    """The number of entries of each place of the result, at least 1, in the dtype of a sum."""
    dtype = widened(grad.new_empty(0)).dtype
    if index.dim() > 1:
        ones = torch.ones_like(src, dtype=torch.long)  # a float32 counts no further than 2^24
        return _ops.scatter(ones, index, like, dim, "sum").clamp(min=1).to(dtype)  # type: ignore[no-any-return]
    ones = torch.ones(index.size(0), dtype=torch.long, device=src.device)
    count = _ops.scatter(ones, index, like, 0, "sum").clamp(min=1).to(dtype)
    return count.view([-1 if d == dim % src.dim() else 1 for d in range(src.dim())])  # type: ignore[no-any-return]


def _to_places(grad: Tensor, arg: Tensor, shape: torch.Size, dim: int) -> Tensor:
    """Each gradient at the place its value came from; no place is named twice, and the one past the end is cut off."""
    sizes = list(shape)
    sizes[dim] += 1
    return grad.new_zeros(sizes).scatter_add(dim, arg, grad).narrow(dim, 0, shape[dim])


def _product_of_others_along(src: Tensor, index: Tensor, like: Tensor, dim: int) -> Tensor:
    """For each entry the product of the others with its index."""
    terms = widened(src).movedim(dim, 0)
    if index.dim() == 1:
        flat = terms.reshape(terms.size(0), -1) if terms.numel() else terms.flatten(1)
        others = _product_of_others(flat, index, like)
    else:  # each column has rows of its own
        columns = math.prod(terms.shape[1:])
        column = torch.arange(columns, device=src.device)
        rows = index.long().movedim(dim, 0).flatten(1) * columns + column
        others = _product_of_others(
            terms.reshape(-1, 1), rows.flatten(), like.new_empty(like.size(0) * columns)
        )
    return others.view(terms.shape).movedim(0, dim)


torch.library.register_autograd("geocompile::scatter", _backward, setup_context=_save)
torch.library.register_autograd("geocompile::scatter_arg", _backward_arg, setup_context=_save_arg)
