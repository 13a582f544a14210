"""A layer of PyG and ours with the same weights as contenders."""

from collections.abc import Callable

import torch
from torch import Tensor

from benchmarks.contest import Maker

OURS, PYG = "geocompile", "PyG"


def beside_pyg(make: Callable[[], torch.nn.Module], inputs: tuple[Tensor, ...]) -> dict[str, Maker]:
    """`make` gives PyG's module; ours is what `from_pyg` makes of it. Both in eager, without gradients."""
    import geocompile

    def seeded() -> torch.nn.Module:
        torch.manual_seed(1)
        return make()

    return {
        OURS: lambda: _call(geocompile.from_pyg(seeded()), inputs),
        PYG: lambda: _call(seeded(), inputs),
    }


def _call(layer: torch.nn.Module, inputs: tuple[Tensor, ...]) -> Callable[[], Tensor]:
    layer.eval()

    def call() -> Tensor:
        with torch.inference_mode():
            return layer(*inputs)  # type: ignore[no-any-return]

    return call


def pyg_spline_conv(*arguments: object) -> torch.nn.Module:
    """PyG 2.8.1's SplineConv with the operators of torch_spline_conv, which earlier versions called."""
    import torch_spline_conv
    from torch_geometric.nn.conv import spline_conv

    if spline_conv.spline_basis is None:
        spline_conv.spline_basis = torch_spline_conv.spline_basis
        spline_conv.spline_weighting = torch_spline_conv.spline_weighting
    layer: torch.nn.Module = spline_conv.SplineConv(*arguments)
    return layer
