"""A batch of dense graphs, or a single one without the dimension of the batch. Scriptable."""

import torch
from torch import Tensor
from torch.jit import is_scripting  # type: ignore[attr-defined]


def as_batch(layer: str, name: str, x: Tensor) -> Tensor:
    """``x`` with three dimensions, the first that of the batch.

    Raises:
        TypeError: it is no floating-point tensor.
        ValueError: it has neither two dimensions nor three.
    """
    if not isinstance(x, Tensor) or not x.is_floating_point():
        raise TypeError(f"geocompile.{layer}: {name} must be a floating-point tensor; use {name}.float()")
    if x.dim() == 2:
        return x.unsqueeze(0)
    if x.dim() != 3:
        raise ValueError(
            f"geocompile.{layer}: {name} must have three dimensions, or two for a single graph, got {list(x.shape)}"
        )
    return x


def as_mask(layer: str, mask: Tensor, x: Tensor) -> Tensor:
    """``mask`` as factors ``[batch_size, num_nodes, 1]`` of the dtype of ``x`` [batch_size, num_nodes, *].

    Raises:
        ValueError: it does not have one value per node.
    """
    if mask.numel() != x.size(0) * x.size(1):
        raise ValueError(
            f"geocompile.{layer}: mask must have shape {list(x.shape[:2])}, one value for each node, "
            f"got {list(mask.shape)}"
        )
    return mask.reshape(x.size(0), x.size(1), 1).to(x.dtype)


def alike(x: Tensor, adj: Tensor) -> tuple[Tensor, Tensor]:
    """Both with as many graphs, where one of them is given for all."""
    if not is_scripting() and torch.compiler.is_compiling():
        return x, adj  # a captured model knows its sizes by name: those of a batch are one
    if x.size(0) == 1:
        return x.expand(adj.size(0), -1, -1), adj
    return (x, adj.expand(x.size(0), -1, -1)) if adj.size(0) == 1 else (x, adj)
