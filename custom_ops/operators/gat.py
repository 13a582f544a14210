"""Attention of GAT: its coefficients, and the aggregation that they weight, without a tensor per edge."""

from typing import Any

import torch
from torch import Tensor

from geocompile.custom_ops.operators.csr import row_of_each_edge
from geocompile.custom_ops.operators.halves import in_float32
from geocompile.custom_ops.operators.library import same_device
from geocompile.custom_ops.operators.softmax import softmax_of_rows
from geocompile.custom_ops.registry import Operator, register


def gat_coefficients(
    rowptr: Tensor,
    col: Tensor,
    source: Tensor,
    target: Tensor,
    edge: Tensor | None = None,
    self_edge: Tensor | None = None,
    negative_slope: float = 0.2,
    self_loops: bool = False,
) -> tuple[Tensor, Tensor]:
    """Attention coefficients of GAT, the softmax of additive scores over the edges of each row.

    ``score[p] = leaky_relu(source[col[p]] + target[i] + edge[p])`` for p in row i, for each head. With `self_loops`
    every node has one loop, kept apart from the edges: an edge from i to i gets 0 and leaves the softmax, and the
    loop's score ``leaky_relu(source[i] + target[i] + self_edge[i])`` joins it.

    Args:
        rowptr: ``[num_rows + 1]`` int64 or int32, from `csr_from_coo`.
        col: ``[num_edges]``, dtype of `rowptr`, the source of each edge in row order, below num_sources.
        source: ``[num_sources, heads]`` float32, float64, float16 or bfloat16 (halves are computed in float32), the
            share of each source, ``<a_source, W x_j>``.
        target: ``[num_rows, heads]``, dtype of `source`, the share of each receiving node.
        edge: ``[num_edges, heads]``, dtype of `source`, the share of each edge in row order; None: 0.
        self_edge: ``[num_rows, heads]``, dtype of `source`, the edge share of each loop; None: 0. Needs `self_loops`.
        negative_slope: Of the leaky ReLU.
        self_loops: Whether every node has a loop; needs ``num_sources == num_rows``.

    Returns:
        ``alpha [num_edges, heads]`` in row order and ``self_alpha [num_rows, heads]``, the coefficients of the loops
        (0 without `self_loops`).

    Raises:
        ValueError: For a wrong dtype or shape.
        IndexError: For a `rowptr` or `col` that points outside.

    Source: Velickovic et al., "Graph attention networks" (2018).
    """
    return torch.ops.geocompile.gat_coefficients(  # type: ignore[no-any-return]
        rowptr, col, source, target, edge, self_edge, negative_slope, self_loops
    )


def gat_aggregate(
    x: Tensor,
    rowptr: Tensor,
    col: Tensor,
    source: Tensor,
    target: Tensor,
    edge: Tensor | None = None,
    self_edge: Tensor | None = None,
    negative_slope: float = 0.2,
    self_loops: bool = False,
) -> Tensor:
    """Aggregate source features with attention: ``out[i] = sum_p alpha[p] x[col[p]] + self_alpha[i] x[i]``, p in row i.

    ``alpha`` and ``self_alpha`` are those of `gat_coefficients`; they are computed in passing, and no tensor with an
    element per edge is made. The order of summation is fixed: the same input gives the same bits for any number of
    threads. A row without terms gives 0.

    An edge that `self_loops` leaves out is not skipped: its source row is multiplied by the coefficient 0. An infinite
    or NaN ``x[i]`` at a node with an edge from i to i thus gives NaN (0 * inf) in row i.

    Args:
        x: ``[num_sources, heads, channels]`` float32, float64, float16 or bfloat16 (halves are computed in float32).
        rowptr: ``[num_rows + 1]`` int64 or int32, from `csr_from_coo`.
        col: ``[num_edges]``, dtype of `rowptr`, the source of each edge in row order, below num_sources.
        source: ``[num_sources, heads]``, dtype of `x`, the share of each source in the scores.
        target: ``[num_rows, heads]``, dtype of `x`, the share of each receiving node.
        edge: ``[num_edges, heads]``, dtype of `x`, the share of each edge in row order; None: 0.
        self_edge: ``[num_rows, heads]``, dtype of `x`, the edge share of each loop; None: 0. Needs `self_loops`.
        negative_slope: Of the leaky ReLU.
        self_loops: Whether every node has a loop; needs ``num_sources == num_rows``.

    Returns:
        ``[num_rows, heads, channels]``, dtype of `x`.

    Raises:
        ValueError: For a wrong dtype or shape.
        IndexError: For a `rowptr` or `col` that points outside.

    Source: Velickovic et al., "Graph attention networks" (2018).
    """
    return torch.ops.geocompile.gat_aggregate(  # type: ignore[no-any-return]
        x, rowptr, col, source, target, edge, self_edge, negative_slope, self_loops
    )


def scores_of(
    rowptr: Tensor,
    col: Tensor,
    source: Tensor,
    target: Tensor,
    edge: Tensor | None,
    self_edge: Tensor | None,
    self_loops: bool,
) -> tuple[Tensor, Tensor, Tensor | None]:
    """What the leaky ReLU is taken of, per edge and per loop, and which edges are left out."""
    rows = row_of_each_edge(rowptr, col)
    scores = source.index_select(0, col) + target.index_select(0, rows)
    scores = scores if edge is None else scores + edge
    if not self_loops:
        return scores, target.new_empty((0, target.size(1))), None
    loops = source + target
    return scores, loops if self_edge is None else loops + self_edge, (rows == col).unsqueeze(1)


@in_float32
def gat_coefficients_reference(
    rowptr: Tensor,
    col: Tensor,
    source: Tensor,
    target: Tensor,
    edge: Tensor | None = None,
    self_edge: Tensor | None = None,
    negative_slope: float = 0.2,
    self_loops: bool = False,
) -> tuple[Tensor, Tensor]:
    """The meaning of `gat_coefficients`."""
    on_edges, on_loops, is_loop = scores_of(rowptr, col, source, target, edge, self_edge, self_loops)
    scores = torch.nn.functional.leaky_relu(torch.cat([on_edges, on_loops]), negative_slope)
    rows = row_of_each_edge(rowptr, col)
    if is_loop is None:
        return softmax_of_rows(scores, rows, target.size(0)), torch.zeros_like(target)
    left_out = torch.cat([is_loop, is_loop.new_zeros((target.size(0), 1))])
    all_rows = torch.cat([rows, torch.arange(target.size(0), device=rows.device)])
    weights = softmax_of_rows(scores.masked_fill(left_out, -torch.inf), all_rows, target.size(0))
    weights = weights.masked_fill(left_out, 0)
    return weights[: col.size(0)], weights[col.size(0) :]


@in_float32
def gat_aggregate_reference(
    x: Tensor,
    rowptr: Tensor,
    col: Tensor,
    source: Tensor,
    target: Tensor,
    edge: Tensor | None = None,
    self_edge: Tensor | None = None,
    negative_slope: float = 0.2,
    self_loops: bool = False,
) -> Tensor:
    """The meaning of `gat_aggregate`."""
    alpha, self_alpha = gat_coefficients_reference(
        rowptr, col, source, target, edge, self_edge, negative_slope, self_loops
    )
    out = x.new_zeros((target.size(0), *x.shape[1:]))
    out = out.index_add(0, row_of_each_edge(rowptr, col), alpha.unsqueeze(2) * x[col])
    return out + self_alpha.unsqueeze(2) * x if self_loops else out


def _fake_gat_coefficients(
    rowptr: Tensor,
    col: Tensor,
    source: Tensor,
    target: Tensor,
    edge: Tensor | None = None,
    self_edge: Tensor | None = None,
    negative_slope: float = 0.2,
    self_loops: bool = False,
) -> tuple[Tensor, Tensor]:
    tensors: dict[str, Any] = {"rowptr": rowptr, "col": col, "source": source, "target": target}
    same_device("gat_coefficients", **tensors, edge=edge, self_edge=self_edge)
    return source.new_empty((col.size(0), source.size(1))), source.new_empty(
        (rowptr.size(0) - 1, source.size(1))
    )


def _fake_gat_aggregate(
    x: Tensor,
    rowptr: Tensor,
    col: Tensor,
    source: Tensor,
    target: Tensor,
    edge: Tensor | None = None,
    self_edge: Tensor | None = None,
    negative_slope: float = 0.2,
    self_loops: bool = False,
) -> Tensor:
    tensors: dict[str, Any] = {"x": x, "rowptr": rowptr, "col": col, "source": source, "target": target}
    same_device("gat_aggregate", **tensors, edge=edge, self_edge=self_edge)
    return x.new_empty((rowptr.size(0) - 1, *x.shape[1:]))


def _types(name: str) -> tuple[str, ...]:
    return tuple(f"{name}{edge}{own}" for edge in ("", "Edge") for own in ("", "Self"))


torch.library.register_fake("geocompile::gat_coefficients", _fake_gat_coefficients)
torch.library.register_fake("geocompile::gat_aggregate", _fake_gat_aggregate)
for _name in ("gat_coefficients", "gat_aggregate"):
    torch.library.register_autocast(f"geocompile::{_name}", "cpu", torch.float32)
register(
    Operator(
        "gat_coefficients", gat_coefficients_reference, True, _types("GatCoefficients"), {"col": "source"}
    )
)
register(Operator("gat_aggregate", gat_aggregate_reference, True, _types("GatAggregate"), {"col": "x"}))

from geocompile.custom_ops.operators import gat_backward as gat_backward  # noqa: E402  (needs the above)
