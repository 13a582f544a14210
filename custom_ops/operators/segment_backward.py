"""Gradients of the segment reductions: deterministic; only "mul" makes an [edges, channels] tensor."""

from typing import Any

import torch
from torch import Tensor

from geocompile.custom_ops.operators.csr import csr_from_coo, row_of_each_edge, transpose
from geocompile.custom_ops.operators.library import same_device
from geocompile.custom_ops.registry import Operator, register

_ops = torch.ops.geocompile


class _Gather:
    """One gather-reduce and the gradient of its result; channels flattened to one dimension."""

    def __init__(
        self,
        x: Tensor,
        rowptr: Tensor,
        col: Tensor,
        weight: Tensor | None,
        self_weight: Tensor | None,
        grad: Tensor,
    ) -> None:
        self.shape = x.shape
        self.x, self.grad = _as_matrix(x), _as_matrix(grad)
        self.rowptr, self.col, self.weight, self.self_weight = rowptr, col, weight, self_weight

    def backward(
        self, reduce: str, wants: tuple[bool, bool, bool]
    ) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        """Gradients of ``x``, ``weight`` and ``self_weight``, those that are wanted."""
        if reduce in ("sum", "mean"):
            x, weight, own = self._linear(reduce, wants)
        elif reduce in ("max", "min"):
            x, weight, own = self._selecting(reduce, wants)
        else:
            x, weight, own = self._product()
        return (
            x.view(self.shape) if x is not None and wants[0] else None,
            weight if wants[1] else None,
            own if wants[2] else None,
        )

    def _linear(
        self, reduce: str, wants: tuple[bool, bool, bool]
    ) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        grad, x, weight, own = self.grad, None, None, None
        if reduce == "mean":
            terms = self.rowptr.diff() + (0 if self.self_weight is None else 1)
            grad = grad / terms.clamp(min=1).to(grad.dtype).unsqueeze(1)
        if wants[0]:
            t_rowptr, t_rows, t_perm = transpose(self.rowptr, self.col, self.x)
            t_weight = None if self.weight is None else self.weight.index_select(0, t_perm)
            x = _ops.gather_segment_reduce(grad, t_rowptr, t_rows, t_weight, self.self_weight, "sum")
        if wants[1]:
            weight = _ops.edge_dot(grad, self.x, self.rowptr, self.col)
        if wants[2]:
            own = (grad * self.x).sum(1)
        return x, weight, own

    def _selecting(
        self, reduce: str, wants: tuple[bool, bool, bool]
    ) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        """The gradient goes to the one term at which the maximum was reached (the first of equal ones)."""
        num_edges = self.col.size(0)
        arg = _ops.gather_segment_arg(
            self.x, self.rowptr, self.col, self.weight, self.self_weight, reduce
        ).long()
        x, weight, own = torch.zeros_like(self.x), None, None
        if self.self_weight is not None:
            from_self = torch.where(arg == num_edges, self.grad, 0)
            x = x + from_self * self.self_weight.unsqueeze(1)
            own = (from_self * self.x).sum(1)
        if num_edges == 0:
            return x, torch.zeros_like(self.weight) if self.weight is not None else None, own
        from_edge = torch.where((arg >= 0) & (arg < num_edges), self.grad, 0)
        edge = arg.clamp(0, num_edges - 1)
        source = self.col.long()[edge]
        if self.weight is None:
            return x.scatter_add(0, source, from_edge), None, own
        x = x.scatter_add(0, source, from_edge * self.weight[edge])
        if wants[1]:
            shares = from_edge * self.x.gather(0, source)
            weight = torch.zeros_like(self.weight).scatter_add(0, edge.flatten(), shares.flatten())
        return x, weight, own

    def _product(self) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        """Each term's gradient is the product of the others; written out per edge."""
        sources = self.x.index_select(0, self.col)
        terms = sources if self.weight is None else sources * self.weight.unsqueeze(1)
        rows = row_of_each_edge(self.rowptr, self.col)
        if self.self_weight is not None:
            terms = torch.cat([terms, self.x * self.self_weight.unsqueeze(1)])
            rows = torch.cat([rows, torch.arange(self.x.size(0), device=rows.device)])
        grad = self.grad.index_select(0, rows) * _product_of_others(terms, rows, self.grad)
        on_edges, on_self = grad[: sources.size(0)], grad[sources.size(0) :]
        weighted = on_edges if self.weight is None else on_edges * self.weight.unsqueeze(1)
        x = torch.zeros_like(self.x).index_add(0, self.col, weighted)
        own = None
        if self.self_weight is not None:
            x = x + on_self * self.self_weight.unsqueeze(1)
            own = (on_self * self.x).sum(1)
        return x, (on_edges * sources).sum(1), own


def _product_of_others(terms: Tensor, rows: Tensor, like: Tensor) -> Tensor:
    """For each term the product of its row's other terms: of those before it times those behind, without a division."""
    rowptr, perm, sorted_rows = csr_from_coo(rows, like, rows)
    ordered = terms.index_select(0, perm)
    before = torch.arange(rows.size(0), device=rows.device) - rowptr.index_select(0, sorted_rows)
    behind = rowptr.diff().index_select(0, sorted_rows) - 1 - before
    others = _product_before(ordered, before) * _product_before(ordered.flip(0), behind.flip(0)).flip(0)
    return torch.empty_like(others).index_copy(0, perm, others)


def _product_before(terms: Tensor, place: Tensor) -> Tensor:
    """The product of the terms before each one in its row, where it stands at `place`; doubles the reach each step."""
    place = place.unsqueeze(1)
    product = torch.where(place >= 1, _shifted(terms, 1), 1)
    reach = 1
    while reach < terms.size(0):
        product = torch.where(place >= reach, product * _shifted(product, reach), product)
        reach *= 2
    return product


def _shifted(terms: Tensor, places: int) -> Tensor:
    return torch.cat([terms.new_ones((places, terms.size(1))), terms])[: terms.size(0)]


def _as_matrix(rows: Tensor) -> Tensor:
    return rows.unsqueeze(1) if rows.dim() == 1 else rows.flatten(1)


def needs_grad(ctx: Any, arguments: int) -> list[bool]:
    """Which arguments want a gradient; torch leaves trailing arguments out when they have their defaults."""
    needs = list(ctx.needs_input_grad)
    return needs + [False] * (arguments - len(needs))


def _save_gather(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    *tensors, ctx.reduce = inputs
    ctx.save_for_backward(*tensors)


def _gather_backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    x, rowptr, col, weight, self_weight = ctx.saved_tensors
    needs = needs_grad(ctx, 6)
    grads = _Gather(x, rowptr, col, weight, self_weight, grad).backward(
        ctx.reduce, (needs[0], needs[3], needs[4])
    )
    return grads[0], None, None, grads[1], grads[2], None


def _segment_backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    src, rowptr, perm = ctx.saved_tensors
    if perm is None:
        perm = torch.arange(src.size(0), dtype=rowptr.dtype, device=src.device)
    grads = _Gather(src, rowptr, perm, None, None, grad).backward(ctx.reduce, (True, False, False))
    return grads[0], None, None, None


def _save_dot(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs)


def _dot_backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    a, b, rowptr, col = ctx.saved_tensors
    grad_a = _ops.gather_segment_reduce(b, rowptr, col, grad, None, "sum")
    t_rowptr, t_rows, t_perm = transpose(rowptr, col, b)
    grad_b = _ops.gather_segment_reduce(a, t_rowptr, t_rows, grad.index_select(0, t_perm), None, "sum")
    return grad_a, grad_b, None, None


def edge_dot_reference(a: Tensor, b: Tensor, rowptr: Tensor, col: Tensor) -> Tensor:
    """``out[p] = <a[row of p], b[col[p]]>``."""
    rows = row_of_each_edge(rowptr, col)
    return (_as_matrix(a[rows]) * _as_matrix(b[col])).sum(1)


def gather_segment_arg_reference(
    x: Tensor,
    rowptr: Tensor,
    col: Tensor,
    weight: Tensor | None,
    self_weight: Tensor | None,
    reduce: str,
) -> Tensor:
    """The first place at which each row's max or min is reached; num_edges for the self term, -1 if empty."""
    terms = x[col] if weight is None else x[col] * weight.view([-1] + [1] * (x.dim() - 1))
    arg = torch.full((rowptr.size(0) - 1, *x.shape[1:]), -1, dtype=rowptr.dtype, device=x.device)
    for row in range(rowptr.size(0) - 1):
        places = list(range(int(rowptr[row]), int(rowptr[row + 1])))
        values = list(terms[places])
        if self_weight is not None:
            places, values = [*places, col.size(0)], [*values, x[row] * self_weight[row]]
        if values:
            stacked = torch.stack(values)
            best = (stacked.amax(0) if reduce == "max" else stacked.amin(0)).unsqueeze(0)
            first = ((stacked == best) | (stacked.isnan() & best.isnan())).to(torch.int8).argmax(0)
            arg[row] = torch.tensor(places, dtype=rowptr.dtype)[first]
    return arg


def _fake_gather_segment_arg(
    x: Tensor,
    rowptr: Tensor,
    col: Tensor,
    weight: Tensor | None,
    self_weight: Tensor | None,
    reduce: str,
) -> Tensor:
    tensors = {"x": x, "rowptr": rowptr, "col": col, "weight": weight, "self_weight": self_weight}
    same_device("gather_segment_arg", **tensors)
    return rowptr.new_empty((rowptr.size(0) - 1, *x.shape[1:]))


def _fake_edge_dot(a: Tensor, b: Tensor, rowptr: Tensor, col: Tensor) -> Tensor:
    same_device("edge_dot", a=a, b=b, rowptr=rowptr, col=col)
    return a.new_empty(col.size(0))


torch.library.register_fake("geocompile::gather_segment_arg", _fake_gather_segment_arg)
torch.library.register_fake("geocompile::edge_dot", _fake_edge_dot)
torch.library.register_autograd(
    "geocompile::gather_segment_reduce", _gather_backward, setup_context=_save_gather
)
torch.library.register_autograd("geocompile::segment_reduce", _segment_backward, setup_context=_save_gather)
torch.library.register_autograd("geocompile::edge_dot", _dot_backward, setup_context=_save_dot)
register(Operator("gather_segment_arg", gather_segment_arg_reference, False, ()))
register(Operator("edge_dot", edge_dot_reference, True, ()))
