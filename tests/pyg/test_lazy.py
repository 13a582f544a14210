"""Layers made for any size of input: once they have run they are converted both ways, before it they say so."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch

import geocompile
from geocompile import layers
from geocompile.pyg import from_pyg_report

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # a target here on purpose
pyg = pytest.importorskip("torch_geometric.nn", reason="PyG is not installed (extra: pyg)")
WEIGHT, EDGES, PLACES = torch.rand(9), torch.randn(9, 3), torch.rand(9, 2)
PAIR = (-1, -1)

LAZY: dict[str, tuple[Callable[[], Any], tuple[Any, ...]]] = {
    "GCNConv": (lambda: pyg.GCNConv(-1, 4), (WEIGHT,)),
    "GraphConv": (lambda: pyg.GraphConv(PAIR, 4), (WEIGHT,)),
    "SAGEConv": (lambda: pyg.SAGEConv(-1, 4), ()),
    "SAGEConv of a pair": (lambda: pyg.SAGEConv(PAIR, 4), ()),
    "GATConv": (lambda: pyg.GATConv(PAIR, 4, residual=True, edge_dim=3), (EDGES,)),
    "GATv2Conv": (lambda: pyg.GATv2Conv(-1, 4, residual=True, edge_dim=3), (EDGES,)),
    "TransformerConv": (lambda: pyg.TransformerConv(PAIR, 4, edge_dim=3), (EDGES,)),
    "TransformerConv without root": (lambda: pyg.TransformerConv(-1, 4, root_weight=False), ()),
    "ResGatedGraphConv": (lambda: pyg.ResGatedGraphConv(-1, 4), ()),
    "GENConv": (lambda: pyg.GENConv(-1, 5, edge_dim=3, bias=True), (EDGES,)),
    "GENConv of its output's size": (lambda: pyg.GENConv(-1, 4), ()),
    "GENConv of a pair of its output's size": (lambda: pyg.GENConv((4, -1), 4, bias=True), ()),
    "ChebConv": (lambda: pyg.ChebConv(-1, 4, 2), (WEIGHT,)),
    "SGConv": (lambda: pyg.SGConv(-1, 4, 2), (WEIGHT,)),
    "LEConv": (lambda: pyg.LEConv(PAIR, 4), (WEIGHT,)),
    "ARMAConv": (lambda: pyg.ARMAConv(-1, 4), (WEIGHT,)),
    "SignedConv": (lambda: pyg.SignedConv(-1, 4, True), (torch.tensor([[1, 0], [2, 2]]),)),
    "GMMConv": (lambda: pyg.GMMConv(PAIR, 4, 2, 3), (PLACES,)),
    "GINEConv": (lambda: pyg.GINEConv(torch.nn.Linear(4, 4), edge_dim=-1), (EDGES,)),
}


def inputs(theirs: Any, more: tuple[Any, ...]) -> tuple[Any, ...]:
    x = torch.randn(5, 4)
    is_pair = isinstance(getattr(theirs, "in_channels", None), tuple)
    return (x, torch.randn(5, 4)) if is_pair else x, torch.randint(0, 5, (2, 9)), *more


@pytest.mark.parametrize("name", LAZY)
def test_a_layer_that_has_run_is_converted_back_and_forth(name: str) -> None:
    make, more = LAZY[name]
    theirs = make()
    given = inputs(theirs, more)
    expected = theirs(*given)
    ours = geocompile.from_pyg(theirs)
    assert type(ours).__module__.startswith("geocompile.layers")
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    torch.testing.assert_close(torch.jit.script(ours)(*given), expected)
    back = geocompile.to_pyg(ours)
    copy.deepcopy(back).load_state_dict(ours.state_dict())
    again, report = from_pyg_report(back)
    assert not report.kept
    for layer in (ours, back, again):
        torch.testing.assert_close(layer(*given), expected)


@pytest.mark.parametrize("name", LAZY)
def test_a_layer_that_has_not_run_is_kept_with_the_reason(name: str) -> None:
    kept = from_pyg_report(LAZY[name][0]())[1].kept
    assert "is not known yet; run the model once, on inputs that reach it" in kept[0].reason


def test_a_side_that_no_input_has_reached_is_named() -> None:
    theirs = pyg.SAGEConv(PAIR, 4)
    theirs((torch.randn(5, 4), None), torch.tensor([[0], [1]]), size=(5, 5))
    kept = from_pyg_report(theirs)[1].kept
    assert (
        kept[0].reason
        == "the size of its lin_r is not known yet; run the model once, on inputs that reach it"
    )


@pytest.mark.parametrize(
    "make", [lambda: layers.GraphConv(-1, 4), lambda: layers.GMMConv(-1, 4, 2, 3, kernel_average=False)]
)
def test_a_layer_of_ours_goes_back_once_it_has_run(make: Callable[[], Any]) -> None:
    ours = make()
    with pytest.raises(ValueError, match="is not known yet; run the model once"):
        geocompile.to_pyg(ours)
    given = (
        torch.randn(5, 4),
        torch.randint(0, 5, (2, 9)),
        PLACES if type(ours) is layers.GMMConv else WEIGHT,
    )
    expected = ours(*given)
    torch.testing.assert_close(geocompile.to_pyg(ours)(*given), expected)
