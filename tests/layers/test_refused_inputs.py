"""What the layers refuse, and in which words."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from geocompile.layers import (
    GATConv,
    GCNConv,
    GINConv,
    GraphConv,
    MessagePassing,
    SAGEConv,
    global_add_pool,
    global_max_pool,
    global_mean_pool,
)
from tests.layers.user_layers import Bipartite, OptionalWeight, Plain, TutorialEdgeConv

X, E = torch.ones(4, 3), torch.tensor([[0, 1], [1, 2]])
TOO_LARGE, NEGATIVE = torch.tensor([[0, 1], [1, 9]]), torch.tensor([[0, -1], [1, 2]])

Calls = dict[str, tuple[tuple[Any, ...], type[Exception], str]]
EDGES: Calls = {
    "float edges": (
        (X, E.float()),
        TypeError,
        r"edge_index must be of dtype int64 or int32.*edge_index\.long\(\)",
    ),
    "edges on their side": ((X, torch.zeros(5, 2).long()), ValueError, r"got \[5, 2\]; transpose it"),
    "three rows": (
        (X, torch.zeros(3, 4).long()),
        ValueError,
        r"edge_index must have shape \[2, num_edges\].*\[3, 4\]",
    ),
    "flat edges": (
        (X, torch.zeros(4).long()),
        ValueError,
        r"edge_index must have shape \[2, num_edges\], got \[4\]",
    ),
    "list of edges": ((X, [[0, 1], [1, 2]]), TypeError, "edge_index must be a tensor.*got <class 'list'>"),
    "sparse matrix": ((X, torch.eye(4).to_sparse()), TypeError, "got a sparse matrix; pass its indices"),
    "index too large": ((X, TOO_LARGE), IndexError, "9"),
    "source too large": ((X, TOO_LARGE.flip(0)), IndexError, "9"),
    "negative source": ((X, NEGATIVE), IndexError, "-1"),
    "negative target": ((X, NEGATIVE.flip(0)), IndexError, "-1"),
}
FEATURES: Calls = {
    "integer features": ((X.long(), E), TypeError, "x must be of a floating-point dtype, got torch.int64"),
    "flat features": ((X[:, 0], E), ValueError, r"x must have shape \[num_nodes, 3\], got \[4\]"),
    "wrong channels": ((X[:, :2], E), ValueError, r"x must have shape \[num_nodes, 3\], got \[4, 2\]"),
    "short weight": ((X, E, torch.ones(1)), ValueError, r"edge_weight must have shape \[2\].*got \[1\]"),
    "matrix weight": (
        (X, E, torch.ones(2, 3)),
        ValueError,
        r"edge_weight must have shape \[2\].*got \[2, 3\]",
    ),
    "boolean weight": (
        (X, E, E[0] > 0),
        TypeError,
        "edge_weight must be of a real number dtype, got torch.bool",
    ),
    "list of weights": (
        (X, E, [1.0, 2.0]),
        TypeError,
        r"edge_weight must be a tensor of shape \[num_edges\], got <class 'list'>",
    ),
    "features in double": (
        (X.double(), E),
        TypeError,
        "x is of dtype torch.float64 and the weights of the layer of torch.float32; convert one",
    ),
    "sparse features": ((X.to_sparse(), E), TypeError, r"x must be a dense tensor.*x\.to_dense\(\)"),
    "other device": ((X.to("meta"), E), ValueError, "x is on meta and edge_index on cpu"),
}
LAYERS: dict[str, Callable[[], torch.nn.Module]] = {
    "GCNConv": lambda: GCNConv(3, 2),
    "GraphConv": lambda: GraphConv(3, 2),
    "SAGEConv": lambda: SAGEConv(3, 2),
    "SAGEConv root": lambda: SAGEConv(3, 2, root_weight=True),
    "GINConv": lambda: GINConv(torch.nn.Linear(3, 2)),
    "GATConv": lambda: GATConv(3, 2),
    "Plain": Plain,
    "TutorialEdgeConv": lambda: TutorialEdgeConv(3, 2),
}


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("name", EDGES)
def test_bad_edges(layer: str, name: str) -> None:
    inputs, error, message = EDGES[name]
    with pytest.raises(error, match=f"(?s)geocompile.*{message}"):
        LAYERS[layer]()(*inputs)


@pytest.mark.parametrize("layer", ["GCNConv", "GraphConv"])
@pytest.mark.parametrize("name", FEATURES)
def test_bad_features_and_weights(layer: str, name: str) -> None:
    inputs, error, message = FEATURES[name]
    with pytest.raises(error, match=f"geocompile.{layer}: {message}"):
        LAYERS[layer]()(*inputs)


WITHOUT_WEIGHTS = [name for name in FEATURES if "weight" not in name]


@pytest.mark.parametrize("layer", ["SAGEConv", "GATConv"])
@pytest.mark.parametrize("name", WITHOUT_WEIGHTS)
def test_bad_features(layer: str, name: str) -> None:
    inputs, error, message = FEATURES[name]
    with pytest.raises(error, match=f"geocompile.{layer}: {message}"):
        LAYERS[layer]()(*inputs)


@pytest.mark.parametrize("name", ["integer features", "sparse features", "other device"])
def test_bad_features_of_gin_conv(name: str) -> None:
    inputs, error, message = FEATURES[name]
    with pytest.raises(error, match=f"geocompile.GINConv: {message}"):
        LAYERS["GINConv"]()(*inputs)


def test_flat_features_of_gin_conv() -> None:
    with pytest.raises(ValueError, match=r"GINConv: x must have shape \[num_nodes, channels\], got \[4\]"):
        GINConv(torch.nn.Linear(3, 2))(X[:, 0], E)


EDGE_ATTR: dict[str, tuple[Any, type[Exception], str]] = {
    "list": ([[1.0], [2.0]], TypeError, r"edge_attr must be a tensor of shape \[num_edges, 2\].*list"),
    "boolean": (torch.ones(2, 2) > 0, TypeError, "edge_attr must be of a real number dtype, got torch.bool"),
    "too few": (torch.ones(1, 2), ValueError, r"edge_attr must have shape \[2, 2\].*got \[1, 2\]"),
    "too wide": (torch.ones(2, 3), ValueError, r"edge_attr must have shape \[2, 2\].*got \[2, 3\]"),
    "flat": (torch.ones(2), ValueError, r"edge_attr must have shape \[2, 2\].*got \[2\]"),
    "other device": (torch.ones(2, 2, device="meta"), ValueError, "edge_attr is on meta and x on cpu"),
}


@pytest.mark.parametrize("name", EDGE_ATTR)
def test_bad_edge_features(name: str) -> None:
    edge_attr, error, message = EDGE_ATTR[name]
    with pytest.raises(error, match=f"GATConv: {message}"):
        GATConv(3, 2, edge_dim=2)(X, E, edge_attr)


def test_features_of_several_graphs_side_by_side() -> None:
    with pytest.raises(
        ValueError, match=r"GATConv: x must have shape.*\[2, 4, 3\].*number the nodes through"
    ):
        GATConv(3, 2)(torch.stack([X, X]), E)


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
@pytest.mark.parametrize("layer", ["GCNConv", "GraphConv", "SAGEConv", "GATConv", "GINConv"])
@pytest.mark.parametrize("name", ["edges on their side", "index too large"])
def test_a_script_of_any_layer_says_the_same(layer: str, name: str) -> None:
    inputs, _, message = {**EDGES, **FEATURES}[name]
    with pytest.raises((RuntimeError, torch.jit.Error), match=f"(?s){message}"):
        torch.jit.script(LAYERS[layer]())(*inputs)


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
@pytest.mark.parametrize("layer", ["GCNConv", "GraphConv"])
@pytest.mark.parametrize("name", ["edges on their side", "wrong channels", "short weight", "index too large"])
def test_a_script_says_the_same(layer: str, name: str) -> None:
    inputs, _, message = {**EDGES, **FEATURES}[name]
    with pytest.raises((RuntimeError, torch.jit.Error), match=f"(?s){message}"):
        torch.jit.script(LAYERS[layer]())(*inputs)


def test_a_pair_where_the_layer_has_no_bipartite_form() -> None:
    with pytest.raises(TypeError, match=r"GCNConv: x must be a tensor.*no bipartite form, use GraphConv"):
        GCNConv(3, 2)((X, X), E)


PAIRS: Calls = {
    "three": (((X, X, X), E), ValueError, "x must be a tensor, or a pair for source and target, got 3 items"),
    "none": (
        (None, E),
        TypeError,
        "x must be a tensor, or a pair of tensors or None, got <class 'NoneType'>",
    ),
    "numbers": (((1, 2), E), TypeError, "x must be a tensor, or a pair of tensors or None, got"),
}


@pytest.mark.parametrize("layer", ["GraphConv", "SAGEConv", "GINConv", "GATConv"])
@pytest.mark.parametrize("name", PAIRS)
def test_bad_pairs(layer: str, name: str) -> None:
    inputs, error, message = PAIRS[name]
    with pytest.raises(error, match=f"{layer}: {message}"):
        LAYERS[layer]()(*inputs)


def test_a_pair_in_which_no_node_is_its_own_neighbour() -> None:
    for make in (lambda: SAGEConv(3, 2)((X, X), E), lambda: SAGEConv((3, 3), 2)):
        with pytest.raises(
            ValueError, match=r"no node is its own neighbour; use root_weight=True, or add_self"
        ):
            make()


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
@pytest.mark.parametrize("size", [(5, -1), (-1, 5)])
def test_a_negative_size_is_refused_by_layer_and_script(size: tuple[int, int]) -> None:
    layer = GraphConv(3, 2)
    with pytest.raises(ValueError, match=r"size must be the number of nodes.*got \(-?\d, -?\d\)"):
        layer((X, None), E, None, size)
    with pytest.raises(torch.jit.Error, match="size must be the number of nodes"):
        torch.jit.script(layer)((X, None), E, None, size)


def test_a_size_of_one_number() -> None:
    with pytest.raises(ValueError, match="size must be the number of nodes"):
        GraphConv(3, 2)((X, None), E, None, (4,))


@pytest.mark.parametrize("pool", [global_add_pool, global_mean_pool, global_max_pool])
def test_pooling_of_no_tensor(pool: Callable[..., Tensor]) -> None:
    with pytest.raises(TypeError, match=rf"geocompile\.{pool.__name__}: x must be a tensor.*NoneType"):
        pool(None, torch.zeros(2, dtype=torch.int64))


CHANNELS: dict[str, tuple[Callable[[], Any], str]] = {
    "three of GraphConv": (
        lambda: GraphConv((3, 3, 3), 3),
        r"GraphConv: in_channels must be an integer, or a pair.*got \(3, 3, 3\)",
    ),
    "pair of GCNConv": (
        lambda: GCNConv((3, 3), 3),
        r"GCNConv: in_channels must be an integer, got \(3, 3\)",
    ),
    "fraction": (lambda: GCNConv(3.5, 3), r"GCNConv: in_channels must be an integer, got 3\.5"),
    "no number": (lambda: GraphConv(3, "4"), "GraphConv: out_channels must be an integer, got '4'"),
    "fractions": (lambda: GraphConv((3, 0.5), 4), r"GraphConv: in_channels must be an integer, got 0\.5"),
}


@pytest.mark.parametrize("name", CHANNELS)
def test_bad_channels(name: str) -> None:
    make, message = CHANNELS[name]
    with pytest.raises(TypeError, match=message):
        make()


def test_a_pair_without_the_side_that_is_asked_for() -> None:
    with pytest.raises(ValueError, match="asks for element 0 of a pair of features that is None"):
        GraphConv(3, 2)((None, X), E)


CONSTRUCTORS: dict[str, tuple[Callable[[], Any], str]] = {
    "aggr": (lambda: Plain(aggr="median"), "Plain: aggr must be one of add, sum, mean, max, min, mul"),
    "aggr of GCNConv": (
        lambda: GCNConv(3, 2, aggr="mul"),
        "GCNConv: aggr must be one of add, mean, max, min",
    ),
    "no aggr": (lambda: Plain(aggr=None), "Plain: aggr=None needs an aggregate"),
    "flow": (lambda: Plain(flow="up"), "flow must be one of .*got 'up'"),
    "channels": (lambda: GCNConv(-3, 2), "in_channels=-3"),
    "product with the node itself": (
        lambda: SAGEConv(3, 2, aggr="mul"),
        "aggr='mul' has no form with the node among its neighbours; use root_weight=True",
    ),
    "projection of unknown size": (
        lambda: SAGEConv(-1, 2, project=True),
        "project=True needs in_channels as a number",
    ),
    "heads": (lambda: GATConv(3, 2, heads=0), "heads must be an integer of at least 1, got 0"),
    "dropout": (lambda: GATConv(3, 2, dropout=1.5), "dropout must be a probability from 0 to 1, got 1.5"),
    "unknown fill": (
        lambda: GATConv(3, 2, fill_value="median"),
        "fill_value must be a number, a tensor or one of add, sum, mean, max, min, mul, got 'median'",
    ),
    "fill of many rows": (
        lambda: GATConv(3, 2, fill_value=torch.ones(4, 2)),
        r"fill_value must be one row of edge features \[edge_dim\], got \[4, 2\]",
    ),
    "fill of another size": (
        lambda: GATConv(3, 2, edge_dim=2, fill_value=torch.ones(5)),
        r"fill_value must be one row of edge features \[edge_dim\], here \[2\], got \[5\]",
    ),
    "fill of one value for two": (
        lambda: GATConv(3, 2, edge_dim=2, fill_value=torch.ones(1)),
        r"fill_value must be one row of edge features \[edge_dim\], here \[2\], got \[1\]",
    ),
    "loops": (
        lambda: GCNConv(3, 2, normalize=False, add_self_loops=True),
        "add_self_loops=True needs normalize=True",
    ),
}


@pytest.mark.parametrize("name", CONSTRUCTORS)
def test_bad_options(name: str) -> None:
    make, message = CONSTRUCTORS[name]
    with pytest.raises(ValueError, match=message):
        make()


def test_a_network_that_is_no_module() -> None:
    with pytest.raises(TypeError, match=r"GINConv: nn must be a torch\.nn\.Module, got .*; wrap a function"):
        GINConv(torch.relu)


def test_a_fill_value_of_another_kind() -> None:
    with pytest.raises(
        TypeError, match="fill_value must be a number, a tensor or the name of a reduction, got None"
    ):
        GATConv(3, 2, fill_value=None)


def test_a_fill_value_of_another_size_than_the_first_edge_features() -> None:
    conv = GATConv(3, 2, edge_dim=-1, fill_value=torch.ones(5))
    edge_index = torch.tensor([[0, 1], [1, 0]])
    with pytest.raises(ValueError, match=r"fill_value must be one row .* here \[2\], got \[1, 5\]"):
        conv(torch.ones(2, 3), edge_index, torch.ones(2, 2))


def test_a_scalar_tensor_fills_every_edge_feature() -> None:
    conv = GATConv(3, 2, edge_dim=2, fill_value=torch.tensor(0.5))
    same = GATConv(3, 2, edge_dim=2, fill_value=0.5)
    same.load_state_dict(conv.state_dict())
    inputs = torch.ones(2, 3), torch.tensor([[0, 1], [1, 0]]), torch.randn(2, 2)
    assert torch.equal(conv(*inputs), same(*inputs))


@pytest.mark.parametrize("name", ["negative_slope", "dropout"])
@pytest.mark.parametrize("value", [None, "0.2"])
def test_a_number_of_another_kind(name: str, value: object) -> None:
    with pytest.raises(TypeError, match=f"GATConv: {name} must be a number, got {value!r}"):
        GATConv(3, 2, **{name: value})


def test_an_argument_that_propagate_was_not_given() -> None:
    class Forgetful(MessagePassing):
        def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
            return self.propagate(edge_index, x=x)

        def message(self, x_j: Tensor, w: Tensor) -> Tensor:
            return x_j * w

    with pytest.raises(TypeError, match=r"Forgetful: message asks for w, but propagate was not given w"):
        Forgetful()(X, E)


def test_sizes_that_contradict_each_other() -> None:
    layer = Bipartite(3, 3, 2)
    with pytest.raises(
        ValueError, match="argument x of propagate has 4 nodes, but size or another argument says 5"
    ):
        layer(X, E, (5, 4))
    with pytest.raises(ValueError, match="needed, got 3 items"):
        Plain()((X, X, X), E)


def test_a_weight_of_the_wrong_length_in_a_users_layer_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="size"):
        OptionalWeight()(X, E, torch.ones(3))


def test_an_override_that_would_never_run_is_refused_when_the_class_is_written() -> None:
    with pytest.raises(TypeError, match=r"Mine: message would never be called, because GCNConv.forward"):

        class Mine(GCNConv):
            def message(self, x_j: Tensor) -> Tensor:
                return x_j


def test_negative_and_too_large_nodes_of_an_empty_graph() -> None:
    with pytest.raises(IndexError):
        GCNConv(3, 2)(X[:0], torch.zeros(2, 1, dtype=torch.int64))
    assert GCNConv(3, 2)(X[:0], E[:, :0]).shape == (0, 2)
