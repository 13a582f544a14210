"""What `print(model)` and the report say of a layer."""

import pytest
import torch
import torch_geometric.nn as pyg

from geocompile import layers
from geocompile.report.describe import summarize


@pytest.mark.parametrize(
    ("layer", "options"),
    [
        (layers.GCNConv(3, 4, bias=False, cached=True), "3, 4, cached=True, bias=False"),
        (layers.GATConv((3, 5), 4, heads=2, negative_slope=0.1), "(3, 5), 4, heads=2, negative_slope=0.1"),
        (layers.GINConv(torch.nn.Identity()), "aggr='add'"),
        (layers.TopKPooling(3, ratio=1.0), "3, ratio=1.0"),  # all nodes
        (layers.TopKPooling(3, ratio=1), "3, ratio=1"),  # one node
        (layers.RENet(5, 3, 2, 1), "num_nodes=5, num_rels=3, 2, seq_len=1"),
        (layers.BatchNorm(3), "3"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, torch.nn.Module) else value,
)
def test_a_layer_says_what_is_not_default(layer: torch.nn.Module, options: str) -> None:
    assert layer.extra_repr() == options


@pytest.mark.parametrize("library", [pyg, layers], ids=lambda library: library.__name__)
def test_the_report_has_the_options_of_every_layer(library: object) -> None:
    model = torch.nn.Sequential(library.GATConv(3, 4, heads=2), torch.nn.Linear(8, 1))  # type: ignore[attr-defined]
    settings = {layer.path: layer.settings for layer in summarize(model, {}).layers}
    assert settings["0"] == "3, 4, heads=2"
    assert settings["1"] == "in_features=8, out_features=1, bias=True"
