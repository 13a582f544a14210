"""Gradients of kernel-weighted aggregation: deterministic, no [edges, channels] tensor.

All come from the sum over edges p (of row i, from source j), kernels k and channels f of
``weight[p, k] * x[j, f] * grad[i, k, f]``: its derivatives by one of the three are the aggregation, the contraction and
the dot product; the derivatives of each of these are the other two.
"""

from typing import Any

import torch
from torch import Tensor

from geocompile.custom_ops.operators.csr import per_row, row_of_each_edge, transpose
from geocompile.custom_ops.operators.halves import in_float32, widened
from geocompile.custom_ops.operators.library import same_device
from geocompile.custom_ops.operators.segment_backward import needs_grad
from geocompile.custom_ops.registry import Operator, register

_ops = torch.ops.geocompile


class _Edges:
    """The edges of an aggregation, their weights and, where these are sparse, their kernels."""

    def __init__(self, rowptr: Tensor, col: Tensor, weight: Tensor | None, kernel: Tensor | None) -> None:
        self.rowptr, self.col, self.weight, self.kernel = rowptr, col, weight, kernel

    def transposed(self, sources: Tensor) -> tuple["_Edges", Tensor]:
        """The same edges by source, and the place of each in the original."""
        rowptr, rows, perm = transpose(self.rowptr, self.col, sources)
        weight, kernel = (None if t is None else t.index_select(0, perm) for t in (self.weight, self.kernel))
        return _Edges(rowptr, rows, weight, kernel), perm

    def reduce(self, x: Tensor, num_kernels: int) -> Tensor:
        """``out[i, k] = sum weight[p, k] x[j]``."""
        if self.kernel is None:
            assert self.weight is not None
            return _ops.gather_kernel_reduce(x, self.rowptr, self.col, self.weight, "sum")  # type: ignore[no-any-return]
        like = x.new_empty(num_kernels)
        return _ops.gather_sparse_kernel_reduce(  # type: ignore[no-any-return]
            x, self.rowptr, self.col, self.weight, self.kernel, like, "sum"
        )

    def contract(self, x: Tensor) -> Tensor:
        """``out[i] = sum weight[p, k] x[j, k]``."""
        return _ops.kernel_contract(x, self.rowptr, self.col, self.weight, self.kernel)  # type: ignore[no-any-return]

    def dot(self, a: Tensor, b: Tensor) -> Tensor:
        """``out[p, k] = <a[i, k], b[j]>``."""
        return _ops.kernel_dot(a, b, self.rowptr, self.col, self.kernel)  # type: ignore[no-any-return]


def _reduce_backward(
    edges: _Edges, x: Tensor, grad: Tensor, reduce: str, wants: tuple[bool, bool]
) -> tuple[Tensor | None, Tensor | None]:
    """Gradients of ``x`` and ``weight``, those that are wanted."""
    if reduce != "sum":
        grad = (widened(grad) / per_row(_divisors(edges, x, grad.size(1), reduce), grad)).to(grad.dtype)
    grad_x = edges.transposed(x)[0].contract(grad) if wants[0] else None
    return grad_x, edges.dot(grad, x) if wants[1] else None


def _divisors(edges: _Edges, x: Tensor, num_kernels: int, reduce: str) -> Tensor:
    """What each sum was divided by: ``[num_rows]``, or ``[num_rows, num_kernels]``."""
    if reduce == "mean":
        return edges.rowptr.diff().clamp(min=1)
    ones = torch.ones(x.size(0), dtype=torch.float32, device=x.device)
    return _Edges(edges.rowptr, edges.col, None, edges.kernel).reduce(ones, num_kernels).clamp(min=1)


def _save_dense(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    *tensors, ctx.reduce = inputs
    ctx.save_for_backward(*tensors)


def _dense_backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    x, rowptr, col, weight = ctx.saved_tensors
    needs = needs_grad(ctx, 5)
    grads = _reduce_backward(_Edges(rowptr, col, weight, None), x, grad, ctx.reduce, (needs[0], needs[3]))
    return grads[0], None, None, grads[1], None


def _save_sparse(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    *tensors, _like, ctx.reduce = inputs
    ctx.save_for_backward(*tensors)


def _sparse_backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    x, rowptr, col, weight, kernel = ctx.saved_tensors
    needs = needs_grad(ctx, 7)
    edges = _Edges(rowptr, col, weight, kernel)
    grads = _reduce_backward(edges, x, grad, ctx.reduce, (needs[0], needs[3]))
    return grads[0], None, None, grads[1], None, None, None


def _save(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs)


def _contract_backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    x, rowptr, col, weight, kernel = ctx.saved_tensors
    if weight is None and kernel is None:
        weight = x.new_ones((col.size(0), x.size(1)))
    edges, perm = _Edges(rowptr, col, weight, kernel).transposed(x)
    needs, grad_weight = needs_grad(ctx, 5), None
    if needs[3]:
        shares = edges.dot(x, grad)
        grad_weight = torch.empty_like(shares).index_copy(0, perm.long(), shares)
    return edges.reduce(grad, x.size(1)) if needs[0] else None, None, None, grad_weight, None


def _dot_backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    a, b, rowptr, col, kernel = ctx.saved_tensors
    edges = _Edges(rowptr, col, grad, kernel)
    return edges.reduce(b, a.size(1)), edges.transposed(b)[0].contract(a), None, None, None


@in_float32
def kernel_contract_reference(
    x: Tensor, rowptr: Tensor, col: Tensor, weight: Tensor | None, kernel: Tensor | None = None
) -> Tensor:
    """``out[i] = sum weight[p, s] * x[col[p], kernel[p, s]]`` over p in row i and s; without kernel, s itself."""
    terms = _of_kernels(x[col], kernel)
    if weight is not None:
        terms = terms * per_row(weight if weight.dim() == 2 else weight.unsqueeze(1), terms)
    sums = x.new_zeros((rowptr.size(0) - 1, *x.shape[2:]))
    return sums.index_add(0, row_of_each_edge(rowptr, col), terms.sum(1))


@in_float32
def kernel_dot_reference(
    a: Tensor, b: Tensor, rowptr: Tensor, col: Tensor, kernel: Tensor | None = None
) -> Tensor:
    """``out[p, s] = <a[row of p, kernel[p, s]], b[col[p]]>``; without kernel, s itself."""
    rows = _of_kernels(a[row_of_each_edge(rowptr, col)], kernel)
    products = (rows * b[col].unsqueeze(1)).reshape(*rows.shape[:2], *(b.shape[1:] or (1,)))
    dots = products.sum(tuple(range(2, products.dim())))
    return dots if kernel is None else dots.view(kernel.shape)


def _of_kernels(values: Tensor, kernel: Tensor | None) -> Tensor:
    """``values [edges, kernels, *]`` of the edge's kernels, ``[edges, active, *]``."""
    if kernel is None:
        return values
    kernel = kernel.long() if kernel.dim() == 2 else kernel.long().unsqueeze(1)
    return values[torch.arange(kernel.size(0), device=kernel.device).unsqueeze(1), kernel]


def _fake_kernel_contract(
    x: Tensor, rowptr: Tensor, col: Tensor, weight: Tensor | None, kernel: Tensor | None = None
) -> Tensor:
    same_device("kernel_contract", x=x, rowptr=rowptr, col=col, weight=weight, kernel=kernel)
    return x.new_empty((rowptr.size(0) - 1, *x.shape[2:]))


def _fake_kernel_dot(
    a: Tensor, b: Tensor, rowptr: Tensor, col: Tensor, kernel: Tensor | None = None
) -> Tensor:
    same_device("kernel_dot", a=a, b=b, rowptr=rowptr, col=col, kernel=kernel)
    return a.new_empty((col.size(0), a.size(1)) if kernel is None else kernel.shape)


torch.library.register_fake("geocompile::kernel_contract", _fake_kernel_contract)
torch.library.register_fake("geocompile::kernel_dot", _fake_kernel_dot)
for _name, _backward, _setup in (
    ("gather_kernel_reduce", _dense_backward, _save_dense),
    ("gather_sparse_kernel_reduce", _sparse_backward, _save_sparse),
    ("kernel_contract", _contract_backward, _save),
    ("kernel_dot", _dot_backward, _save),
):
    torch.library.register_autograd(f"geocompile::{_name}", _backward, setup_context=_setup)
register(Operator("kernel_contract", kernel_contract_reference, True, ()))
register(Operator("kernel_dot", kernel_dot_reference, True, ()))
