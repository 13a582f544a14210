"""Edges of several relations, and features that are learned: numbers that layers take in place of rows. Scriptable."""

import torch
from torch import Tensor
from torch.jit import is_scripting  # type: ignore[attr-defined]

from geocompile.layers.common.node_numbers import check_numbers


def marked_outside(index: Tensor, count: int) -> Tensor:
    """``index`` as int64; what is not in [0, count) is far below 0, whatever is added, so that operators refuse it."""
    return index.long().masked_fill((index < 0) | (index >= count), -4611686018427387904)


def relations_as(layer: str, edge_type: Tensor, edge_index: Tensor, num_relations: int) -> Tensor:
    """``edge_type`` as ``[num_edges]`` int64, with wrong values marked where they are not looked at.

    Raises:
        TypeError: it is no integer tensor.
        ValueError: it has not one value for each edge.
        IndexError: a value is negative or not below ``num_relations``.
    """
    if not isinstance(edge_type, Tensor) or (
        edge_type.dtype != torch.int64 and edge_type.dtype != torch.int32
    ):
        raise TypeError(f"geocompile.{layer}: edge_type must be a tensor of dtype int64 or int32")
    if edge_type.dim() != 1 or edge_type.size(0) != edge_index.size(1):
        raise ValueError(
            f"geocompile.{layer}: edge_type must have shape [{edge_index.size(1)}], one relation for each edge of "
            f"edge_index, got {list(edge_type.shape)}"
        )
    check_numbers(layer, "edge_type", edge_type, num_relations)
    if edge_type.device.type != "cpu" or (not is_scripting() and torch.compiler.is_compiling()):
        return marked_outside(edge_type, num_relations)
    return edge_type.long()


def check_learned(layer: str, x: Tensor, channels: int) -> None:
    """Refuse what is no vector of numbers of nodes in [0, channels).

    Raises:
        ValueError: another dtype or shape.
        IndexError: a number outside.
    """
    if x.dim() != 1 or (x.dtype != torch.int64 and x.dtype != torch.int32):
        raise ValueError(
            f"geocompile.{layer}: x must be floating-point features [num_nodes, {channels}] or numbers of nodes "
            f"[num_nodes] of dtype int64 or int32, got {x.dtype} {list(x.shape)}"
        )
    check_numbers(layer, "x", x, channels)
