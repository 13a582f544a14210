"""Gradients of the segment reductions: deterministic; only "mul" makes an [edges, channels] tensor."""

from typing import Any

import torch
from torch import Tensor

from geocompile.custom_ops.operators.csr import csr_from_coo, per_row, row_of_each_edge, transpose
from geocompile.custom_ops.operators.halves import in_float32, widened
from geocompile.custom_ops.operators.library import same_device
from geocompile.custom_ops.registry import Operator, register

_ops = torch.ops.geocompile


class _Gather:
    """One gather-reduce and the gradient of its result, all as [rows, heads, channels], weights as [edges, heads]."""

    def __init__(
        self,
        x: Tensor,
        rowptr: Tensor,
        col: Tensor,
        weight: Tensor | None,
        self_weight: Tensor | None,
        grad: Tensor,
    ) -> None:
        has_heads = any(w is not None and w.dim() == 2 for w in (weight, self_weight))
        self.x, self.grad = _by_head(x, has_heads), _by_head(grad, has_heads)
        self.rowptr, self.col = rowptr, col
        self.weight, self.self_weight = _with_head(weight), _with_head(self_weight)

    def backward(
        self, reduce: str, wants: tuple[bool, bool, bool]
    ) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        """Gradients of ``x``, ``weight`` and ``self_weight``, those that are wanted, as [rows, heads, ...]."""
        if reduce in ("sum", "mean"):
            x, weight, own = self._linear(reduce, wants)
        else:
            self._widen()
            x, weight, own = self._selecting(reduce, wants) if reduce != "mul" else self._product()
        return x if wants[0] else None, weight if wants[1] else None, own if wants[2] else None

    def _widen(self) -> None:
        """Halves in float32: what follows sums in torch, which would round each partial sum to a half."""
        self.x, self.grad = widened(self.x), widened(self.grad)
        self.weight = None if self.weight is None else widened(self.weight)
        self.self_weight = None if self.self_weight is None else widened(self.self_weight)

    def _linear(
        self, reduce: str, wants: tuple[bool, bool, bool]
    ) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        grad, x, weight, own = self.grad, None, None, None
        if reduce == "mean":
            terms = self.rowptr.diff() + (0 if self.self_weight is None else 1)
            grad = grad / terms.clamp(min=1).to(grad.dtype).view(-1, 1, 1)
        if wants[0]:
            t_rowptr, t_rows, t_perm = transpose(self.rowptr, self.col, self.x)
            t_weight = None if self.weight is None else self.weight.index_select(0, t_perm)
            x = _ops.gather_segment_reduce(grad, t_rowptr, t_rows, t_weight, self.self_weight, "sum")
        if wants[1]:
            weight = _ops.edge_dot(grad, self.x, self.rowptr, self.col, True)
        if wants[2]:
            own = (grad * self.x).sum(2)
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
            x = x + from_self * self.self_weight.unsqueeze(2)
            own = (from_self * self.x).sum(2)
        if num_edges == 0:
            return x, torch.zeros_like(self.weight) if self.weight is not None else None, own
        from_edge = torch.where((arg >= 0) & (arg < num_edges), self.grad, 0)
        edge = arg.clamp(0, num_edges - 1)
        source = self.col.long()[edge]
        if self.weight is None:
            return x.scatter_add(0, source, from_edge), None, own
        # The place of each edge's weight for the head at hand, in the flat weights.
        heads = self.weight.size(1)
        place = edge * heads + torch.arange(heads, device=edge.device).view(1, -1, 1)
        x = x.scatter_add(0, source, from_edge * self.weight.flatten()[place])
        if wants[1]:
            shares = from_edge * self.x.gather(0, source)
            flat = torch.zeros_like(self.weight).flatten()
            weight = flat.scatter_add(0, place.flatten(), shares.flatten()).view_as(self.weight)
        return x, weight, own

    def _product(self) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        """Each term's gradient is the product of the others; written out per edge."""
        sources = self.x.index_select(0, self.col)
        terms = sources if self.weight is None else sources * self.weight.unsqueeze(2)
        rows = row_of_each_edge(self.rowptr, self.col)
        if self.self_weight is not None:
            terms = torch.cat([terms, self.x * self.self_weight.unsqueeze(2)])
            rows = torch.cat([rows, torch.arange(self.x.size(0), device=rows.device)])
        others = _product_of_others(terms.flatten(1), rows, self.grad).view_as(terms)
        grad = self.grad.index_select(0, rows) * others
        on_edges, on_self = grad[: sources.size(0)], grad[sources.size(0) :]
        weighted = on_edges if self.weight is None else on_edges * self.weight.unsqueeze(2)
        x = torch.zeros_like(self.x).index_add(0, self.col, weighted)
        own = None
        if self.self_weight is not None:
            x = x + on_self * self.self_weight.unsqueeze(2)
            own = (on_self * self.x).sum(2)
        return x, (on_edges * sources).sum(2), own


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


def _by_head(rows: Tensor, has_heads: bool) -> Tensor:
    """``[rows, heads, channels]``, one head where there are none."""
    if not has_heads:
        return (rows.unsqueeze(1) if rows.dim() == 1 else rows.flatten(1)).unsqueeze(1)
    return rows.unsqueeze(2) if rows.dim() == 2 else rows.flatten(2)


def _with_head(weight: Tensor | None) -> Tensor | None:
    return weight.unsqueeze(1) if weight is not None and weight.dim() == 1 else weight


def _as(grad: Tensor | None, like: Tensor | None) -> Tensor | None:
    """A gradient in the shape and dtype of what it belongs to."""
    return None if grad is None or like is None else grad.view(like.shape).to(like.dtype)


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
    return _as(grads[0], x), None, None, _as(grads[1], weight), _as(grads[2], self_weight), None


def _segment_backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    src, rowptr, perm = ctx.saved_tensors
    if perm is None:
        perm = torch.arange(src.size(0), dtype=rowptr.dtype, device=src.device)
    grads = _Gather(src, rowptr, perm, None, None, grad).backward(ctx.reduce, (True, False, False))
    return _as(grads[0], src), None, None, None


def _save_dot(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    *tensors, ctx.per_head = inputs
    ctx.save_for_backward(*tensors)


def _dot_backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    a, b, rowptr, col = ctx.saved_tensors
    grad_a = _ops.gather_segment_reduce(b, rowptr, col, grad, None, "sum")
    t_rowptr, t_rows, t_perm = transpose(rowptr, col, b)
    grad_b = _ops.gather_segment_reduce(a, t_rowptr, t_rows, grad.index_select(0, t_perm), None, "sum")
    return grad_a, grad_b, None, None, None


@in_float32
def edge_dot_reference(a: Tensor, b: Tensor, rowptr: Tensor, col: Tensor, per_head: bool = False) -> Tensor:
    """``out[p] = <a[row of p], b[col[p]]>``, per head ``out[p, h] = <a[row of p, h], b[col[p], h]>``."""
    products = a[row_of_each_edge(rowptr, col)] * b[col]
    return _by_head(products, per_head).sum(2) if per_head else _by_head(products, False).sum((1, 2))


@in_float32
def gather_segment_arg_reference(
    x: Tensor,
    rowptr: Tensor,
    col: Tensor,
    weight: Tensor | None,
    self_weight: Tensor | None,
    reduce: str,
) -> Tensor:
    """The first place at which each row's max or min is reached; num_edges for the self term, -1 if empty."""
    terms = x[col] if weight is None else x[col] * per_row(weight, x)
    own = None if self_weight is None else x * per_row(self_weight, x)
    arg = torch.full((rowptr.size(0) - 1, *x.shape[1:]), -1, dtype=rowptr.dtype, device=x.device)
    for row in range(rowptr.size(0) - 1):
        places = list(range(int(rowptr[row]), int(rowptr[row + 1])))
        values = list(terms[places])
        if own is not None:
            places, values = [*places, col.size(0)], [*values, own[row]]
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


def _fake_edge_dot(a: Tensor, b: Tensor, rowptr: Tensor, col: Tensor, per_head: bool = False) -> Tensor:
    same_device("edge_dot", a=a, b=b, rowptr=rowptr, col=col)
    return a.new_empty((col.size(0), a.size(1)) if per_head else (col.size(0),))


torch.library.register_fake("geocompile::gather_segment_arg", _fake_gather_segment_arg)
torch.library.register_fake("geocompile::edge_dot", _fake_edge_dot)
torch.library.register_autograd(
    "geocompile::gather_segment_reduce", _gather_backward, setup_context=_save_gather
)
torch.library.register_autograd("geocompile::segment_reduce", _segment_backward, setup_context=_save_gather)
torch.library.register_autograd("geocompile::edge_dot", _dot_backward, setup_context=_save_dot)
register(Operator("gather_segment_arg", gather_segment_arg_reference, False, ()))
register(Operator("edge_dot", edge_dot_reference, True, ()))
