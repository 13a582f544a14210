"""graclus, voxel_grid, coalesce and consecutive beyond the case table: properties, PyG, refused calls."""

from collections.abc import Callable

import pytest
import torch
import torch_geometric.utils as pyg
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch_geometric.nn.pool.consecutive import consecutive_cluster

from geocompile.custom_ops import coalesce, consecutive, graclus, grid_cluster, voxel_grid


@st.composite
def _edges(draw: st.DrawFn) -> tuple[Tensor, int]:
    num_nodes = draw(st.integers(0, 8))
    node = st.integers(0, num_nodes - 1)
    edges = draw(st.lists(st.tuples(node, node), max_size=20)) if num_nodes else []
    return torch.tensor(edges, dtype=torch.long).reshape(-1, 2).t(), num_nodes


@settings(max_examples=100, deadline=None)
@given(_edges(), st.booleans(), st.booleans(), st.integers(0, 9))
def test_graclus_is_a_matching_that_cannot_be_larger(
    graph: tuple[Tensor, int], weighted: bool, ordered: bool, seed: int
) -> None:
    edge_index, num_nodes = graph
    edge_index = torch.cat([edge_index, edge_index.flip(0)], 1)
    torch.manual_seed(seed)
    weight = torch.randn(edge_index.size(1)) if weighted else None
    order = torch.randperm(num_nodes) if ordered else None
    cluster = graclus(edge_index, weight, num_nodes, order)
    pairs = set(map(tuple, edge_index.t().tolist()))
    members = {c: torch.where(cluster == c)[0].tolist() for c in cluster.tolist()}
    assert all(nodes[0] == c and len(nodes) <= 2 for c, nodes in members.items())
    assert all(tuple(nodes) in pairs for nodes in members.values() if len(nodes) == 2)
    alone = [nodes[0] for nodes in members.values() if len(nodes) == 1]
    assert not [(i, j) for i in alone for j in alone if i != j and (i, j) in pairs]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 40), st.integers(1, 4), st.integers(1, 3), st.integers(0, 10**6))
def test_points_share_a_number_if_they_share_a_voxel(points: int, dims: int, graphs: int, seed: int) -> None:
    torch.manual_seed(seed)
    pos, size = torch.randn(points, dims, dtype=torch.double), torch.rand(dims, dtype=torch.double) + 0.2
    batch = torch.randint(graphs, (points,))
    number = voxel_grid(pos, batch, size)
    if points:
        voxel = torch.cat([batch[:, None], ((pos - pos.min(0).values) / size).long()], 1)
        same = (voxel[:, None] == voxel).all(-1)
        assert torch.equal(number[:, None] == number, same)
        assert number.min() >= 0


@settings(max_examples=60, deadline=None)
@given(_edges(), st.sampled_from(["sum", "mean", "max", "min", "mul"]), st.booleans())
def test_coalesce_reduces_the_values_of_equal_edges(
    graph: tuple[Tensor, int], reduce: str, by_row: bool
) -> None:
    edge_index, num_nodes = graph
    value = torch.randn(edge_index.size(1), 2, dtype=torch.double)
    edges, values = coalesce(edge_index, value, num_nodes, reduce, sort_by_row=by_row)
    theirs = pyg.coalesce(edge_index, value, num_nodes, reduce, sort_by_row=by_row)
    assert torch.equal(edges, theirs[0])
    torch.testing.assert_close(values, theirs[1])
    if reduce == "sum":
        torch.testing.assert_close(values.sum(0), value.sum(0))


def test_coalesce_of_integers_is_exact_and_of_nothing_is_nothing() -> None:
    edge_index = torch.tensor([[1, 0, 1], [0, 2, 0]])
    edges, values = coalesce(edge_index, torch.tensor([2**60, 5, 1]))
    assert edges.tolist() == [[0, 1], [2, 0]]
    assert values is not None
    assert values.tolist() == [5, 2**60 + 1]
    edges, values = coalesce(torch.zeros(2, 0, dtype=torch.long))
    assert edges.shape == (2, 0)
    assert values is None


def test_gradients_of_coalesced_values() -> None:
    edge_index = torch.tensor([[1, 0, 1, 1], [0, 2, 0, 1]])
    value = torch.randn(4, 3, dtype=torch.double, requires_grad=True)
    for reduce in ("sum", "mean", "max"):
        assert torch.autograd.gradcheck(lambda v, r=reduce: coalesce(edge_index, v, 3, r)[1], value)


def test_large_edge_lists_and_numbers_are_those_of_torch_on_any_number_of_threads() -> None:
    edge_index = torch.randint(0, 30_000, (2, 600_000))
    ids = torch.randint(-(2**40), 2**40, (5000,))[torch.randint(5000, (200_000,))]
    theirs, unique = pyg.coalesce(edge_index), torch.unique(ids, return_inverse=True)
    before = torch.get_num_threads()
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            assert torch.equal(coalesce(edge_index, num_nodes=30_000)[0], theirs)
            assert all(map(torch.equal, consecutive(ids)[1::-1], unique))
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    "span", [1, 64, 4096, 64 * 516 - 1, 64 * 516, 64 * 516 + 1, 2**30, 2**55 - 1, 2**55 + 1]
)
@pytest.mark.parametrize("least", [-(2**63), -40, 0, 2**61])
def test_consecutive_numbers_of_values_near_and_far_apart(span: int, least: int) -> None:
    """A bit each (64 to a word, a word for each element and 16 more), sorted in a word, sorted in two."""
    ids = least + torch.randint(0, span, (500,), generator=torch.Generator().manual_seed(span))
    ids[100], ids[200] = least, least + span - 1
    inverse, unique, first = consecutive(ids)
    assert all(map(torch.equal, (unique, inverse), torch.unique(ids, return_inverse=True)))
    assert first.tolist() == [ids.tolist().index(value) for value in unique.tolist()]


def test_consecutive_numbers_are_those_of_pyg() -> None:
    ids = torch.tensor([8, 2, 10, 15, 100, 1, 100])
    inverse, unique, first = consecutive(ids)
    theirs, last = consecutive_cluster(ids)
    assert torch.equal(inverse, theirs)
    assert torch.equal(unique, ids[last])
    assert first.tolist() == [5, 1, 0, 2, 3, 4]


def test_graclus_visits_in_the_order_given() -> None:
    edge_index = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
    assert graclus(edge_index).tolist() == [0, 0, 2]
    assert graclus(edge_index, order=torch.tensor([2, 1, 0])).tolist() == [0, 1, 1]
    assert graclus(edge_index, torch.tensor([1.0, 1.0, 5.0, 5.0]), order=torch.tensor([1])).tolist() == [
        0,
        1,
        1,
    ]
    assert graclus(torch.zeros(2, 0, dtype=torch.long)).numel() == 0
    with pytest.raises(ValueError, match="'edge_index' must have shape"):
        graclus(torch.zeros(3, dtype=torch.long))


def test_voxel_grid_takes_numbers_lists_and_tensors() -> None:
    pos = torch.tensor([[0.0, 0.0], [11.0, 9.0], [2.0, 8.0], [2.0, 2.0], [8.0, 3.0]])
    batch = torch.zeros(5, dtype=torch.long)
    for size in (5, 5.0, [5.0, 5.0], torch.tensor([5.0, 5.0]), torch.tensor(5.0), torch.tensor(5)):
        assert voxel_grid(pos, batch, size).tolist() == [0, 5, 3, 0, 1]
    assert voxel_grid(pos, None, 5.0, end=19.0).tolist() == [0, 6, 4, 0, 1]
    assert voxel_grid(pos[:, 0], None, 5.0, 0.0).tolist() == [0, 2, 0, 0, 1]
    assert torch.equal(grid_cluster(pos, torch.full((2,), 5.0)), voxel_grid(pos, None, 5.0))


def test_size_and_batch_in_each_others_place_are_named() -> None:
    pos, batch = torch.randn(5, 3), torch.zeros(5, dtype=torch.long)
    for wrong in (
        (0.5, batch),
        (torch.full((3,), 0.5), batch),
        ([0.5] * 3, batch),
        (0.5, None),
        (None, batch),
    ):
        with pytest.raises(ValueError, match=r"the arguments are \(pos, batch, size\)"):
            voxel_grid(pos, *wrong)  # type: ignore[arg-type]


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # a target here on purpose
def test_the_functions_script() -> None:
    def cluster(pos: Tensor, batch: Tensor, edge_index: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        number = consecutive(voxel_grid(pos, batch, 0.5))[0]
        edges, values = coalesce(number[edge_index], torch.ones(edge_index.size(1)))
        return graclus(edges, values), edges, values

    inputs = torch.randn(9, 2), torch.zeros(9, dtype=torch.long), torch.randint(9, (2, 20))
    for got, want in zip(torch.jit.script(cluster)(*inputs), cluster(*inputs), strict=True):
        assert torch.equal(got, want)


@pytest.mark.parametrize("count", [0, 1, 3, 7])
def test_values_that_are_not_one_for_each_edge_are_refused(count: int) -> None:
    edge_index = torch.tensor([[0, 1], [1, 0]])
    with pytest.raises(ValueError, match=r"graclus: 'weight' must have shape \[2\] \(one per edge\)"):
        graclus(edge_index, torch.rand(count))
    for values in (torch.rand(count), torch.arange(count)):
        with pytest.raises(ValueError, match=r"coalesce: 'edge_attr' must have shape \[2, ...\]"):
            coalesce(edge_index, values)


def test_a_negative_node_is_named_where_the_number_of_nodes_is_not_given() -> None:
    edge_index = torch.tensor([[-5, -7], [-6, -5]])
    with pytest.raises(IndexError, match="is -5, it must not be negative"):
        coalesce(edge_index)
    with pytest.raises(IndexError, match="is -5, it must not be negative"):
        graclus(edge_index)


@pytest.mark.parametrize("call", [graclus, coalesce], ids=lambda call: call.__name__)
@pytest.mark.parametrize("scripted", [False, True])
def test_a_negative_number_of_nodes_is_refused(call: Callable[..., object], scripted: bool) -> None:
    called = torch.jit.script(call) if scripted else call
    with pytest.raises(
        (ValueError, torch.jit.Error), match=f"{call.__name__}: 'num_nodes' must not be negative, got -1"
    ):
        called(torch.zeros(2, 3, dtype=torch.long), None, -1)


@pytest.mark.parametrize("edge_attr", [None, torch.ones(3)], ids=["without", "with"])
def test_an_unknown_reduction_is_refused_with_and_without_values(edge_attr: Tensor | None) -> None:
    with pytest.raises(
        ValueError, match="coalesce: 'reduce' must be sum, mean, max, min or mul, got 'median'"
    ):
        coalesce(torch.zeros(2, 3, dtype=torch.long), edge_attr, 3, "median")
