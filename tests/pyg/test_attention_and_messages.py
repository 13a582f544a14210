"""PyG's later layers that are kept as they are, each with its reason."""

from collections.abc import Callable

import pytest
import torch

from geocompile.pyg import from_pyg_report

pyg = pytest.importorskip("torch_geometric.nn", reason="PyG is not installed (extra: pyg)")
DEGREES = torch.tensor([1, 2])


def with_another_norm() -> torch.nn.Module:
    conv = pyg.GENConv(3, 4)
    conv.mlp[1] = torch.nn.GroupNorm(2, 8)
    return conv


def with_statistics() -> torch.nn.Module:
    conv = pyg.GENConv(3, 4, norm="instance")
    conv.mlp[1] = torch.nn.InstanceNorm1d(8, track_running_stats=True)
    return conv


def with_half_a_gradient() -> torch.nn.Module:
    return pyg.PNAConv(3, 4, [pyg.aggr.VarAggregation(semi_grad=True)], ["linear"], DEGREES)


def with_a_hook() -> torch.nn.Module:
    conv = pyg.PNAConv(3, 4, ["mean", "max"], ["linear"], DEGREES)
    conv.aggr_module.register_forward_hook(lambda *_: None)
    return conv


KEPT: dict[str, tuple[Callable[[], torch.nn.Module], str]] = {
    "attention by maximum": (lambda: pyg.GATv2Conv(3, 4, aggr="max"), "has no aggr='max'"),
    "lazy": (lambda: pyg.GATv2Conv(-1, 4), "the size of its lin_l is not known yet"),
    "lazy transformer": (lambda: pyg.TransformerConv(-1, 4), "the size of its lin_key is not known yet"),
    "loops that flow back": (
        lambda: pyg.GATv2Conv(3, 4, edge_dim=2, flow="target_to_source"),
        "take their features from edges that a node sends",
    ),
    "other dimension": (lambda: pyg.ResGatedGraphConv(3, 4, node_dim=0), "want node_dim=-2"),
    "several aggregations": (lambda: pyg.GENConv(3, 4, aggr=["mean", "max"]), "has no aggr=['mean', 'max']"),
    "another norm": (with_another_norm, "its mlp holds a GroupNorm"),
    "statistics": (with_statistics, "its InstanceNorm1d is not as its constructor makes it"),
    "median": (
        lambda: pyg.PNAConv(3, 4, ["mean", "median"], ["linear"], DEGREES),
        "its aggregator MedianAggregation has no",
    ),
    "half a gradient": (with_half_a_gradient, "its VarAggregation has a semi-gradient"),
    "hook": (with_a_hook, "carries hooks"),
}


@pytest.mark.parametrize("name", KEPT)
def test_what_cannot_be_replaced_is_kept_with_the_reason(name: str) -> None:
    make, reason = KEPT[name]
    ours, report = from_pyg_report(torch.nn.Sequential(make()))
    assert type(ours[0]).__module__.startswith("torch_geometric")
    assert reason in report.kept[0].reason
