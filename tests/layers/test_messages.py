"""ResGatedGraphConv, PNAConv and GENConv: pairs that flow back, sizes, degrees, corners, what they refuse."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

import geocompile
from geocompile.layers import GENConv, PNAConv, ResGatedGraphConv
from tests.conformance.case import Sample

DEGREES = torch.tensor([1, 3, 4])


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def graph(num_nodes: int = 6, num_edges: int = 14, channels: int = 3) -> tuple[Tensor, Tensor]:
    sample = Sample(num_nodes, num_edges)
    return sample.x(channels), sample.edge_index


@pytest.mark.parametrize("layer", [ResGatedGraphConv, GENConv])
def test_a_pair_that_flows_back_sends_its_second_side(layer: Callable[..., torch.nn.Module]) -> None:
    there, back = layer((3, 5), 4).double(), layer((3, 5), 4, flow="target_to_source").double()
    back.load_state_dict(there.state_dict())
    x, edge_index = graph()
    more = torch.randn(8, 5, dtype=torch.float64)
    torch.testing.assert_close(
        back.eval()((more, x), edge_index.flip(0)), there.eval()((x, more), edge_index)
    )


@pytest.mark.parametrize("name", ["ResGatedGraphConv", "GENConv"])
def test_a_pair_that_flows_back_is_pygs_where_the_sender_comes_first(name: str) -> None:
    pyg = pytest.importorskip("torch_geometric.nn", reason="PyG is not installed (extra: pyg)")
    theirs = getattr(pyg, name)((3, 5), 4, flow="target_to_source").double().eval()
    x, edge_index = graph()
    given = (x, torch.randn(6, 5, dtype=torch.float64)), edge_index
    torch.testing.assert_close(geocompile.from_pyg(theirs)(*given), theirs(*given), rtol=1e-10, atol=1e-12)


def test_sizes_are_known_after_the_first_input() -> None:
    x, edge_index = graph()
    edge_attr = torch.randn(14, 2, dtype=torch.float64)
    layers: dict[str, tuple[torch.nn.Module, tuple[Any, ...]]] = {
        "gates": (ResGatedGraphConv(-1, 4), (x, edge_index)),
        "gates of edges": (
            ResGatedGraphConv((-1, -1), 4, edge_dim=2),
            ((x, x[:, :2]), edge_index, edge_attr),
        ),
        "means": (GENConv(-1, 4, edge_dim=-1), (x, edge_index, edge_attr)),
    }
    for conv, given in layers.values():
        conv.double()(*given)
        assert not any(torch.nn.parameter.is_lazy(parameter) for parameter in conv.parameters())
        torch.jit.script(conv)


def test_without_target_features_nothing_is_added_to_what_is_read() -> None:
    pyg = pytest.importorskip("torch_geometric.nn", reason="PyG is not installed (extra: pyg)")
    theirs = pyg.GENConv(3, 4, msg_norm=True).double().eval()
    x, edge_index = graph()
    given = (x, None), edge_index
    torch.testing.assert_close(geocompile.from_pyg(theirs)(*given), theirs(*given), rtol=1e-10, atol=1e-12)


def test_large_messages_do_not_overflow_in_the_softmax() -> None:
    conv = GENConv(2, 2, num_layers=1).double()
    torch.nn.init.eye_(conv.mlp[0].weight)
    x = torch.tensor([[0.0, 0.0], [2000.0, 1.0], [1000.0, 1.0]], dtype=torch.float64)
    out = conv(x, torch.tensor([[1, 2], [0, 0]]))
    torch.testing.assert_close(out[0], torch.tensor([2000.0, 1.0], dtype=torch.float64))


def test_the_semi_gradient_leaves_the_weights_out() -> None:
    x, edge_index = graph(channels=4)
    outs = []
    for aggr in ("softmax", "softmax_sg"):
        torch.manual_seed(1)
        conv = GENConv(4, 4, aggr=aggr, num_layers=1).double()
        given = x.clone().requires_grad_()
        out = conv(given, edge_index)
        out.sum().backward()
        outs.append((out, given.grad))
    torch.testing.assert_close(outs[0][0], outs[1][0])
    assert outs[0][1] is not None
    assert not torch.allclose(outs[0][1], outs[1][1])


def test_degrees_are_counted_over_all_graphs() -> None:
    loader = [
        SimpleNamespace(edge_index=torch.tensor([[0, 1, 2], [1, 1, 1]]), num_nodes=4),
        SimpleNamespace(edge_index=torch.tensor([[0], [1]]), num_nodes=2),
    ]
    assert PNAConv.get_degree_histogram(loader).tolist() == [4, 1, 0, 1]
    pyg = pytest.importorskip("torch_geometric.nn", reason="PyG is not installed (extra: pyg)")
    torch.testing.assert_close(PNAConv.get_degree_histogram(loader), pyg.PNAConv.get_degree_histogram(loader))


def test_the_mean_degrees_are_those_of_pyg() -> None:
    pyg = pytest.importorskip("torch_geometric.nn", reason="PyG is not installed (extra: pyg)")
    arguments = (4, 4, ["mean"], ["linear"], torch.tensor([3, 5, 2, 7]))
    ours, theirs = PNAConv(*arguments).aggr_module, pyg.PNAConv(*arguments).aggr_module
    for name in ("avg_deg_lin", "avg_deg_log"):
        torch.testing.assert_close(getattr(ours, name), getattr(theirs, name))


X, E = torch.ones(4, 3), torch.tensor([[0, 1], [1, 2]])
REFUSED: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "no gate": (lambda: ResGatedGraphConv(3, 2, act=None), TypeError, "act must be a module or a function"),
    "no receiver": (lambda: ResGatedGraphConv(3, 2)((X, None), E), ValueError, "receiving features"),
    "unasked features of gates": (
        lambda: ResGatedGraphConv(3, 2)(X, E, torch.ones(2, 1)),
        ValueError,
        "edge_attr is given, but edge_dim was None",
    ),
    "missing features of gates": (
        lambda: ResGatedGraphConv(3, 2, edge_dim=1)(X, E),
        ValueError,
        "edge_attr is missing",
    ),
    "channels of gates": (
        lambda: ResGatedGraphConv(3, 2, edge_dim=1)(X[:, :2], E, torch.ones(2)),
        ValueError,
        r"x must have shape \[num_nodes, 3\]",
    ),
    "degrees without a neighbour": (
        lambda: PNAConv(3, 4, ["sum"], ["identity", "linear"], torch.tensor([5])),
        ValueError,
        "deg must count a node with a neighbour, since 'linear' divides",
    ),
    "node number": (
        lambda: ResGatedGraphConv(3, 2)(X, E + 7),
        IndexError,
        r"edge_index holds 9, .* \[0, 4\)",
    ),
    "towers": (
        lambda: PNAConv(3, 5, ["sum"], ["linear"], DEGREES, towers=2),
        ValueError,
        "towers=2 must divide",
    ),
    "parts": (
        lambda: PNAConv(3, 4, ["sum"], ["linear"], DEGREES, towers=2, divide_input=True),
        ValueError,
        "towers=2 must divide",
    ),
    "layers": (lambda: PNAConv(3, 4, ["sum"], ["linear"], DEGREES, pre_layers=0), ValueError, "pre_layers"),
    "aggregators": (
        lambda: PNAConv(3, 4, ["median"], ["linear"], DEGREES),
        ValueError,
        r"aggregators must be some of sum, mean.*\['median'\]",
    ),
    "scalers": (lambda: PNAConv(3, 4, ["sum"], ["cubic"], DEGREES), ValueError, "scalers must be some of"),
    "degrees": (
        lambda: PNAConv(3, 4, ["sum"], ["linear"], torch.zeros(3)),
        ValueError,
        "deg must hold how many",
    ),
    "activation": (
        lambda: PNAConv(3, 4, ["sum"], ["linear"], DEGREES, pre_layers=2, act="wave"),
        ValueError,
        "no activation of torch.nn",
    ),
    "activation that is no module": (
        lambda: PNAConv(3, 4, ["sum"], ["linear"], DEGREES, pre_layers=2, act=torch.relu),
        TypeError,
        "act must be a name or a module",
    ),
    "missing features of PNAConv": (
        lambda: PNAConv(3, 4, ["sum"], ["linear"], DEGREES, edge_dim=1)(X, E),
        ValueError,
        "edge_attr is missing",
    ),
    "unasked features of PNAConv": (
        lambda: PNAConv(3, 4, ["sum"], ["linear"], DEGREES)(X, E, torch.ones(2)),
        ValueError,
        "edge_attr is given, but edge_dim was None",
    ),
    "aggregation": (
        lambda: GENConv(3, 2, aggr="median"),
        ValueError,
        "aggr must be one of softmax, softmax_sg",
    ),
    "learned semi-gradient": (
        lambda: GENConv(3, 2, aggr="softmax_sg", learn_t=True),
        ValueError,
        "no gradient that learn_t=True could follow",
    ),
    "norm": (
        lambda: GENConv(3, 2, norm="graph"),
        ValueError,
        "norm must be one of batch, layer, instance or None",
    ),
    "width of edges": (
        lambda: GENConv(3, 2)(X, E, torch.ones(2, 5)),
        ValueError,
        r"edge_attr must have shape \[2, 2\]",
    ),
    "channels of GENConv": (
        lambda: GENConv(3, 2)(X[:, :2], E),
        ValueError,
        r"\[num_nodes, 3\], got \[4, 2\]",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_in_words(name: str) -> None:
    call, error, message = REFUSED[name]
    with pytest.raises(error, match=message):
        call()
