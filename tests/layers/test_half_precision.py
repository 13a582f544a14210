"""Every layer in float16 and bfloat16 against the same layer in float64, on the same (rounded) numbers."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from geocompile.layers import (
    APPNP,
    AGNNConv,
    ARMAConv,
    ChebConv,
    GATConv,
    GatedGraphConv,
    GATv2Conv,
    GCNConv,
    GENConv,
    GraphConv,
    LEConv,
    PNAConv,
    ResGatedGraphConv,
    SAGEConv,
    SGConv,
    TAGConv,
    TransformerConv,
    global_add_pool,
    global_max_pool,
    global_mean_pool,
    softmax,
)
from tests.layers.cases import gin
from tests.layers.user_layers import Plain, TutorialEdgeConv

HALVES = (torch.float16, torch.bfloat16)
LAYERS: dict[str, Callable[[], torch.nn.Module]] = {
    "GCNConv": lambda: GCNConv(8, 6),
    "GCNConv wide": lambda: GCNConv(8, 12),
    "GCNConv mean": lambda: GCNConv(8, 6, aggr="mean"),
    "GCNConv max": lambda: GCNConv(8, 6, aggr="max"),
    "GraphConv": lambda: GraphConv(8, 6),
    "GraphConv max": lambda: GraphConv(8, 6, "max"),
    "SAGEConv": lambda: SAGEConv(8, 6),
    "SAGEConv max": lambda: SAGEConv(8, 6, aggr="max"),
    "SAGEConv root": lambda: SAGEConv(8, 12, root_weight=True, project=True),
    "GINConv": lambda: gin_of_eight(),
    "GATConv": lambda: GATConv(8, 6, heads=2),
    "GATConv without loops": lambda: GATConv(8, 6, heads=2, add_self_loops=False, residual=True),
    "ChebConv": lambda: ChebConv(8, 6, K=3, degree_at_row_0=True),
    "SGConv": lambda: SGConv(8, 6, K=2),
    "APPNP": lambda: APPNP(3, 0.2),
    "ARMAConv": lambda: ARMAConv(8, 6, num_stacks=2, num_layers=2, act=torch.tanh),
    "TAGConv": lambda: TAGConv(8, 6),
    "LEConv": lambda: LEConv(8, 6, aggr="mean"),
    "GatedGraphConv": lambda: GatedGraphConv(8, 2, "mean"),
    "AGNNConv": lambda: AGNNConv(),
    "GATv2Conv": lambda: GATv2Conv(8, 6, heads=2, residual=True),
    "TransformerConv": lambda: TransformerConv(8, 6, heads=2, beta=True),
    "ResGatedGraphConv": lambda: ResGatedGraphConv(8, 6),
    "PNAConv": lambda: PNAConv(8, 6, ["mean", "std"], ["identity", "amplification"], torch.ones(6)),
    "GENConv": lambda: GENConv(8, 6, learn_t=True, norm="layer"),
    "MessagePassing": lambda: Plain(aggr="mean"),
    "MessagePassing of the user": lambda: TutorialEdgeConv(8, 6),
}


def gin_of_eight() -> torch.nn.Module:
    layer = gin(6, eps=0.5, train_eps=True)
    layer.nn[0] = torch.nn.Linear(8, 4)
    return layer


def bound(dtype: torch.dtype) -> float:
    """Some ten roundings of numbers up to about 4, and what the weights between them make of it."""
    return 60 * torch.finfo(dtype).eps


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_in_half_precision_is_near_the_same_in_float64(name: str, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    layer = LAYERS[name]().to(dtype)
    x, edge_index = torch.randn(20, 8).to(dtype).requires_grad_(), torch.randint(0, 19, (2, 90))
    exact, y = copy.deepcopy(layer).double(), x.detach().double().requires_grad_()
    out, expected = layer(x, edge_index), exact(y, edge_index)
    assert out.dtype == dtype
    torch.testing.assert_close(out.double(), expected, rtol=bound(dtype), atol=bound(dtype))
    torch.testing.assert_close(
        torch.jit.script(layer)(x, edge_index).double(), expected, rtol=bound(dtype), atol=bound(dtype)
    )
    if "max" in name or "user" in name:
        return  # rounding makes ties, whose gradient goes to another node
    out.sum().backward()
    expected.sum().backward()
    assert x.grad is not None
    assert y.grad is not None
    near = 4 * bound(dtype)
    torch.testing.assert_close(x.grad.double(), y.grad, rtol=near, atol=near)


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("fill_value", ["mean", "add", "max", "min", "mul", 0.5])
def test_edge_features_in_half_precision(fill_value: Any, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    layer = GATConv(8, 6, heads=2, edge_dim=3, fill_value=fill_value).to(dtype)
    x, edge_index, edge_attr = torch.randn(20, 8), torch.randint(0, 19, (2, 60)), torch.randn(60, 3)
    out = layer(x.to(dtype), edge_index, edge_attr.to(dtype))
    expected = copy.deepcopy(layer).double()(x.to(dtype).double(), edge_index, edge_attr.to(dtype).double())
    torch.testing.assert_close(out.double(), expected, rtol=bound(dtype), atol=bound(dtype))


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("function", [global_add_pool, global_mean_pool, global_max_pool, softmax])
def test_functions_in_half_precision(function: Callable[..., Tensor], dtype: torch.dtype) -> None:
    x, batch = torch.randn(30, 4).to(dtype), torch.randint(0, 5, (30,))
    out = function(x, batch)
    assert out.dtype == dtype
    eps = torch.finfo(dtype).eps
    torch.testing.assert_close(out.double(), function(x.double(), batch), rtol=eps, atol=eps)


def test_a_count_that_half_precision_cannot_hold() -> None:
    """70,000 neighbours: more than float16 can count, and their sum more than it can hold."""
    x = torch.ones(3, 2, dtype=torch.float16)
    edge_index = torch.stack([torch.ones(70_000).long(), torch.zeros(70_000).long()])
    layer = SAGEConv(2, 2, normalize=False, bias=False).half()
    torch.nn.init.eye_(layer.lin_l.weight)
    with torch.no_grad():
        # Each neighbour weighs 1 / 70,001, which float16 holds to 1 in 500.
        torch.testing.assert_close(layer(x, edge_index), x, rtol=4e-3, atol=0)


def test_zero_features_have_no_direction() -> None:
    layer = SAGEConv(2, 2, bias=False).half()
    assert not layer(torch.zeros(3, 2, dtype=torch.float16), torch.tensor([[0], [1]])).any()
