"""The layers as engines: ONNX without our library and TorchScript give eager's numbers on graphs of every size."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from geocompile.capture import capture
from geocompile.examples import normalize_examples
from geocompile.exporters import get_exporter
from geocompile.layers import GATConv, SAGEConv, softmax
from geocompile.passes import run_passes
from tests.conformance.case import SIZES
from tests.exporters.test_engines_equal_eager import OPEN
from tests.layers.cases import gin


class OneGraph(torch.nn.Module):
    def __init__(self, layer: torch.nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        out: Tensor = self.layer(x, edge_index)
        return out


class WithEdges(OneGraph):
    def forward(self, x: Tensor, edge_index: Tensor, edge_attr: Tensor) -> Tensor:  # type: ignore[override]
        out: Tensor = self.layer(x, edge_index, edge_attr)
        return out


class TwoSides(OneGraph):
    def forward(  # type: ignore[override]
        self, x: Tensor, x_target: Tensor, edge_index: Tensor, edge_attr: Tensor
    ) -> Tensor:
        out: Tensor = self.layer((x, x_target), edge_index, edge_attr)
        return out


class Softmax(torch.nn.Module):
    def forward(self, edge_attr: Tensor, edge_index: Tensor) -> Tensor:
        return softmax(edge_attr, edge_index[1])


def inputs(names: tuple[str, ...], num_nodes: int, num_edges: int) -> tuple[Tensor, ...]:
    nodes = max(num_nodes, 1)
    tensors = {
        "x": torch.randn(num_nodes, 3),
        "x_target": torch.randn(num_nodes + 2, 4),
        "edge_index": torch.stack(
            [torch.randint(0, nodes, (num_edges,)), torch.randint(0, nodes + 2, (num_edges,)) % nodes]
        ),
        "edge_attr": torch.randn(num_edges, 2),
    }
    return tuple(tensors[name] for name in names)


GRAPH, EDGES, SIDES = (
    ("x", "edge_index"),
    ("x", "edge_index", "edge_attr"),
    ("x", "x_target", "edge_index", "edge_attr"),
)
MODELS: dict[str, tuple[Callable[[], torch.nn.Module], tuple[str, ...]]] = {
    "SAGEConv": (lambda: OneGraph(SAGEConv(3, 2)), GRAPH),
    "SAGEConv aggregates first": (lambda: OneGraph(SAGEConv(3, 5, root_weight=True, project=True)), GRAPH),
    "SAGEConv max": (lambda: OneGraph(SAGEConv(3, 4, aggr="max")), GRAPH),
    "GINConv": (lambda: OneGraph(gin(4, eps=0.5, train_eps=True)), GRAPH),
    "GATConv": (lambda: OneGraph(GATConv(3, 4, heads=2, residual=True)), GRAPH),
    "GATConv edges": (lambda: WithEdges(GATConv(3, 4, heads=2, edge_dim=2, concat=False)), EDGES),
    "GATConv edges max": (lambda: WithEdges(GATConv(3, 4, edge_dim=2, fill_value="max")), EDGES),
    "GATConv without loops": (lambda: WithEdges(GATConv(3, 4, edge_dim=2, add_self_loops=False)), EDGES),
    "GATConv two sides": (lambda: TwoSides(GATConv((3, 4), 2, heads=2, edge_dim=2)), SIDES),
    "softmax": (Softmax, ("edge_attr", "edge_index")),
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("target", ["torchscript", "onnx"])
def test_an_engine_equals_eager_on_every_size(target: str, name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    make, names = MODELS[name]
    model = make().eval()
    program, _ = run_passes(capture(model, normalize_examples(model, inputs(names, 6, 14))))
    run = OPEN[target](tmp_path / get_exporter(target)(program, tmp_path).file)
    for size in SIZES:
        given: Any = inputs(names, *size)
        with torch.no_grad():
            torch.testing.assert_close(run(list(given)), [model(*given)])
