"""A linear map of features that fall into groups, each with a matrix of its own."""

import math

import torch
from torch import Tensor


class GroupedLinear(torch.nn.Module):
    r"""``x`` in equal parts :math:`\mathbf{x}_g`, of which each becomes :math:`\mathbf{x}_g \mathbf{W}_g`; plus a bias.

    Args:
        channels: size of input and output.
        groups: number of parts.
        bias: add a learned bias.

    Shapes:
        ``x`` [*, channels], ``weight`` [groups, channels / groups, channels / groups]; result [*, channels].
    """

    def __init__(self, channels: int, groups: int, bias: bool) -> None:
        super().__init__()
        self.groups = groups
        self.weight = torch.nn.Parameter(torch.empty(groups, channels // groups, channels // groups))
        self.bias = torch.nn.Parameter(torch.empty(channels)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        r"""Draw weight and bias from :math:`U(\pm 1 / \sqrt{channels / groups})`."""
        bound = 1.0 / math.sqrt(self.weight.size(1))
        for parameter in (self.weight, self.bias):
            if parameter is not None:
                torch.nn.init.uniform_(parameter, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        """The mapped features; see the class for shapes."""
        if self.groups == 1:
            out = torch.nn.functional.linear(x, self.weight[0].t())
        else:
            parts = x.unflatten(-1, [self.groups, self.weight.size(1)])  # type: ignore[no-untyped-call]
            out = grouped_product(parts, self.weight).flatten(-2)
        return out if self.bias is None else out + self.bias


def grouped_product(x: Tensor, weight: Tensor) -> Tensor:
    """``x`` [*, groups, in] times ``weight`` [groups, in, out], each group by its own matrix: [*, groups, out].

    One product after the other: a batched one would have export ask whether there is a single node.
    """
    parts = [torch.nn.functional.linear(x.select(-2, g), weight[g].t()) for g in range(weight.size(0))]
    return torch.stack(parts, dim=-2)
