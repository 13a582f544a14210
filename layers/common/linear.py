"""Linear maps with the initialisation of GNN layers, of known or yet unknown input size."""

import math
import numbers
from typing import Any

import torch
from torch import Tensor
from torch.nn.parameter import UninitializedParameter


class Linear(torch.nn.Linear):
    r"""``x W^T + b`` with Glorot-initialised weight: :math:`U(\pm\sqrt{6 / (in + out)})`, bias 0.

    State dict and mathematics are those of :class:`torch.nn.Linear`.
    """

    def reset_parameters(self) -> None:
        glorot_(self.weight)
        if self.bias is not None:
            torch.nn.init.zeros_(self.bias)


class LazyGlorotLinear(torch.nn.LazyLinear):
    """:class:`Linear` whose input size is taken from the first input."""

    cls_to_become = Linear

    def reset_parameters(self) -> None:
        if not isinstance(self.weight, UninitializedParameter):
            Linear.reset_parameters(self)


def linear(
    layer: str, in_channels: int, out_channels: int, bias: bool, glorot: bool = False
) -> torch.nn.Linear:
    """A linear map for ``layer``; ``in_channels=-1`` takes the input size from the first input.

    Raises:
        TypeError: a size is no integer.
        ValueError: a size is negative (other than -1 for ``in_channels``).
    """
    for name, size in (("in_channels", in_channels), ("out_channels", out_channels)):
        if not isinstance(size, numbers.Integral) or isinstance(size, bool):
            raise TypeError(f"geocompile.{layer}: {name} must be an integer, got {size!r}")
    if in_channels < -1 or out_channels < 0:
        raise ValueError(
            f"geocompile.{layer}: channels must be non-negative (in_channels=-1 to infer), "
            f"got in_channels={in_channels}, out_channels={out_channels}"
        )
    if in_channels == -1:
        lazy = LazyGlorotLinear if glorot else torch.nn.LazyLinear
        return lazy(out_channels, bias=bias)
    return (Linear if glorot else torch.nn.Linear)(in_channels, out_channels, bias=bias)


def pair_of_channels(layer: str, in_channels: Any) -> tuple[int, int]:
    """``in_channels`` for source and target, of a number or a pair.

    Raises:
        TypeError: it is neither.
    """
    if not isinstance(in_channels, (tuple, list)):
        return in_channels, in_channels
    if len(in_channels) != 2:
        raise TypeError(
            f"geocompile.{layer}: in_channels must be an integer, or a pair for source and target, "
            f"got {in_channels!r}"
        )
    return in_channels[0], in_channels[1]


def glorot_(weight: Tensor) -> None:
    """Fill the last two dimensions of ``weight`` with U(±sqrt(6 / (fan in + fan out)))."""
    bound = math.sqrt(6.0 / max(weight.size(-2) + weight.size(-1), 1))
    with torch.no_grad():
        weight.uniform_(-bound, bound)


def infer_size(module: torch.nn.Linear, x: Tensor | None) -> None:
    """Give a lazy linear layer its input size from ``x``, for code that needs it before the layer is called."""
    if x is not None and isinstance(module, torch.nn.LazyLinear):
        if not module.has_uninitialized_params():
            module.in_features = module.weight.size(1)  # loaded, with a state that does not tell it
        module._infer_parameters(module, (x,))


def reset(module: torch.nn.Module) -> None:
    """Draw the parameters of ``module`` anew, or those of its parts if it has no ``reset_parameters``."""
    draw = getattr(module, "reset_parameters", None)
    if draw is not None:
        draw()
        return
    for child in module.children():
        reset(child)
