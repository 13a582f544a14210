"""No layer builds a tensor with a row of features per edge unless its message needs one; the docstrings run."""

import doctest
import importlib
import inspect
import pkgutil
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from geocompile import layers
from geocompile.layers import (
    GATConv,
    GATv2Conv,
    GCNConv,
    GENConv,
    GINConv,
    GraphConv,
    PNAConv,
    SAGEConv,
    TransformerConv,
)
from tests.layers.user_layers import Plain, TutorialEdgeConv

NUM_NODES, NUM_EDGES, CHANNELS = 10, 97, 5


class LargestTensor(TorchDispatchMode):
    """Remembers the number of elements of the largest tensor that an operator returns."""

    def __init__(self) -> None:
        super().__init__()
        self.numel = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for leaf in torch.utils._pytree.tree_leaves(out):
            if isinstance(leaf, torch.Tensor):
                self.numel = max(self.numel, leaf.numel())
        return out


def largest_of_forward_and_backward(layer: torch.nn.Module, weighted: bool) -> int:
    x = torch.randn(NUM_NODES, CHANNELS, requires_grad=True)
    edge_index = torch.randint(0, NUM_NODES, (2, NUM_EDGES))
    weight = (torch.rand(NUM_EDGES),) if weighted else ()
    with LargestTensor() as largest:
        layer(x, edge_index, *weight).sum().backward()
    return largest.numel


FUSED: dict[str, tuple[Callable[[], torch.nn.Module], bool]] = {
    "GCNConv": (lambda: GCNConv(CHANNELS, CHANNELS), False),
    "GCNConv weighted": (lambda: GCNConv(CHANNELS, CHANNELS), True),
    "GCNConv max": (lambda: GCNConv(CHANNELS, CHANNELS, aggr="max"), True),
    "GraphConv mean": (lambda: GraphConv(CHANNELS, CHANNELS, "mean"), True),
    "GraphConv max": (lambda: GraphConv(CHANNELS, CHANNELS, "max"), True),
    "SAGEConv": (lambda: SAGEConv(CHANNELS, CHANNELS), False),
    "SAGEConv max": (lambda: SAGEConv(CHANNELS, CHANNELS, aggr="max"), False),
    "SAGEConv root": (lambda: SAGEConv(CHANNELS, CHANNELS, root_weight=True), False),
    "GINConv": (lambda: GINConv(torch.nn.Linear(CHANNELS, CHANNELS), train_eps=True), False),
    "GATConv": (lambda: GATConv(CHANNELS, CHANNELS), False),
    "GATConv edge features": (lambda: GATConv(CHANNELS, CHANNELS, edge_dim=1), True),
    "GATConv with dropout": (lambda: GATConv(CHANNELS, CHANNELS, edge_dim=1, dropout=0.5), True),
    "GATv2Conv": (lambda: GATv2Conv(CHANNELS, CHANNELS), False),
    "GATv2Conv edge features": (lambda: GATv2Conv(CHANNELS, CHANNELS, edge_dim=1), True),
    "GATv2Conv with dropout": (lambda: GATv2Conv(CHANNELS, CHANNELS, edge_dim=1, dropout=0.5), True),
    "TransformerConv": (lambda: TransformerConv(CHANNELS, CHANNELS), False),
    "TransformerConv edge features": (lambda: TransformerConv(CHANNELS, CHANNELS, edge_dim=1), True),
    "TransformerConv with dropout": (
        lambda: TransformerConv(CHANNELS, CHANNELS, edge_dim=1, dropout=0.5),
        True,
    ),
    "PNAConv": (
        lambda: PNAConv(CHANNELS, CHANNELS, ["max", "mean", "std"], ["linear"], torch.ones(9)),
        False,
    ),
    "GENConv power mean": (
        lambda: GENConv(CHANNELS, CHANNELS, "powermean", p=2.0, norm=None, expansion=1),
        False,
    ),
    "a layer without a message": (lambda: Plain(aggr="max"), False),
}


@pytest.mark.parametrize("name", FUSED)
def test_neither_forward_nor_backward_has_a_row_of_features_per_edge(name: str) -> None:
    make, weighted = FUSED[name]
    assert largest_of_forward_and_backward(make(), weighted) <= 2 * NUM_EDGES


def test_the_softmax_of_messages_has_no_row_of_features_per_edge_before_its_gradient() -> None:
    layer = GENConv(CHANNELS, CHANNELS, norm=None, expansion=1)
    with torch.no_grad(), LargestTensor() as largest:
        layer(torch.randn(NUM_NODES, CHANNELS), torch.randint(0, NUM_NODES, (2, NUM_EDGES)))
    assert largest.numel <= 2 * NUM_EDGES


def test_many_heads_are_never_there_once_per_edge_and_channel() -> None:
    heads = 2
    layer = GATConv(CHANNELS, 2 * CHANNELS, heads, edge_dim=1)
    nodes, edges = NUM_NODES * heads * 2 * CHANNELS, NUM_EDGES * heads
    assert largest_of_forward_and_backward(layer, True) <= max(nodes, edges)


def test_the_meter_sees_such_a_tensor_where_there_is_one() -> None:
    assert largest_of_forward_and_backward(TutorialEdgeConv(CHANNELS, 4), False) > 2 * NUM_EDGES


MODULES = [
    module.name
    for package in ("geocompile.layers", "geocompile.pyg")
    for module in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}.")
]
PUBLIC = [value for name in layers.__all__ if inspect.isclass(value := getattr(layers, name))]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_the_docstrings_run(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


@pytest.mark.parametrize("layer", PUBLIC, ids=lambda layer: layer.__name__)
def test_every_layer_has_an_example_that_runs_and_names_its_source(layer: type) -> None:
    """The doctest of a class is that of its module, which the test above runs."""
    assert ">>>" in (layer.__doc__ or "")
    assert layer.__name__ == "MessagePassing" or "Source:" in (layer.__doc__ or "")
