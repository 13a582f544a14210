"""PyG's SAGEConv, GINConv and GATConv, converted: the same numbers and gradients in float64, to 1e-10."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

import geocompile
from geocompile import layers
from geocompile.pyg import from_pyg_report

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # a target here on purpose
pyg = pytest.importorskip("torch_geometric.nn", reason="PyG is not installed (extra: pyg)")
SIZES = ((9, 30), (4, 0), (1, 3), (1, 0))
both_flows = pytest.mark.parametrize("flow", ["source_to_target", "target_to_source"])


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def graphs() -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Features, edges (loops, duplicates, an isolated node, none at all), edge features."""
    for num_nodes, num_edges in SIZES:
        x = torch.randn(num_nodes, 3, dtype=torch.float64)
        edge_index = torch.randint(0, max(num_nodes - 1, 1), (2, num_edges))
        yield x, edge_index, torch.randn(num_edges, 2, dtype=torch.float64)


def converted(theirs: torch.nn.Module) -> torch.nn.Module:
    ours, report = from_pyg_report(theirs)
    assert not report.kept
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    return ours


def check(theirs: torch.nn.Module, ours: torch.nn.Module, x: Any, *more: Any, **options: Any) -> None:
    """Results and gradients of features and weights."""
    results = []
    for layer in (theirs, ours):
        for parameter in layer.parameters():
            parameter.grad = None
        given = [
            None if t is None else t.clone().requires_grad_() for t in (x if isinstance(x, tuple) else (x,))
        ]
        out = layer(tuple(given) if isinstance(x, tuple) else given[0], *more, **options)
        (out * torch.linspace(-1, 1, out.numel(), dtype=out.dtype).view(out.shape)).sum().backward()
        grads = [t.grad for t in given if t is not None] + [
            p.grad for _, p in sorted(layer.named_parameters())
        ]
        results.append([out, *(torch.zeros(()) if grad is None else grad for grad in grads)])
    for expected, actual in zip(*results, strict=True):
        if expected.dim() == 0 or actual.dim() == 0:  # no gradient at all on one side is 0 on the other
            assert not expected.any()
            assert not actual.any()
        else:
            torch.testing.assert_close(actual, expected, rtol=1e-10, atol=1e-10)


SAGE = [
    {"aggr": aggr, **more}
    for aggr, more in itertools.product(
        ("mean", "add", "max", "min"),
        ({}, {"normalize": True}, {"root_weight": False}, {"project": True}, {"bias": False}),
    )
]


@both_flows
@pytest.mark.parametrize("out_channels", [2, 5])
@pytest.mark.parametrize("options", SAGE, ids=str)
def test_sage_conv(options, out_channels, flow) -> None:
    theirs = pyg.SAGEConv(3, out_channels, flow=flow, **options).double()
    ours = converted(theirs)
    assert type(ours) is layers.SAGEConv
    for x, edge_index, _ in graphs():
        check(theirs, ours, x, edge_index)


def test_sage_conv_with_a_product() -> None:
    theirs = pyg.SAGEConv(3, 4, aggr="mul").double()
    ours = converted(theirs)
    for x, edge_index, _ in graphs():
        torch.testing.assert_close(ours(x, edge_index), theirs(x, edge_index), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    "options", [{}, {"train_eps": True}, {"eps": 0.5, "train_eps": True}, {"eps": -1.0}], ids=str
)
@pytest.mark.parametrize("aggr", ["add", "mean", "max", "min"])
@both_flows
def test_gin_conv(aggr, flow, options) -> None:
    mlp = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.Tanh(), torch.nn.Linear(8, 4))
    theirs = pyg.GINConv(mlp, aggr=aggr, flow=flow, **options).double()
    ours = converted(theirs)
    assert type(ours) is layers.GINConv
    for x, edge_index, _ in graphs():
        check(theirs, ours, x, edge_index)


FILLS = ("mean", "add", "max", "min", "mul", 0.3, torch.tensor([0.5, -1.0]))
GAT = [
    {"heads": heads, "concat": concat, **more}
    for heads, concat in ((1, True), (3, True), (3, False))
    for more in (
        {},
        {"add_self_loops": False},
        {"residual": True, "bias": False},
        {"negative_slope": 0.01},
        {"dropout": 0.6},
    )
]


@pytest.mark.parametrize("edge_dim", [None, 2])
@pytest.mark.parametrize("options", GAT, ids=str)
def test_gat_conv(options, edge_dim) -> None:
    theirs = pyg.GATConv(3, 4, edge_dim=edge_dim, **options).double().eval()
    ours = converted(theirs)
    assert type(ours) is layers.GATConv
    for x, edge_index, edge_attr in graphs():
        check(theirs, ours, x, edge_index)
        check(theirs, ours, x, edge_index, edge_attr)  # ignored by both without edge_dim


@pytest.mark.parametrize("fill_value", FILLS, ids=str)
def test_gat_conv_fills_the_features_of_loops(fill_value) -> None:
    theirs = pyg.GATConv(3, 4, heads=2, edge_dim=2, fill_value=fill_value).double()
    ours = converted(theirs)
    for x, edge_index, edge_attr in graphs():
        check(theirs, ours, x, edge_index, edge_attr)


@pytest.mark.parametrize(
    "options", [{}, {"add_self_loops": False, "edge_dim": 2}, {"edge_dim": 2, "fill_value": 0.5}]
)
def test_gat_conv_that_flows_back(options) -> None:
    theirs = pyg.GATConv(3, 4, heads=2, flow="target_to_source", **options).double()
    ours = converted(theirs)
    for x, edge_index, edge_attr in graphs():
        check(theirs, ours, x, edge_index, edge_attr)


@pytest.mark.parametrize("add_self_loops", [True, False])
def test_gat_conv_gives_its_attention_weights(add_self_loops) -> None:
    theirs = pyg.GATConv(3, 4, heads=2, edge_dim=2, add_self_loops=add_self_loops).double()
    ours = converted(theirs)
    for x, edge_index, edge_attr in graphs():
        expected = theirs(x, edge_index, edge_attr, return_attention_weights=True)
        actual = ours(x, edge_index, edge_attr, return_attention_weights=True)
        torch.testing.assert_close(actual, expected, rtol=1e-10, atol=1e-12)


def test_dropout_in_training_has_the_same_distribution() -> None:
    theirs = pyg.GATConv(3, 4, heads=2, dropout=0.5).double()
    ours = converted(theirs)
    x, edge_index, _ = next(graphs())
    means = [torch.stack([layer(x, edge_index) for _ in range(4000)]) for layer in (theirs, ours)]
    torch.testing.assert_close(means[1].mean(0), means[0].mean(0), rtol=0, atol=0.15)
    torch.testing.assert_close(means[1].std(0), means[0].std(0), rtol=0, atol=0.15)


BIPARTITE: dict[str, Callable[..., torch.nn.Module]] = {
    "SAGEConv": lambda **options: pyg.SAGEConv((3, 4), 5, **options),
    "SAGEConv max": lambda **options: pyg.SAGEConv((3, 4), 5, aggr="max", project=True, **options),
    "SAGEConv without root": lambda **options: pyg.SAGEConv((3, 4), 5, root_weight=False, **options),
    "GATConv": lambda **options: pyg.GATConv((3, 4), 5, heads=2, **options),
    "GATConv edges": lambda **options: pyg.GATConv((3, 4), 5, edge_dim=2, residual=True, **options),
    "GATConv without loops": lambda **options: pyg.GATConv((3, 4), 5, add_self_loops=False, **options),
}


@pytest.mark.parametrize("num_targets", [6, 12])
@pytest.mark.parametrize("name", BIPARTITE)
def test_two_sides(name, num_targets) -> None:
    theirs = BIPARTITE[name]().double()
    ours = converted(theirs)
    x, edge_index, edge_attr = next(graphs())
    edge_index = edge_index % 6
    target = torch.randn(num_targets, 4, dtype=torch.float64)
    more = (edge_attr,) if "GAT" in name else ()
    check(theirs, ours, (x, target), edge_index, *more)
    check(theirs, ours, (x, target), edge_index, *more, size=(9, num_targets))
    check(theirs, ours, (x, None), edge_index, *more, size=(9, num_targets))
    script = torch.jit.script(ours)
    torch.testing.assert_close(script((x, target), edge_index, *more), ours((x, target), edge_index, *more))


@pytest.mark.parametrize("name", ["SAGEConv", "GATConv", "GATConv without loops"])
def test_two_sides_of_one_size_that_flow_back(name) -> None:
    """There PyG sends x[0], not x[1], and has as many results as x[0] has rows."""
    theirs = BIPARTITE[name](flow="target_to_source").double()
    ours = converted(theirs)
    x, edge_index, _ = next(graphs())
    check(theirs, ours, (x, torch.randn(9, 4, dtype=torch.float64)), edge_index)


def test_two_sides_with_one_weight() -> None:
    x, edge_index, _ = next(graphs())
    target = torch.randn(12, 3, dtype=torch.float64)
    gat = pyg.GATConv(3, 4, heads=2).double()
    gin = pyg.GINConv(torch.nn.Linear(3, 4), eps=0.5, train_eps=True).double()
    for theirs in (gat, gin):
        check(theirs, converted(theirs), (x, target), edge_index)


def test_features_with_a_dimension_in_front_of_the_nodes() -> None:
    x, edge_index, _ = next(graphs())
    x = torch.stack([x, 2 * x])
    for theirs in (pyg.SAGEConv(3, 4).double(), pyg.GINConv(torch.nn.Linear(3, 4)).double()):
        check(theirs, converted(theirs), x, edge_index)


def test_models_of_pygs_own() -> None:
    x, edge_index, edge_attr = next(graphs())
    for theirs, more in (
        (pyg.GraphSAGE(3, 8, 2, 4), {}),
        (pyg.GIN(3, 8, 2, 4), {}),
        (pyg.GAT(3, 8, 2, 4, heads=2, edge_dim=2), {"edge_attr": edge_attr}),
    ):
        theirs = theirs.double().eval()
        ours, report = from_pyg_report(theirs)
        assert len(report.replaced) == 2
        torch.testing.assert_close(
            ours(x, edge_index, **more), theirs(x, edge_index, **more), rtol=1e-10, atol=1e-12
        )


def test_what_a_network_holds_is_converted_too_and_keeps_its_mode() -> None:
    class Inner(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = torch.nn.BatchNorm1d(3)
            self.reduce = pyg.aggr.SumAggregation()

        def forward(self, x: Tensor) -> Tensor:
            return self.norm(x) + self.reduce(x, torch.zeros(x.size(0), dtype=torch.int64), dim_size=1)

    theirs = pyg.GINConv(Inner()).double()
    theirs.nn.norm.eval()
    ours, report = from_pyg_report(theirs)
    assert [entry.path for entry in report.replaced] == ["", "nn.reduce"]
    assert ours.training
    assert not ours.nn.norm.training
    x, edge_index, _ = next(graphs())
    torch.testing.assert_close(ours(x, edge_index), theirs(x, edge_index), rtol=1e-10, atol=1e-12)


def with_edge_hook() -> torch.nn.Module:
    conv = pyg.GATConv(3, 4)
    conv.register_edge_update_forward_hook(lambda *_: None)
    return conv


def with_function() -> torch.nn.Module:
    class Network:
        def __call__(self, x: Tensor) -> Tensor:
            return x

    return pyg.GINConv(Network())


def gat_with_edges(**options: Any) -> Callable[[], torch.nn.Module]:
    return lambda: pyg.GATConv(3, 4, edge_dim=2, **options)


KEPT: dict[str, tuple[Callable[[], Any], str]] = {
    "lstm": (lambda: pyg.SAGEConv(3, 4, aggr="lstm"), "of this class has no aggr='lstm'"),
    "several": (
        lambda: pyg.SAGEConv(3, 4, aggr=["mean", "max"]),
        r"of this class has no aggr=\['mean', 'max'\]",
    ),
    "attention by maximum": (lambda: pyg.GATConv(3, 4, aggr="max"), "has no aggr='max'"),
    "median of GIN": (lambda: pyg.GINConv(torch.nn.Linear(3, 4), aggr="median"), "has no aggr='median'"),
    "product of GCN": (lambda: pyg.GCNConv(3, 4, aggr="mul"), "has no aggr='mul'"),
    "maximum of LE": (lambda: pyg.LEConv(3, 4, aggr="max"), "has no aggr='max'"),
    "function": (with_function, "its nn is a function, not a module"),
    "hook of edges": (with_edge_hook, "it carries hooks"),
    "fills from what a node sends": (
        gat_with_edges(flow="target_to_source"),
        "take their features from edges that a node sends",
    ),
    "a row per node": (gat_with_edges(fill_value=torch.ones(5, 2)), "its fill_value has a row per node"),
    "a row of another size": (
        gat_with_edges(fill_value=torch.ones(5)),
        "its fill_value is no row of edge features",
    ),
    "any": (gat_with_edges(fill_value="any"), "its fill_value 'any' has no geocompile operator"),
    "lazy": (lambda: pyg.GATConv(-1, 4), "the size of its lin is not known yet; run the model once"),
}


@pytest.mark.parametrize("name", KEPT)
def test_what_cannot_be_replaced_is_kept_with_the_reason(name) -> None:
    make, reason = KEPT[name]
    theirs = make()
    ours, report = from_pyg_report(theirs)
    assert type(ours) is type(theirs)
    assert not report.replaced
    with pytest.raises(ValueError, match=reason):
        raise ValueError(report.kept[0].reason)


def test_options_of_loops_do_not_matter_where_there_are_none() -> None:
    theirs = pyg.GATConv(3, 4, edge_dim=2, fill_value=torch.ones(5, 2), add_self_loops=False).double()
    ours = geocompile.from_pyg(theirs)
    assert type(ours) is layers.GATConv
    check(theirs, ours, *next(graphs()))


def test_tied_weights_stay_tied() -> None:
    first, second = pyg.GATConv(3, 4), pyg.GATConv(3, 4)
    second.lin.weight, second.att_src = first.lin.weight, first.att_src
    ours = geocompile.from_pyg(torch.nn.ModuleList([first, second]))
    assert ours[0].lin.weight is ours[1].lin.weight
    assert ours[0].att_src is ours[1].att_src
