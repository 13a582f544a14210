"""A converted model computes what the PyG model computes, in float64 to 1e-10, on random graphs."""

import itertools
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

import geocompile
from geocompile import layers
from geocompile.pyg import capturing, from_pyg_report

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # a target here on purpose
pyg = pytest.importorskip("torch_geometric.nn", reason="PyG is not installed (extra: pyg)")


def random_graph(seed: int, num_nodes: int = 9, num_edges: int = 30) -> tuple[Tensor, Tensor, Tensor]:
    """Features, edges with loops, duplicate edges and isolated nodes, and weights."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(num_nodes, 3, dtype=torch.float64, generator=generator)
    edge_index = torch.randint(0, num_nodes - 1, (2, num_edges), generator=generator)
    weight = torch.rand(num_edges, dtype=torch.float64, generator=generator) + 0.1
    return x, edge_index, weight


def assert_same(ours: Tensor, theirs: Tensor) -> None:
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)


GCN_OPTIONS = [
    {"improved": improved, **rest}
    for improved, rest in itertools.product(
        (False, True), ({}, {"add_self_loops": False}, {"normalize": False}, {"bias": False})
    )
]


@pytest.mark.parametrize("out_channels", [2, 5])
@pytest.mark.parametrize("flow", ["source_to_target", "target_to_source"])
@pytest.mark.parametrize("aggr", ["add", "mean", "max", "min"])
@pytest.mark.parametrize("options", GCN_OPTIONS, ids=str)
def test_gcn_conv_computes_what_pyg_computes(options, aggr, flow, out_channels) -> None:
    theirs = pyg.GCNConv(3, out_channels, aggr=aggr, flow=flow, **options).double()
    ours, report = from_pyg_report(theirs)
    assert type(ours) is layers.GCNConv
    assert not report.kept
    for seed in range(3):
        x, edge_index, weight = random_graph(seed)
        assert_same(ours(x, edge_index), theirs(x, edge_index))
        assert_same(ours(x, edge_index, weight), theirs(x, edge_index, weight))


@pytest.mark.parametrize("out_channels", [2, 5])
@pytest.mark.parametrize("flow", ["source_to_target", "target_to_source"])
@pytest.mark.parametrize("aggr", ["add", "mean", "max", "min", "mul"])
def test_graph_conv_computes_what_pyg_computes(aggr, flow, out_channels) -> None:
    theirs = pyg.GraphConv(3, out_channels, aggr=aggr, flow=flow).double()
    ours = geocompile.from_pyg(theirs)
    assert type(ours) is layers.GraphConv
    for seed in range(3):
        x, edge_index, weight = random_graph(seed)
        assert_same(ours(x, edge_index), theirs(x, edge_index))
        assert_same(ours(x, edge_index, weight), theirs(x, edge_index, weight))


def test_bipartite_graph_conv_computes_what_pyg_computes() -> None:
    theirs = pyg.GraphConv((3, 4), 5, aggr="max").double()
    ours = geocompile.from_pyg(theirs)
    x, edge_index, weight = random_graph(0)
    target = torch.randn(11, 4, dtype=torch.float64)
    assert_same(ours((x, target), edge_index, weight), theirs((x, target), edge_index, weight))
    assert_same(ours((x, None), edge_index, size=(9, 11)), theirs((x, None), edge_index, size=(9, 11)))


@pytest.mark.parametrize("in_channels", [3, (3, 3), (3, 4)])
@pytest.mark.parametrize("aggr", ["add", "mean", "max"])
def test_a_pair_flowing_from_target_to_source_computes_what_pyg_computes(in_channels, aggr) -> None:
    """There PyG sends x[0], not x[1], and has as many results as x[0] has rows."""
    theirs = pyg.GraphConv(in_channels, 5, aggr=aggr, flow="target_to_source").double()
    ours = geocompile.from_pyg(theirs)
    assert type(ours) is layers.GraphConv
    x, edge_index, weight = random_graph(0)
    second = torch.randn(9, theirs.lin_root.in_channels, dtype=torch.float64)
    script = torch.jit.script(ours)
    for pair in ((x, second), (x, None), (x, second[:1])):
        for more in ((), (weight,), (weight, (9, 9)), (weight, (9, 12))):
            try:
                expected = theirs(pair, edge_index, *more)
            except ValueError:
                with pytest.raises(ValueError, match="size or another argument says"):
                    ours(pair, edge_index, *more)
                continue
            assert_same(ours(pair, edge_index, *more), expected)
            assert_same(script(pair, edge_index, *more), expected)


def test_features_with_a_dimension_in_front_of_the_nodes() -> None:
    theirs = pyg.GCNConv(3, 2).double()
    ours = geocompile.from_pyg(theirs)
    x, edge_index, weight = random_graph(0)
    x = torch.stack([x, 2 * x])
    assert_same(ours(x, edge_index, weight), theirs(x, edge_index, weight))


@pytest.mark.parametrize("reduce", ["sum", "mean", "max", "min", "mul"])
def test_aggregation_modules_compute_what_pyg_computes(reduce) -> None:
    theirs = getattr(pyg.aggr, f"{reduce.capitalize()}Aggregation")()
    ours = geocompile.from_pyg(theirs)
    x = torch.randn(6, 3, dtype=torch.float64)
    index = torch.tensor([2, 0, 2, 1, 4, 4])
    assert_same(ours(x, index), theirs(x, index))
    assert_same(ours(x, index, dim_size=7), theirs(x, index, dim_size=7))
    assert_same(ours(x, index[:3], dim=-1), theirs(x, index[:3], dim=-1))


SOFTMAX: dict[str, dict[str, Any]] = {
    "as it is": {},
    "cooler": {"t": 0.3},
    "learned": {"t": 2.0, "learn": True},
    "learned per channel": {"t": 0.5, "learn": True, "channels": 3},
    "without gradient": {"semi_grad": True},
}


@pytest.mark.parametrize("name", SOFTMAX)
def test_softmax_aggregation_computes_what_pyg_computes(name) -> None:
    theirs = pyg.aggr.SoftmaxAggregation(**SOFTMAX[name]).double()
    ours = geocompile.from_pyg(theirs)
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    x, index = torch.randn(6, 3, dtype=torch.float64), torch.tensor([2, 0, 2, 1, 4, 4])
    for arguments in ((index,), (index, None, 7), (None, torch.tensor([0, 2, 2, 6])), ()):
        grads = []
        for module in (ours, theirs):
            given = x.clone().requires_grad_()
            out = module(given, *arguments)
            (out**2).sum().backward()
            grads.append((out, given.grad))
        torch.testing.assert_close(*grads, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(torch.jit.script(ours)(x, index), theirs(x, index), rtol=1e-10, atol=1e-12)


class Net(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.convs = torch.nn.ModuleList([pyg.GCNConv(3, 8), pyg.GraphConv(8, 8)])
        self.shared = self.convs[1]
        self.other = pyg.ClusterGCNConv(8, 8)
        self.pool = pyg.global_mean_pool
        self.readout = pyg.aggr.MaxAggregation()

    def forward(self, x: Tensor, edge_index: Tensor, batch: Tensor) -> Tensor:
        for conv in self.convs:
            x = conv(x, edge_index).relu()
        x = self.other(self.shared(x, edge_index), edge_index)
        return torch.cat([self.pool(x, batch), self.readout(x, batch)], dim=-1)


def test_a_nested_model_keeps_its_results_its_weights_and_itself() -> None:
    torch.manual_seed(0)
    theirs = Net().double().eval()
    theirs.convs[0].lin.weight.requires_grad_(False)
    ours, report = from_pyg_report(theirs)
    x, edge_index, _ = random_graph(0)
    batch = torch.tensor([0, 0, 0, 1, 1, 1, 1, 2, 2])
    assert_same(ours(x, edge_index, batch), theirs(x, edge_index, batch))
    assert [entry.path for entry in report.replaced] == ["convs.0", "convs.1", "readout", "pool"]
    assert [(entry.path, entry.reason) for entry in report.kept] == [
        ("other", "geocompile has no layer of this class yet")
    ]
    assert ours.shared is ours.convs[1]
    assert not ours.training
    assert not ours.convs[0].training
    assert not ours.convs[0].lin.weight.requires_grad
    assert type(theirs.convs[0]) is pyg.GCNConv
    assert theirs.pool is pyg.global_mean_pool
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    theirs.load_state_dict(ours.state_dict())


def test_a_model_of_pygs_own_is_converted_inside() -> None:
    theirs = pyg.GCN(3, 8, num_layers=2, out_channels=2).double().eval()
    ours, report = from_pyg_report(theirs)
    assert len(report.replaced) == 2
    x, edge_index, weight = random_graph(1)
    assert_same(ours(x, edge_index, edge_weight=weight), theirs(x, edge_index, edge_weight=weight))


def test_pygs_sequential_is_converted_inside() -> None:
    theirs = pyg.Sequential(
        "x, edge_index", [(pyg.GCNConv(3, 4), "x, edge_index -> x"), torch.nn.ReLU(), torch.nn.Linear(4, 2)]
    ).double()
    ours, report = from_pyg_report(theirs)
    assert [entry.path for entry in report.replaced] == ["module_0"]
    x, edge_index, _ = random_graph(1)
    assert_same(ours(x, edge_index), theirs(x, edge_index))


def test_a_converted_model_scripts_and_exports() -> None:
    theirs = torch.nn.ModuleList([pyg.GCNConv(3, 4, improved=True), pyg.GraphConv(3, 4, aggr="max")]).double()
    for conv in geocompile.from_pyg(theirs):
        inputs = random_graph(1)
        assert_same(torch.jit.script(conv)(*inputs), conv(*inputs))
        assert_same(torch.export.export(conv, inputs).module()(*inputs), conv(*inputs))


def test_tied_weights_stay_tied() -> None:
    first, second = pyg.GCNConv(3, 3), pyg.GCNConv(3, 3)
    second.lin.weight = first.lin.weight
    ours = geocompile.from_pyg(torch.nn.ModuleList([first, second]))
    assert ours[0].lin.weight is ours[1].lin.weight


def test_a_filled_cache_is_carried_over() -> None:
    theirs = pyg.GCNConv(3, 2, cached=True).double()
    x, edge_index, weight = random_graph(0)
    theirs(x, edge_index, weight)
    ours = geocompile.from_pyg(theirs)
    other = torch.tensor([[0], [1]])
    assert_same(ours(2 * x, other), theirs(2 * x, other))


def subclass_of_gcn_conv() -> torch.nn.Module:
    class Mine(pyg.GCNConv):
        def message(self, x_j, edge_weight):
            return 2 * x_j

    return Mine(3, 3)


def with_hook() -> torch.nn.Module:
    conv = pyg.GCNConv(3, 3)
    conv.register_forward_hook(lambda *_: None)
    return conv


def with_parametrized_weight() -> torch.nn.Module:
    conv = pyg.GCNConv(3, 3)
    torch.nn.utils.parametrizations.weight_norm(conv.lin)
    return conv


def changed(change: Callable[[Any], object], make: Callable[[], Any] = lambda: pyg.GCNConv(3, 3)) -> Any:
    """A function that makes a layer and then changes it in place."""

    def make_changed() -> torch.nn.Module:
        conv = make()
        change(conv)
        return conv

    return make_changed


def graph_conv() -> torch.nn.Module:
    return pyg.GraphConv(3, 3)


def new_parameter() -> torch.nn.Parameter:
    return torch.nn.Parameter(torch.ones(3))


KEPT = {
    "bias of lin": (
        changed(lambda conv: setattr(conv.lin, "bias", new_parameter())),
        "its lin carries a bias of its own",
    ),
    "bias of lin_root": (
        changed(lambda conv: setattr(conv.lin_root, "bias", new_parameter()), graph_conv),
        "its lin_root carries a bias of its own",
    ),
    "own message": (changed(lambda conv: setattr(conv, "message", conv.message)), "it carries message"),
    "own forward": (
        changed(lambda conv: setattr(conv, "forward", conv.forward), graph_conv),
        "carries forward",
    ),
    "own forward of lin": (
        changed(lambda conv: setattr(conv.lin, "forward", torch.relu)),
        "its lin carries forward",
    ),
    "one more parameter": (
        changed(lambda conv: conv.register_parameter("scale", new_parameter())),
        "it carries scale",
    ),
    "one more buffer": (
        changed(lambda conv: conv.register_buffer("scale", torch.ones(3))),
        "it carries scale",
    ),
    "one more module": (changed(lambda conv: conv.add_module("act", torch.nn.ReLU())), "it carries act"),
    "hook of the aggregation": (
        changed(lambda conv: conv.aggr_module.register_forward_hook(lambda *_: None)),
        "its aggr_module carries hooks",
    ),
    "another aggregation": (
        changed(lambda conv: setattr(conv, "aggr_module", pyg.aggr.MaxAggregation())),
        "its aggr_module is a MaxAggregation, which aggr='add' is not",
    ),
    "own forward of an aggregation": (
        changed(lambda aggr: setattr(aggr, "forward", torch.relu), lambda: pyg.aggr.SumAggregation()),
        "it carries forward",
    ),
    "temperature of another kind": (
        changed(lambda aggr: setattr(aggr, "t", torch.ones(3)), lambda: pyg.aggr.SoftmaxAggregation()),
        "its t is a Tensor, which learn=False is not",
    ),
    "explained": (changed(lambda conv: setattr(conv, "_explain", True)), "it is being explained"),
    "no layer of this class": (lambda: pyg.SuperGATConv(3, 3), "no layer of this class yet"),
    "median": (lambda: pyg.GraphConv(3, 3, aggr="median"), "no aggr='median'"),
    "hook": (with_hook, "it carries hooks"),
    "parametrized": (with_parametrized_weight, "its lin is a"),
    "lazy": (lambda: pyg.GCNConv(-1, 3), "run the model once"),
}


@pytest.mark.parametrize("name", KEPT)
def test_what_cannot_be_replaced_is_kept_with_the_reason(name) -> None:
    make, reason = KEPT[name]
    theirs = make()
    ours, report = from_pyg_report(theirs)
    assert type(ours) is type(theirs)
    assert not report.replaced
    assert reason in report.kept[0].reason


def test_the_users_random_numbers_are_not_drawn() -> None:
    theirs = pyg.GCNConv(3, 3)
    before = torch.get_rng_state()
    geocompile.from_pyg(theirs)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_layer_with_decomposed_channels_is_replaced() -> None:
    theirs = pyg.GCNConv(3, 4, decomposed_layers=2).double()
    ours = geocompile.from_pyg(theirs)
    inputs = random_graph(0)
    assert type(ours) is layers.GCNConv
    assert_same(ours(*inputs), theirs(*inputs))


@pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm`:FutureWarning")
def test_a_model_that_cannot_be_copied_is_refused_with_the_module_and_what_to_do() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Sequential(torch.nn.Linear(3, 3)))
    torch.nn.utils.weight_norm(model[1][0])
    with pytest.raises(TypeError, match=r"from_pyg: 1\.0 \(Linear\) cannot be copied: .*remove_weight_norm"):
        geocompile.from_pyg(model)


def test_a_cache_with_a_gradient_is_refused_with_the_module_and_what_to_do() -> None:
    model = torch.nn.ModuleList([pyg.GCNConv(3, 2, cached=True).double()])
    x, edge_index, weight = random_graph(0)
    model[0](x, edge_index, weight.requires_grad_())
    with pytest.raises(TypeError, match=r"from_pyg: 0 \(GCNConv\) cannot be copied: .*torch\.no_grad"):
        geocompile.from_pyg(model)


def test_a_users_subclass_of_a_pyg_layer_is_left_alone() -> None:
    theirs = subclass_of_gcn_conv().double()
    ours = geocompile.from_pyg(theirs)
    x, edge_index, weight = random_graph(0)
    assert type(ours) is type(theirs)
    assert_same(ours(x, edge_index, weight), theirs(x, edge_index, weight))


def test_something_that_is_no_module_is_refused() -> None:
    with pytest.raises(TypeError, match=r"geocompile\.from_pyg: model must be a torch\.nn\.Module, got dict"):
        geocompile.from_pyg({})


def test_a_model_without_pyg_needs_no_pyg() -> None:
    program = (
        "import sys; sys.modules['torch_geometric'] = None\n"
        "import torch, geocompile\n"
        "from geocompile.layers import GCNConv\n"
        "from geocompile.pyg import capturing\n"
        "model = torch.nn.Sequential(torch.nn.Linear(2, 2), GCNConv(2, 2))\n"
        "with capturing():\n"
        "    assert type(geocompile.from_pyg(model)[1]) is GCNConv\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_function_held_by_the_model_is_replaced_while_capturing_too() -> None:
    model = Net()
    with capturing(), capturing():
        _, report = from_pyg_report(model)
    assert report.replaced[-1].new == "geocompile.layers.pool.global_pool.global_mean_pool"


def pooled_by_global_name(x: Tensor, batch: Tensor) -> Tensor:
    return pyg.global_add_pool(x, batch)


def test_functions_are_ours_while_capturing_and_pygs_again_after() -> None:
    x, batch = torch.randn(4, 2), torch.tensor([0, 0, 1, 1])
    before = pyg.global_add_pool
    with capturing():
        exported = torch.export.export(Pooled(), (x, batch))
    assert "geocompile.segment_reduce" in str(exported.graph)
    assert pyg.global_add_pool is before
    with pytest.raises(ZeroDivisionError), capturing():
        raise ZeroDivisionError
    assert pyg.global_add_pool is before


class Pooled(torch.nn.Module):
    def forward(self, x: Tensor, batch: Tensor) -> Tensor:
        return pooled_by_global_name(x, batch)
