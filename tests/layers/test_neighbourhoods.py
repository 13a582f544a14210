"""SAGEConv, GINConv and GATConv beyond the conformance cases: any graph, training, dropout, attention weights."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from geocompile.layers import GATConv, GINConv, SAGEConv
from tests.conformance.formulas import neighbourhoods as dense
from tests.layers.cases import bipartite, gin, graph, with_edge_attr

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # a target here on purpose


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def test_one_edge_feature_may_be_a_vector() -> None:
    conv = GATConv(3, 4, edge_dim=1).double()
    x, edge_index = graph(6, 14)
    edge_attr = torch.randn(14, dtype=torch.float64)
    torch.testing.assert_close(conv(x, edge_index, edge_attr), conv(x, edge_index, edge_attr[:, None]))


@st.composite
def any_graph(draw: st.DrawFn) -> tuple[Tensor, Tensor, Tensor]:
    """Up to 6 nodes and 20 edges of any kind."""
    num_nodes = draw(st.integers(1, 6))
    node = st.integers(0, num_nodes - 1)
    edges = draw(st.lists(st.tuples(node, node), max_size=20))
    edge_index = torch.tensor(edges, dtype=torch.int64).reshape(-1, 2).T.contiguous()
    generator = torch.Generator().manual_seed(draw(st.integers(0, 1000)))
    x = torch.randn(num_nodes, 3, dtype=torch.float64, generator=generator)
    return x, edge_index, torch.randn(len(edges), 2, dtype=torch.float64, generator=generator)


@settings(deadline=None, max_examples=60)
@given(inputs=any_graph())
def test_any_small_graph_gives_the_dense_formulas(inputs: tuple[Tensor, Tensor, Tensor]) -> None:
    x, edge_index, edge_attr = inputs
    torch.manual_seed(0)
    sage, network, gat = (
        SAGEConv(3, 2).double(),
        gin(4, eps=0.5).double(),
        GATConv(3, 2, 2, edge_dim=2).double(),
    )
    torch.testing.assert_close(sage(x, edge_index), dense.sage(sage, x, edge_index))
    torch.testing.assert_close(network(x, edge_index), dense.gin(network, x, edge_index))
    torch.testing.assert_close(gat(x, edge_index, edge_attr), dense.gat(gat, x, edge_index, edge_attr))


@settings(deadline=None, max_examples=30)
@given(inputs=any_graph())
def test_renumbered_nodes_and_reordered_edges_give_renumbered_results(
    inputs: tuple[Tensor, Tensor, Tensor],
) -> None:
    x, edge_index, edge_attr = inputs
    new = torch.randperm(x.size(0))
    order = torch.randperm(edge_index.size(1))
    moved = torch.empty_like(x)
    moved[new] = x
    torch.manual_seed(0)
    for layer, more in ((SAGEConv(3, 2), False), (gin(4), False), (GATConv(3, 2, 2, edge_dim=2), True)):
        layer.double()
        expected = layer(x, edge_index, edge_attr) if more else layer(x, edge_index)
        edges = new[edge_index][:, order]
        actual = layer(moved, edges, edge_attr[order]) if more else layer(moved, edges)
        torch.testing.assert_close(actual[new], expected)


class TestAttentionWeights:
    def test_they_sum_to_one_and_give_the_result(self) -> None:
        conv = GATConv(3, 4, heads=2, edge_dim=2, bias=False).double()
        inputs = with_edge_attr(6, 20)
        out, (edge_index, alpha) = conv(*inputs, return_attention_weights=True)
        torch.testing.assert_close(out, conv(*inputs))
        ones = torch.zeros(6, 2, dtype=torch.float64).index_add(0, edge_index[1], alpha)
        torch.testing.assert_close(ones, torch.ones_like(ones))
        h = conv.lin(inputs[0]).view(6, 2, 4)
        terms = h[edge_index[0]] * alpha.unsqueeze(-1)
        torch.testing.assert_close(torch.zeros_like(h).index_add(0, edge_index[1], terms).flatten(1), out)

    def test_a_script_and_an_exported_program_give_them_too(self) -> None:
        conv = GATConv(3, 4, heads=2, edge_dim=2).double()
        script = torch.jit.script(conv)
        inputs = with_edge_attr(6, 20)
        expected = conv.forward_with_attention(*inputs)
        torch.testing.assert_close(script.forward_with_attention(*inputs), expected)

        class WithAttention(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.conv = conv

            def forward(self, x: Tensor, edge_index: Tensor, edge_attr: Tensor) -> Any:
                return self.conv(x, edge_index, edge_attr, None, True)

        nodes, edges = torch.export.Dim("nodes"), torch.export.Dim("edges")
        shapes = ({0: nodes}, {1: edges}, {0: edges})
        with torch.fx.experimental._config.patch(backed_size_oblivious=True):
            exported = torch.export.export(WithAttention(), inputs, dynamic_shapes=shapes).module()
        for size in ((6, 20), (9, 5), (4, 0)):
            inputs = with_edge_attr(*size)
            torch.testing.assert_close(exported(*inputs), conv.forward_with_attention(*inputs))

    def test_a_script_cannot_change_the_type_of_its_result_and_says_what_to_call(self) -> None:
        script = torch.jit.script(GATConv(3, 4).double())
        with pytest.raises(torch.jit.Error, match="call forward_with_attention in place of forward"):
            script(*graph(4, 5), return_attention_weights=True)

    def test_only_true_asks_for_them(self) -> None:
        conv = GATConv(3, 4).double()
        assert isinstance(conv(*graph(4, 5), return_attention_weights=False), Tensor)


class TestDropout:
    def test_it_drops_coefficients_in_training_and_keeps_the_expected_value(self) -> None:
        conv = GATConv(3, 4, heads=2, dropout=0.5).double()
        inputs = graph(6, 20)
        calls = torch.stack([conv(*inputs) for _ in range(4000)])
        assert calls.std(0).max() > 0.01
        torch.testing.assert_close(calls.mean(0), conv.eval()(*inputs), rtol=0, atol=0.08)

    def test_the_dropped_coefficients_are_those_that_are_returned(self) -> None:
        conv = GATConv(3, 4, heads=2, dropout=0.5, bias=False).double()
        x, edge_index = graph(6, 20)
        out, (edges, alpha) = conv(x, edge_index, return_attention_weights=True)
        assert 0.2 < (alpha == 0).double().mean() < 0.8
        terms = conv.lin(x).view(6, 2, 4)[edges[0]] * alpha.unsqueeze(-1)
        summed = torch.zeros(6, 2, 4, dtype=torch.float64).index_add(0, edges[1], terms)
        torch.testing.assert_close(out, summed.flatten(1))

    def test_it_is_off_in_a_script_in_eval_mode(self) -> None:
        conv = GATConv(3, 4, dropout=0.5).double().eval()
        inputs = graph(6, 20)
        script = torch.jit.script(conv)
        torch.testing.assert_close(script(*inputs), conv(*inputs))
        script.train()
        assert not torch.equal(script(*inputs), script(*inputs))


TRAINED: dict[str, Callable[[], torch.nn.Module]] = {
    "SAGEConv": lambda: SAGEConv(3, 4, normalize=False),
    "GINConv": lambda: gin(4, train_eps=True),
    "GATConv": lambda: GATConv(3, 4, edge_dim=2),
    "GATConv with dropout": lambda: GATConv(3, 4, edge_dim=2, dropout=0.2),
}


@pytest.mark.parametrize("name", TRAINED)
def test_training_lowers_the_loss(name: str) -> None:
    conv, head = TRAINED[name]().double(), torch.nn.Linear(4, 1).double()
    x, edge_index, edge_attr = with_edge_attr(12, 40)
    inputs = (x, edge_index, edge_attr) if "GAT" in name else (x, edge_index)
    target = x.sum(1, keepdim=True)
    optimizer = torch.optim.Adam([*conv.parameters(), *head.parameters()], lr=0.05)
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        loss = (head(conv(*inputs).relu()) - target).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert min(losses[-10:]) < 0.6 * losses[0]


def test_a_pair_needs_no_loops_where_a_node_is_its_own_neighbour() -> None:
    """The first nodes of the two sides, numbered alike, get one loop; the others none."""
    conv = GATConv((3, 4), 2, bias=False).double()
    (x, target), edge_index, _ = bipartite(4, 0)
    out, (edges, alpha) = conv((x, target), edge_index, return_attention_weights=True)
    assert edges.tolist() == [[0, 1, 2, 3], [0, 1, 2, 3]]
    torch.testing.assert_close(alpha, torch.ones_like(alpha))
    torch.testing.assert_close(out[:4], conv.lin_src(x))
    assert not out[4:].any()


def test_sizes_are_known_only_after_the_first_input() -> None:
    x, edge_index, edge_attr = with_edge_attr(6, 14)
    for layer, inputs in (
        (SAGEConv(-1, 4, root_weight=True), (x, edge_index)),
        (GATConv(-1, 4, heads=2, residual=True, edge_dim=-1), (x, edge_index, edge_attr)),
        (GATConv((-1, -1), 4), ((x, x[:, :2]), edge_index)),
    ):
        layer.double()(*inputs)
        assert not any(torch.nn.parameter.is_lazy(parameter) for parameter in layer.parameters())
        torch.jit.script(layer)


def test_what_is_not_finite_stays_where_it_can_reach() -> None:
    x, edge_index = torch.zeros(4, 3, dtype=torch.float64), torch.tensor([[0, 1], [1, 2]])
    x[0] = torch.nan
    for layer in (
        SAGEConv(3, 5),
        SAGEConv(3, 2, root_weight=True),
        GINConv(torch.nn.Identity()),
        GATConv(3, 4),
    ):
        assert layer.double()(x, edge_index).isnan().any(1).tolist() == [True, True, False, False]


def test_parameters_are_drawn_anew() -> None:
    for layer in (
        SAGEConv(3, 4, root_weight=True, project=True),
        gin(4),
        GATConv(3, 4, edge_dim=2, residual=True),
    ):
        before = {name: value.clone() for name, value in layer.state_dict().items()}
        layer.reset_parameters()
        changed = {name for name, value in layer.state_dict().items() if not torch.equal(value, before[name])}
        assert {name for name in before if "weight" in name or "att" in name} <= changed


def test_the_constructor_of_gin_conv_leaves_the_network_as_it_is() -> None:
    network = torch.nn.Linear(3, 4)
    before = network.weight.clone()
    GINConv(network)
    assert torch.equal(network.weight, before)
