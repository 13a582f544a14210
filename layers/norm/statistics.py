"""What normalisations share. Scriptable."""

import torch
from torch import Tensor


def check_nodes(layer: str, x: Tensor, in_channels: int, weight: Tensor | None) -> None:
    """Refuse what is no floating-point tensor of ``in_channels`` for each node, or as wide as ``weight``.

    Raises:
        TypeError: it is no floating-point tensor, or float64 and the weight not, or the other way round.
        ValueError: its last size is another one, or it has no dimension of nodes.
    """
    if not isinstance(x, Tensor) or not x.is_floating_point():
        raise TypeError(f"geocompile.{layer}: x must be a floating-point tensor; use x.float()")
    if weight is not None and (x.dtype == torch.float64) != (weight.dtype == torch.float64):
        raise TypeError(
            f"geocompile.{layer}: x is of dtype {x.dtype} and the weights of the layer of {weight.dtype}; "
            "convert one of them: x.to(dtype), layer.to(dtype)"
        )
    if x.dim() < 2 or x.size(-1) != in_channels:
        raise ValueError(
            f"geocompile.{layer}: x must have shape [num_nodes, {in_channels}], got {list(x.shape)}"
        )


def spread(of_graph: Tensor, batch: Tensor | None) -> Tensor:
    """One row per graph to the nodes; without a batch vector the only row, which broadcasts."""
    return of_graph if batch is None else of_graph.index_select(0, batch)
