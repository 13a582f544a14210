"""GATv2Conv and TransformerConv: attention weights, dropout, pairs that flow back, sizes, what they refuse."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

import geocompile
from geocompile.layers import GATv2Conv, TransformerConv
from tests.conformance.case import Sample
from tests.conformance.cases.attention import with_edge_attr

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # a target here on purpose
LAYERS: dict[str, Callable[..., torch.nn.Module]] = {
    "GATv2Conv": lambda **options: GATv2Conv(3, 4, heads=2, edge_dim=2, **options),
    "TransformerConv": lambda **options: TransformerConv(3, 4, heads=2, edge_dim=2, **options),
}
each_layer = pytest.mark.parametrize("name", LAYERS)


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def inputs_of(size: tuple[int, int]) -> tuple[Tensor, ...]:
    return tuple(with_edge_attr(Sample(*size)).values())


@each_layer
def test_the_attention_weights_are_pygs(name: str) -> None:
    pyg = pytest.importorskip("torch_geometric.nn", reason="PyG is not installed (extra: pyg)")
    theirs = getattr(pyg, name)(3, 4, heads=2, edge_dim=2).double()
    ours = geocompile.from_pyg(theirs)
    script = torch.jit.script(ours)
    for size in ((6, 20), (4, 0)):
        inputs = inputs_of(size)
        expected = theirs(*inputs, return_attention_weights=True)
        torch.testing.assert_close(ours(*inputs, return_attention_weights=True), expected)
        torch.testing.assert_close(script.forward_with_attention(*inputs), expected)


@each_layer
def test_a_script_cannot_change_the_type_of_its_result_and_says_what_to_call(name: str) -> None:
    script = torch.jit.script(LAYERS[name]().double())
    with pytest.raises(torch.jit.Error, match=f"{name}.*call forward_with_attention in place of forward"):
        script(*inputs_of((4, 5)), return_attention_weights=True)


@each_layer
def test_dropout_drops_coefficients_in_training_and_keeps_the_expected_value(name: str) -> None:
    conv, inputs = LAYERS[name](dropout=0.5).double(), inputs_of((6, 20))
    with torch.no_grad():
        calls = torch.stack([conv(*inputs) for _ in range(4000)])
        assert calls.std(0).max() > 0.01
        torch.testing.assert_close(calls.mean(0), conv.eval()(*inputs), rtol=0, atol=0.08)


@each_layer
def test_what_trains_with_dropout_is_the_same_sum(name: str) -> None:
    """A probability that drops nothing takes the way of the one that does."""
    conv, inputs = LAYERS[name](dropout=1e-12).double(), inputs_of((6, 20))
    torch.testing.assert_close(conv.train()(*inputs), conv.eval()(*inputs))


@each_layer
def test_sizes_are_known_after_the_first_input(name: str) -> None:
    x, edge_index, edge_attr = inputs_of((6, 14))
    layer = globals()[name]
    for conv, given in ((layer(-1, 4, edge_dim=-1), x), (layer((-1, -1), 4, edge_dim=-1), (x, x[:, :2]))):
        conv.double()(given, edge_index, edge_attr[:, 0])
        assert not any(torch.nn.parameter.is_lazy(parameter) for parameter in conv.parameters())
        torch.jit.script(conv)


PAIRS: dict[str, dict[str, Any]] = {
    "GATv2Conv": {"edge_dim": 2, "fill_value": 0.5},
    "TransformerConv": {"edge_dim": 2},
}


@each_layer
def test_a_pair_that_flows_back_is_pygs_where_the_sender_comes_first(name: str) -> None:
    pyg = pytest.importorskip("torch_geometric.nn", reason="PyG is not installed (extra: pyg)")
    theirs = getattr(pyg, name)((3, 5), 4, flow="target_to_source", **PAIRS[name]).double()
    x, edge_index, edge_attr = inputs_of((6, 14))
    given = (x, torch.randn(6, 5, dtype=torch.float64)), edge_index, edge_attr
    torch.testing.assert_close(geocompile.from_pyg(theirs)(*given), theirs(*given), rtol=1e-10, atol=1e-12)


@each_layer
def test_a_pair_that_flows_back_sends_its_second_side(name: str) -> None:
    layer = globals()[name]
    there = layer((3, 5), 4).double()
    back = layer((3, 5), 4, flow="target_to_source").double()
    back.load_state_dict(there.state_dict())
    x, edge_index, _ = inputs_of((6, 14))
    more = torch.randn(8, 5, dtype=torch.float64)
    torch.testing.assert_close(back((more, x), edge_index.flip(0)), there((x, more), edge_index))


def test_transformers_without_a_receiving_side_of_the_same_size_flow_back_as_pygs() -> None:
    pyg = pytest.importorskip("torch_geometric.nn", reason="PyG is not installed (extra: pyg)")
    theirs = pyg.TransformerConv((3, 5), 4, flow="target_to_source").double()
    x, edge_index, _ = inputs_of((6, 14))
    given = (x, torch.randn(9, 5, dtype=torch.float64)), edge_index
    torch.testing.assert_close(geocompile.from_pyg(theirs)(*given), theirs(*given), rtol=1e-10, atol=1e-12)


X, E = torch.ones(4, 3), torch.tensor([[0, 1], [1, 2]])
REFUSED: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "heads": (
        lambda: TransformerConv(3, 2, heads=0),
        ValueError,
        "TransformerConv: heads must be an integer",
    ),
    "dropout": (lambda: GATv2Conv(3, 2, dropout=1.5), ValueError, "dropout must be a probability.*got 1.5"),
    "slope": (lambda: GATv2Conv(3, 2, negative_slope="x"), TypeError, "negative_slope must be a number"),
    "shared weights": (
        lambda: GATv2Conv((3, 4), 2, share_weights=True),
        ValueError,
        r"as many channels on both sides, got \(3, 4\)",
    ),
    "no receiver of GATv2Conv": (
        lambda: GATv2Conv(3, 2)((X, None), E),
        ValueError,
        "receiving features of the pair x are None",
    ),
    "no receiver of TransformerConv": (
        lambda: TransformerConv(3, 2)((X, None), E),
        ValueError,
        "receiving features of the pair x are None",
    ),
    "unasked features of GATv2Conv": (
        lambda: GATv2Conv(3, 2)(X, E, torch.ones(2, 1)),
        ValueError,
        "edge_attr is given, but edge_dim was None",
    ),
    "unasked features of TransformerConv": (
        lambda: TransformerConv(3, 2)(X, E, torch.ones(2, 1)),
        ValueError,
        "edge_attr is given, but edge_dim was None",
    ),
    "missing features": (
        lambda: TransformerConv(3, 2, edge_dim=1)(X, E),
        ValueError,
        "edge_attr is missing",
    ),
    "wide features": (
        lambda: TransformerConv(3, 2, edge_dim=1)(X, E, torch.ones(2, 2)),
        ValueError,
        r"edge_attr must have shape \[2, 1\]",
    ),
    "channels": (lambda: GATv2Conv(3, 2)(X[:, :2], E), ValueError, r"x must have shape \[num_nodes, 3\]"),
    "several graphs": (
        lambda: TransformerConv(3, 2)(X[None], E),
        ValueError,
        "number the nodes through",
    ),
    "node number": (lambda: GATv2Conv(3, 2)(X, E + 7), IndexError, r"edge_index holds 9, .* \[0, 4\)"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_in_words(name: str) -> None:
    call, error, message = REFUSED[name]
    with pytest.raises(error, match=message):
        call()


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
@pytest.mark.parametrize("layer", [GATv2Conv, TransformerConv])
def test_no_output_channels_are_none(layer: type[torch.nn.Module]) -> None:
    assert layer(3, 0)(X, E).shape == (4, 0)


@pytest.mark.parametrize("add_self_loops", [True, False])
def test_gatv2_refuses_a_sender_behind_the_last_node(add_self_loops: bool) -> None:
    conv = GATv2Conv(1, 1, add_self_loops=add_self_loops)
    with pytest.raises(IndexError, match=r"edge_index holds 2, .* \[0, 2\)"):
        conv(torch.ones(2, 1), torch.tensor([[2], [0]]))
