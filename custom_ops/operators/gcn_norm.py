"""Symmetric normalisation of a graph with self-loops, in a form whose shapes do not depend on the loops."""

from typing import Any

import torch
from torch import Tensor

from geocompile.custom_ops.operators.csr import row_of_each_edge
from geocompile.custom_ops.operators.halves import in_float32, widened
from geocompile.custom_ops.operators.library import same_device
from geocompile.custom_ops.registry import Operator, register


def gcn_norm(
    rowptr: Tensor,
    col: Tensor,
    like: Tensor,
    weight: Tensor | None = None,
    fill_value: float = 1.0,
    add_self_loops: bool = True,
) -> tuple[Tensor, Tensor]:
    """Weights of ``D^-1/2 (A + L) D^-1/2``, split into edges and loops.

    Every node has one loop: its weight l_i is that of the last edge i -> i if there is one, else `fill_value`
    (PyG's ``add_remaining_self_loops``). Loop edges get weight 0, their weight goes to `self_weight`:
    ``deg_i = l_i + sum_p w_p`` over row i's other edges, ``s = deg^-1/2`` (0 where deg is 0),
    ``edge_weight_p = s_i w_p s_col(p)``, ``self_weight_i = s_i l_i s_i``.

    Args:
        rowptr: ``[num_nodes + 1]`` int64 or int32, rows are targets; from `csr_from_coo`.
        col: ``[num_edges]``, the source of each edge in row order.
        like: float32, float64, float16 or bfloat16 (halves are computed in float32), gives the dtype of the
            result (the node features).
        weight: ``[num_edges]``, dtype of `like`, in row order; None: 1.
        fill_value: The weight of a loop that is not among the edges (2 for the "improved" GCN).
        add_self_loops: If False, loops are ordinary edges and `self_weight` is 0.

    Returns:
        ``edge_weight [num_edges]`` in row order and ``self_weight [num_nodes]``.

    Raises:
        ValueError: For a wrong dtype or shape.
        IndexError: For a `rowptr` or `col` that points outside.

    Source: Kipf and Welling, "Semi-supervised classification with graph convolutional networks" (2017).
    """
    return torch.ops.geocompile.gcn_norm(  # type: ignore[no-any-return]
        rowptr, col, like, weight, fill_value, add_self_loops
    )


@in_float32
def gcn_norm_reference(
    rowptr: Tensor,
    col: Tensor,
    like: Tensor,
    weight: Tensor | None = None,
    fill_value: float = 1.0,
    add_self_loops: bool = True,
) -> tuple[Tensor, Tensor]:
    """The meaning of `gcn_norm`."""
    weight = like.new_ones(col.size(0)) if weight is None else weight
    graph = _Graph(rowptr, col, weight, fill_value, add_self_loops)
    edges = graph.scale[graph.rows] * graph.ordinary * graph.scale[graph.cols]
    return edges, graph.scale * graph.loop_weight * graph.scale


class _Graph:
    """What the normalisation and its gradient share."""

    def __init__(
        self, rowptr: Tensor, col: Tensor, weight: Tensor, fill_value: float, add_self_loops: bool
    ) -> None:
        num_nodes, num_edges = rowptr.size(0) - 1, col.size(0)
        self.rows, self.cols = row_of_each_edge(rowptr, col), col.long()
        self.is_loop = (self.rows == self.cols) & add_self_loops
        self.ordinary = torch.where(self.is_loop, 0, weight)
        place = torch.where(self.is_loop, torch.arange(num_edges, device=col.device), -1)
        self.last_loop = self.rows.new_full((num_nodes,), -1).scatter_reduce(0, self.rows, place, "amax")
        found = torch.cat([weight, weight.new_zeros(1)])[self.last_loop]
        missing = fill_value if add_self_loops else 0.0
        self.loop_weight = torch.where(self.last_loop >= 0, found, missing)
        self.degree = self.loop_weight.index_add(0, self.rows, self.ordinary)
        self.scale = torch.where(self.degree == 0, 0, self.degree.pow(-0.5))


def _save(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    rowptr, col, _like, weight, ctx.fill_value, ctx.add_self_loops = inputs
    ctx.save_for_backward(rowptr, col, weight)


def _backward(ctx: Any, grad_edge: Tensor, grad_self: Tensor) -> tuple[Tensor | None, ...]:
    rowptr, col, weight = ctx.saved_tensors
    if weight is None or not any(ctx.needs_input_grad):
        return None, None, None, None, None, None
    grad_edge, grad_self = widened(grad_edge), widened(grad_self)
    g = _Graph(rowptr, col, widened(weight), ctx.fill_value, ctx.add_self_loops)
    s_row, s_col = g.scale[g.rows], g.scale[g.cols]
    grad_scale = (2 * grad_self * g.scale * g.loop_weight).index_add(
        0, g.rows, grad_edge * g.ordinary * s_col
    )
    grad_scale = grad_scale.index_add(0, g.cols, grad_edge * g.ordinary * s_row)
    grad_degree = torch.where(g.degree == 0, 0, -0.5 * g.scale / g.degree) * grad_scale
    grad_weight = torch.where(g.is_loop, 0, grad_edge * s_row * s_col + grad_degree[g.rows])
    grad_loop = torch.where(g.last_loop >= 0, grad_self * g.scale.square() + grad_degree, 0)
    # The place past the end takes the share of nodes whose loop is not among the edges: 0.
    padded = torch.cat([grad_weight, grad_weight.new_zeros(1)])
    place = torch.where(g.last_loop >= 0, g.last_loop, col.size(0))
    return None, None, None, padded.index_add(0, place, grad_loop)[:-1].to(weight.dtype), None, None


def _fake_gcn_norm(
    rowptr: Tensor,
    col: Tensor,
    like: Tensor,
    weight: Tensor | None = None,
    fill_value: float = 1.0,
    add_self_loops: bool = True,
) -> tuple[Tensor, Tensor]:
    same_device("gcn_norm", rowptr=rowptr, col=col, like=like, weight=weight)
    return like.new_empty(col.size(0)), like.new_empty(rowptr.size(0) - 1)


torch.library.register_fake("geocompile::gcn_norm", _fake_gcn_norm)
torch.library.register_autocast("geocompile::gcn_norm", "cpu", torch.float32)
torch.library.register_autograd("geocompile::gcn_norm", _backward, setup_context=_save)
register(Operator("gcn_norm", gcn_norm_reference, True, ("GcnNorm", "GcnNormWeighted"), {"col": "rowptr"}))
