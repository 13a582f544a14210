"""Pairs of features with `flow="target_to_source"`: PyG sends x[0] along edge_index[1], and counts its rows."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch_geometric.nn as pyg
from torch import Tensor

import geocompile
from geocompile import layers

BACK: dict[str, Any] = {"flow": "target_to_source"}
NUM_EDGES = 9


def network(channels: int, out_channels: int = 4) -> torch.nn.Module:
    return torch.nn.Sequential(torch.nn.Linear(channels, out_channels), torch.nn.Tanh())


def features(dim: int) -> Callable[[int], Tensor]:
    return lambda rows: torch.randn(rows, dim, dtype=torch.float64)


X, POS = features(3), features(2)
# The layer, what its pairs are made of, and what it is given for each edge.
LAYERS: dict[str, tuple[Callable[[], torch.nn.Module], tuple[Any, ...], tuple[int, ...]]] = {
    "GraphConv": (lambda: pyg.GraphConv((3, 3), 4, **BACK), (X,), ()),
    "SAGEConv": (lambda: pyg.SAGEConv((3, 3), 4, **BACK), (X,), ()),
    "SAGEConv without root": (lambda: pyg.SAGEConv((3, 3), 4, root_weight=False, **BACK), (X,), ()),
    "GINConv": (lambda: pyg.GINConv(network(3), **BACK), (X,), ()),
    "GINEConv": (lambda: pyg.GINEConv(network(3), edge_dim=2, **BACK), (X,), (2,)),
    "GATConv": (lambda: pyg.GATConv((3, 3), 4, heads=2, **BACK), (X,), ()),
    "GATConv without loops": (lambda: pyg.GATConv((3, 3), 4, add_self_loops=False, **BACK), (X,), ()),
    "GATConv residual": (lambda: pyg.GATConv((3, 3), 4, residual=True, **BACK), (X,), ()),
    "GATv2Conv": (lambda: pyg.GATv2Conv((3, 3), 4, heads=2, **BACK), (X,), ()),
    "GATv2Conv without loops": (
        lambda: pyg.GATv2Conv((3, 3), 4, add_self_loops=False, edge_dim=2, **BACK),
        (X,),
        (2,),
    ),
    "GATv2Conv residual": (lambda: pyg.GATv2Conv((3, 3), 4, residual=True, **BACK), (X,), ()),
    "TransformerConv": (lambda: pyg.TransformerConv((3, 3), 4, **BACK), (X,), ()),
    "TransformerConv without root": (
        lambda: pyg.TransformerConv((3, 3), 4, root_weight=False, **BACK),
        (X,),
        (),
    ),
    "ResGatedGraphConv": (lambda: pyg.ResGatedGraphConv((3, 3), 4, **BACK), (X,), ()),
    "GENConv": (lambda: pyg.GENConv((3, 3), 4, **BACK), (X,), ()),
    "LEConv": (lambda: pyg.LEConv((3, 3), 4, **BACK), (X,), ()),
    "RGCNConv": (lambda: pyg.RGCNConv((3, 3), 4, 2, **BACK), (X,), ()),
    "GMMConv": (lambda: pyg.GMMConv((3, 3), 4, 2, 2, **BACK), (X,), (2,)),
    "NNConv": (lambda: pyg.NNConv((3, 3), 4, network(2, 12), **BACK), (X,), (2,)),
    "CGConv": (lambda: pyg.CGConv((3, 3), 2, **BACK), (X,), (2,)),
    "EdgeConv": (lambda: pyg.EdgeConv(network(6), **BACK), (X,), ()),
    "SignedConv": (lambda: pyg.SignedConv(3, 4, True, **BACK), (X,), ()),
    "PointNetConv": (lambda: pyg.PointNetConv(network(5), **BACK), (X, POS), ()),
    "PointNetConv without loops": (
        lambda: pyg.PointNetConv(network(5), add_self_loops=False, **BACK),
        (X, POS),
        (),
    ),
    "PPFConv": (lambda: pyg.PPFConv(network(7), **BACK), (X, X, X), ()),
    "PPFConv without loops": (lambda: pyg.PPFConv(network(7), add_self_loops=False, **BACK), (X, X, X), ()),
}


def inputs(name: str, sending: int, receiving: int) -> tuple[Any, ...]:
    """Pairs, edges between the nodes that both sides have, and edge features."""
    torch.manual_seed(0)
    _, of_nodes, of_edges = LAYERS[name]
    edge_index = torch.randint(0, min(sending, receiving), (2, NUM_EDGES))
    edges = (edge_index, edge_index.flip(0)) if name == "SignedConv" else (edge_index,)
    pairs = [(draw(sending), draw(receiving)) for draw in of_nodes]
    if name == "RGCNConv":
        edges = (edge_index, edge_index[0] % 2)
    return (*pairs, *edges, *(features(dim)(NUM_EDGES) for dim in of_edges))


@pytest.mark.parametrize("sizes", [(5, 7), (7, 5), (5, 5), (5, 1), (1, 5)], ids=str)
@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_of_pyg_computes_the_same_or_says_why_not(name: str, sizes: tuple[int, int]) -> None:
    theirs = LAYERS[name][0]().double().eval()
    ours = geocompile.from_pyg(theirs)
    assert type(ours).__module__.startswith("geocompile")
    given = inputs(name, *sizes)
    if name == "PPFConv" and sizes[0] < sizes[1]:  # there PyG adds loops of nodes that do not send, and fails
        assert ours(*given).size(0) == sizes[0]
        return
    try:
        expected = theirs(*given)
    except (RuntimeError, ValueError):
        with pytest.raises(
            ValueError, match=r"both elements of the pair x must have as many rows, got \d .*\d"
        ):
            ours(*given)
        return
    torch.testing.assert_close(ours(*given), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
@pytest.mark.parametrize("name", ["GATConv", "GATv2Conv", "PointNetConv"])
def test_a_script_computes_the_same(name: str) -> None:
    ours = geocompile.from_pyg(LAYERS[name][0]().double().eval())
    script = torch.jit.script(ours)
    for sizes in ((5, 7), (7, 5)):
        given = inputs(name, *sizes)
        assert torch.equal(script(*given), ours(*given))


def test_an_edge_to_a_node_that_has_no_features() -> None:
    points = (torch.randn(6, 2), torch.randn(4, 2))
    conv = layers.PointConv(sender_first=True, flow="target_to_source")
    with pytest.raises(
        IndexError, match=r"PointConv: edge_index holds 5, but its values must lie in \[0, 4\)"
    ):
        conv(None, points, torch.tensor([[5], [0]]))
