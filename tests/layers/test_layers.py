"""GCNConv and its like beyond the conformance cases: training, sizes, dtypes, the cache, autocast."""

import copy
from typing import Any

import pytest
import torch

from geocompile.layers import GATConv, GCNConv, GINConv, GraphConv, SAGEConv
from tests.layers.cases import graph, weighted
from tests.layers.user_layers import TutorialEdgeConv, TutorialGCN

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # a target here on purpose


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize(
    "make", [lambda: GCNConv(3, 4), lambda: GraphConv(3, 4, "max")], ids=["GCNConv", "GraphConv"]
)
def test_training_lowers_the_loss(make: Any) -> None:
    conv, head = make().double(), torch.nn.Linear(4, 1).double()
    x, edge_index, weight = weighted(12, 40)
    target = x.sum(1, keepdim=True)
    optimizer = torch.optim.Adam([*conv.parameters(), *head.parameters()], lr=0.05)
    losses = []
    for _ in range(40):
        optimizer.zero_grad()
        loss = (head(conv(x, edge_index, weight).relu()) - target).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.6 * losses[0]


@pytest.mark.parametrize("layer", [GCNConv, GraphConv])
def test_an_unknown_input_size_comes_from_the_first_input(layer: Any) -> None:
    conv = layer(-1, 4)
    conv(torch.randn(5, 7), torch.tensor([[0, 1], [1, 2]]))
    assert [parameter.shape[-1] for parameter in conv.parameters() if parameter.dim() == 2] == [7] * (
        1 if layer is GCNConv else 2
    )
    torch.jit.script(conv)


@pytest.mark.parametrize("layer", [GCNConv, GraphConv, SAGEConv, GATConv])
def test_a_layer_of_unknown_size_takes_it_from_the_state_that_is_loaded(layer: Any) -> None:
    known, unknown = layer(7, 4), layer(-1, 4)
    unknown.load_state_dict(known.state_dict())
    x, edge_index = torch.randn(5, 7), torch.randint(0, 5, (2, 9))
    torch.testing.assert_close(unknown(x, edge_index), known(x, edge_index))
    with pytest.raises(ValueError, match=r"x must have shape \[num_nodes, 7\]"):
        unknown(x[:, :6], edge_index)


def test_an_int_weight_or_a_column_of_weights_is_taken_as_numbers() -> None:
    conv = GCNConv(3, 2).double()
    x, edge_index, weight = weighted(6, 14)
    torch.testing.assert_close(conv(x, edge_index, weight[:, None]), conv(x, edge_index, weight))
    ones = torch.ones(14, dtype=torch.int64)
    torch.testing.assert_close(conv(x, edge_index, ones), conv(x, edge_index))


def test_int32_edges_and_views_give_the_same_as_int64_edges() -> None:
    conv = GCNConv(3, 2).double()
    x, edge_index, weight = weighted(6, 14)
    expected = conv(x, edge_index, weight)
    torch.testing.assert_close(conv(x, edge_index.int(), weight), expected)
    views = x.T.contiguous().T, edge_index.T.contiguous().T, torch.stack([weight, weight], 1)[:, 0]
    torch.testing.assert_close(conv(*views), expected)


def test_features_that_are_not_finite_stay_where_they_can_reach() -> None:
    conv = GCNConv(3, 5).double()
    x, edge_index = torch.zeros(4, 3, dtype=torch.float64), torch.tensor([[0, 1], [1, 2]])
    x[0] = torch.nan
    assert conv(x, edge_index).isnan().any(1).tolist() == [True, True, False, False]


class TestCache:
    def test_later_calls_use_the_first_graph_in_eager_and_script(self) -> None:
        first, second = weighted(6, 14), weighted(6, 9)
        for cached in (
            GCNConv(3, 2, cached=True).double(),
            torch.jit.script(GCNConv(3, 2, cached=True).double()),
        ):
            plain = GCNConv(3, 2).double()
            plain.load_state_dict(cached.state_dict())
            torch.testing.assert_close(cached(*first), plain(*first))
            torch.testing.assert_close(cached(*second), plain(second[0], *first[1:]))

    def test_another_number_of_nodes_is_an_error_that_says_so(self) -> None:
        conv = GCNConv(3, 2, cached=True).double()
        conv(*graph(6, 14))
        with pytest.raises(ValueError, match=r"the cached graph has 6 nodes, x has 7"):
            conv(*graph(7, 14))
        conv.reset_parameters()
        conv(*graph(7, 14))

    def test_it_follows_the_layer_to_another_dtype(self) -> None:
        conv = GCNConv(3, 2, cached=True).double()
        x, edge_index, weight = weighted(6, 14)
        expected = conv(x, edge_index, weight)
        torch.testing.assert_close(conv.float()(x.float(), edge_index), expected.float())

    def test_export_keeps_a_filled_cache_and_fills_no_empty_one(self) -> None:
        x, edge_index = graph(6, 14)
        empty = GCNConv(3, 2, cached=True).double()
        torch.export.export(empty, (x, edge_index))
        assert empty._cached is None
        filled = GCNConv(3, 2, cached=True).double()
        expected = filled(x, edge_index)
        exported = torch.export.export(filled, (x, edge_index)).module()
        torch.testing.assert_close(exported(x, edge_index.flip(0)), expected)


def test_a_cached_layer_can_be_copied_though_its_edge_weights_have_a_gradient() -> None:
    conv = GCNConv(3, 2, cached=True)
    x, edge_index = torch.randn(4, 3), torch.tensor([[0, 1], [1, 2]])
    weight = torch.ones(2, requires_grad=True)
    conv(x, edge_index, weight).sum().backward()
    assert weight.grad is not None
    torch.testing.assert_close(copy.deepcopy(conv)(x, edge_index), conv(x, edge_index))
    for _ in range(2):
        conv(x, edge_index, weight).sum().backward()


AUTOCAST = {
    "aggregates last": lambda: GCNConv(4, 4),
    "aggregates first": lambda: GCNConv(4, 8),
    "maximum": lambda: GCNConv(4, 8, aggr="max"),
    "GraphConv": lambda: GraphConv(4, 4),
    "GraphConv aggregates first": lambda: GraphConv(4, 8),
    "SAGEConv": lambda: SAGEConv(4, 4),
    "SAGEConv aggregates first": lambda: SAGEConv(4, 8, root_weight=True, normalize=False),
    "SAGEConv maximum": lambda: SAGEConv(4, 8, aggr="max"),
    "GINConv": lambda: GINConv(torch.nn.Linear(4, 4), train_eps=True),
    "GATConv": lambda: GATConv(4, 4, heads=2),
    "user's own": lambda: TutorialEdgeConv(4, 4),
    "user's normalisation": lambda: TutorialGCN(4, 8),
}


@pytest.mark.parametrize("name", AUTOCAST)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_under_autocast_it_computes_and_trains_whichever_side_is_narrower(
    name: str, dtype: torch.dtype
) -> None:
    layer = AUTOCAST[name]()
    x, edge_index = torch.randn(6, 4), torch.randint(0, 6, (2, 20))
    expected = layer(x, edge_index)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = layer(x.to(dtype), edge_index)
    torch.testing.assert_close(out.float(), expected, rtol=0.05, atol=0.05)
    out.float().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in layer.parameters())
