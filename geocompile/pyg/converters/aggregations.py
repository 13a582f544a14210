"""PyG's aggregation modules: the ones that stand for them, and back."""

from collections.abc import Callable
from typing import Any

import torch

from geocompile import layers
from geocompile.pyg.aggregation import SegmentAggregation
from geocompile.pyg.carried import KeepError, check_aggregation
from geocompile.pyg.converters.shared import Converter, pyg_nn, take_over


def aggregation(reduce: str) -> Callable[[Any], torch.nn.Module]:
    """A PyG aggregation module without parameters."""

    def convert(old: Any) -> torch.nn.Module:
        check_aggregation(old)
        return SegmentAggregation(reduce)

    return convert


def softmax_aggregation(old: Any) -> torch.nn.Module:
    """PyG's SoftmaxAggregation; a temperature per channel broadcasts as it stands."""
    check_aggregation(old, learn=old.learn, semi_grad=old.semi_grad)
    if isinstance(old.t, torch.Tensor) != old.learn or old.t.__class__ not in (
        int,
        float,
        torch.nn.Parameter,
    ):
        raise KeepError(f"its t is a {type(old.t).__name__}, which learn={old.learn} is not")
    if not old.learn:
        return layers.SoftmaxAggregation(float(old.t), semi_grad=old.semi_grad)
    return take_over(layers.SoftmaxAggregation(old._init_t, True, channels=old.channels), old, {}, ("t",))


def to_aggregation(old: SegmentAggregation) -> torch.nn.Module:
    """PyG's aggregation module of that name."""
    name = "Sum" if old.reduce == "sum" else old.reduce.capitalize()
    new: torch.nn.Module = getattr(pyg_nn().aggr, f"{name}Aggregation")()
    return new


def to_softmax_aggregation(old: layers.SoftmaxAggregation) -> torch.nn.Module:
    """PyG's SoftmaxAggregation."""
    new = pyg_nn().aggr.SoftmaxAggregation(old.initial_t, old.learn, old.semi_grad, old.channels)
    return take_over(new, old, {}, ("t",) if old.learn else ())


_NAMES = {"Sum": "sum", "Mean": "mean", "Max": "max", "Min": "min", "Mul": "mul"}
FROM_PYG: dict[str, Converter] = {
    **{
        f"torch_geometric.nn.aggr.basic.{name}Aggregation": aggregation(reduce)
        for name, reduce in _NAMES.items()
    },
    "torch_geometric.nn.aggr.basic.SoftmaxAggregation": softmax_aggregation,
}
TO_PYG: dict[type[torch.nn.Module], Converter] = {
    SegmentAggregation: to_aggregation,
    layers.SoftmaxAggregation: to_softmax_aggregation,
}
