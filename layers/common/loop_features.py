"""Edge features of self-loops that the graph does not list, as they are or as scores of attention heads."""

import math
import numbers

import torch
from torch import Tensor

from geocompile.custom_ops import segment_reduce
from geocompile.layers.common.precision import widened
from geocompile.layers.common.self_loops import count_others

_REDUCE = {"add": "sum", "sum": "sum", "mean": "mean", "max": "max", "min": "min", "mul": "mul"}


class LoopFeatures(torch.nn.Module):
    """How the features of self-loops come about, PyG's ``fill_value``.

    Args:
        layer: the layer's name, for messages.
        fill_value: a number; a tensor ``[edge_dim]``; or the reduction of the node's other edges (those that it
            receives): ``"mean"``, ``"add"``, ``"max"``, ``"min"`` or ``"mul"``.
        edge_dim: size of the edge features, -1 if the first call tells it; None: there are none.

    Raises:
        TypeError: ``fill_value`` is none of these.
        ValueError: an unknown reduction, or a tensor that is no row of ``edge_dim`` values.
    """

    row: Tensor | None

    def __init__(self, layer: str, fill_value: float | Tensor | str, edge_dim: int | None) -> None:
        super().__init__()
        self.layer = layer
        self.reduce, self.number, row = "", 0.0, None
        if isinstance(fill_value, str):
            self.reduce = _known(layer, fill_value)
        elif isinstance(fill_value, Tensor):
            row = _as_row(layer, fill_value, edge_dim)
        elif isinstance(fill_value, numbers.Real) and not isinstance(fill_value, bool):
            self.number = float(fill_value)
        else:
            raise TypeError(
                f"geocompile.{layer}: fill_value must be a number, a tensor or the name of a reduction, "
                f"got {fill_value!r}"
            )
        self.register_buffer("row", row, persistent=False)

    def forward(
        self,
        edge_attr: Tensor,
        scores: Tensor,
        weight: Tensor | None,
        is_loop: Tensor,
        rowptr: Tensor,
        perm: Tensor,
    ) -> Tensor:
        """Scores of the loops, ``[num_rows, heads]``; without ``weight`` their features, ``[num_rows, edge_dim]``.

        Args:
            edge_attr: ``[num_edges, edge_dim]``, in edge order.
            scores: ``[num_edges, heads]``, ``edge_attr`` times ``weight``, in row order; or itself in that order.
            weight: ``[heads, edge_dim]`` or None.
            is_loop: ``[num_edges]``, which edges are loops, in row order.
            rowptr: ``[num_rows + 1]``.
            perm: ``[num_edges]``, which edge stands at each place of the rows.
        """
        if self.reduce == "sum" or self.reduce == "mean":
            return _linear_of_others(self.reduce, scores, is_loop, rowptr)
        if self.reduce != "":
            others = _reduced_others(self.reduce, edge_attr.index_select(0, perm), is_loop, rowptr)
            return _mapped(others, weight)
        row = self.row
        if row is not None:
            if row.size(1) != 1 and row.size(1) != edge_attr.size(1):
                raise ValueError(_wrong_row(self.layer, list(row.shape), edge_attr.size(1)))
            features = row.to(edge_attr.dtype).expand(1, edge_attr.size(1))
        else:
            features = edge_attr.new_full([1, edge_attr.size(1)], self.number)
        return _mapped(features, weight).expand(rowptr.size(0) - 1, -1)


def _mapped(features: Tensor, weight: Tensor | None) -> Tensor:
    return features if weight is None else torch.nn.functional.linear(features, weight)


def _linear_of_others(reduce: str, scores: Tensor, is_loop: Tensor, rowptr: Tensor) -> Tensor:
    """Sum or mean commute with the map to the scores, and heads are fewer than features; 0 without other edges."""
    out = segment_reduce(widened(scores).masked_fill(is_loop.unsqueeze(1), 0.0), rowptr, None, "sum")
    if reduce == "mean":
        out = out / count_others(is_loop, rowptr, scores).clamp(min=1.0).unsqueeze(1)
    return out.to(scores.dtype)


def _reduced_others(reduce: str, edge_attr: Tensor, is_loop: Tensor, rowptr: Tensor) -> Tensor:
    """Features of the edges that are no loops, reduced; without such an edge 0, or 1 for ``"mul"``."""
    out = segment_reduce(
        edge_attr.masked_fill(is_loop.unsqueeze(1), _never_wins(reduce)), rowptr, None, reduce
    )
    if reduce == "mul":
        return out
    return out.masked_fill((count_others(is_loop, rowptr, edge_attr) == 0).unsqueeze(1), 0.0)


def _never_wins(reduce: str) -> float:
    if reduce == "mul":
        return 1.0
    return -math.inf if reduce == "max" else math.inf


def _known(layer: str, reduce: str) -> str:
    if reduce not in _REDUCE:
        raise ValueError(
            f"geocompile.{layer}: fill_value must be a number, a tensor or one of {', '.join(_REDUCE)}, got {reduce!r}"
        )
    return _REDUCE[reduce]


def _as_row(layer: str, fill_value: Tensor, edge_dim: int | None) -> Tensor:
    if fill_value.dim() > 2 or (fill_value.dim() == 2 and fill_value.size(0) != 1):
        raise ValueError(
            f"geocompile.{layer}: fill_value must be one row of edge features [edge_dim], got {list(fill_value.shape)}"
        )
    if edge_dim is not None and edge_dim >= 0 and fill_value.dim() > 0 and fill_value.numel() != edge_dim:
        raise ValueError(_wrong_row(layer, list(fill_value.shape), edge_dim))
    return fill_value.detach().clone().reshape(1, -1)


def _wrong_row(layer: str, shape: list[int], edge_dim: int) -> str:
    return (
        f"geocompile.{layer}: fill_value must be one row of edge features [edge_dim], here [{edge_dim}], "
        f"got {shape}"
    )
