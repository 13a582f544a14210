"""Segment softmax and GAT's attention beyond the case table: PyG, properties, gradients, refused calls."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_geometric.nn import GATConv
from torch_geometric.utils import softmax

from geocompile.custom_ops import csr_from_coo, gat_aggregate, gat_coefficients, segment_softmax
from tests.operators.cases import heavy_graph


def random_graph(num_nodes: int, num_edges: int) -> tuple[torch.Tensor, ...]:
    edge_index = torch.randint(0, num_nodes, (2, num_edges))
    return (edge_index, *csr_from_coo(edge_index[1], torch.empty(num_nodes), edge_index[0]))


@pytest.mark.parametrize("shape", [(), (1,), (8,), (3, 5)])
def test_softmax_equals_that_of_pyg(shape: tuple[int, ...]) -> None:
    edge_index, rowptr, perm, _ = random_graph(50, 600)
    src = torch.randn(600, *shape, dtype=torch.double)
    # PyG adds 1e-16 to the sum, which is at least 1: no bit of a double.
    torch.testing.assert_close(segment_softmax(src, rowptr, perm), softmax(src, edge_index[1], num_nodes=50))


@pytest.mark.parametrize("self_loops", [False, True])
def test_aggregation_equals_gatconv(self_loops: bool) -> None:
    edge_index, rowptr, _, col = random_graph(50, 600)
    conv = GATConv(7, 5, heads=3, add_self_loops=self_loops, bias=False).double()
    features = torch.randn(50, 7, dtype=torch.double)
    x = conv.lin(features).view(50, 3, 5)
    source, target = (x * conv.att_src).sum(-1), (x * conv.att_dst).sum(-1)
    out = gat_aggregate(x, rowptr, col, source, target, negative_slope=0.2, self_loops=self_loops)
    torch.testing.assert_close(out.flatten(1), conv(features, edge_index))


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 12), st.integers(0, 300), st.integers(1, 20), st.integers(0, 2**31))
def test_weights_of_a_row_sum_to_one_and_do_not_feel_a_shift(
    rows: int, edges: int, channels: int, seed: int
) -> None:
    torch.manual_seed(seed)
    index = torch.randint(0, rows, (edges,))
    rowptr, perm, _ = csr_from_coo(index, torch.empty(rows))
    src = torch.randn(edges, channels, dtype=torch.double) * 5
    weights = segment_softmax(src, rowptr, perm)
    present = (rowptr.diff() > 0).double().unsqueeze(1).expand(rows, channels)
    sums = torch.zeros(rows, channels, dtype=torch.double).index_add(0, index, weights)
    torch.testing.assert_close(sums, present)
    shift = torch.randn(rows, channels, dtype=torch.double)[index]
    torch.testing.assert_close(segment_softmax(src + shift, rowptr, perm), weights)


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 12), st.integers(0, 300), st.integers(1, 20), st.booleans(), st.integers(0, 2**31))
def test_aggregation_is_a_weighted_sum_with_the_coefficients(
    rows: int, edges: int, heads: int, self_loops: bool, seed: int
) -> None:
    torch.manual_seed(seed)
    edge_index, rowptr, perm, col = random_graph(rows, edges)
    x = torch.randn(rows, heads, 4, dtype=torch.double)
    source, target = (torch.randn(rows, heads, dtype=torch.double) * 5 for _ in range(2))
    scores = (rowptr, col, source, target, None, None, 0.2, self_loops)
    alpha, self_alpha = gat_coefficients(*scores)
    weighted = alpha.unsqueeze(2) * x[col]
    wanted = torch.zeros_like(x).index_add(0, edge_index[1][perm], weighted) + self_alpha.unsqueeze(2) * x
    torch.testing.assert_close(gat_aggregate(x, *scores), wanted)


def leaves(*shapes: tuple[int, ...]) -> list[torch.Tensor]:
    return [torch.randn(shape, dtype=torch.double, requires_grad=True) for shape in shapes]


@pytest.mark.parametrize("self_loops", [False, True])
def test_second_derivatives_of_attention(self_loops: bool) -> None:
    rowptr, col = torch.tensor([0, 3, 4, 4]), torch.tensor([1, 0, 2, 1])
    x, *scores = leaves((3, 2, 2), (3, 2), (3, 2), (4, 2), (3, 2))
    scores = scores if self_loops else scores[:3]

    def arguments(scores: tuple[torch.Tensor, ...]) -> tuple[Any, ...]:
        return (rowptr, col, *scores, *([] if self_loops else [None]), 0.2, self_loops)

    assert torch.autograd.gradgradcheck(lambda *s: gat_coefficients(*arguments(s)), scores)
    assert torch.autograd.gradgradcheck(lambda x, *s: gat_aggregate(x, *arguments(s)), (x, *scores))


@pytest.mark.parametrize("perm", [None, torch.tensor([2, 0, 3, 1])])
def test_second_derivatives_of_softmax(perm: torch.Tensor | None) -> None:
    (src,) = leaves((4, 2))
    assert torch.autograd.gradgradcheck(lambda s: segment_softmax(s, torch.tensor([0, 3, 4]), perm), (src,))


def test_gradients_of_attention_do_not_depend_on_threads() -> None:
    g = heavy_graph()
    rowptr, col = torch.from_numpy(g.rowptr), torch.from_numpy(g.col)
    x, source, target = torch.randn(50, 4, 8), torch.randn(50, 4), torch.randn(50, 4)
    edge = torch.randn(col.numel(), 4)
    before, grads = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            inputs = [t.clone().requires_grad_() for t in (x, source, target, edge)]
            out = gat_aggregate(inputs[0], rowptr, col, *inputs[1:])
            grads.append(torch.autograd.grad(out.square().sum(), inputs))
    finally:
        torch.set_num_threads(before)
    for other in grads[1:]:
        assert all(torch.equal(a, b) for a, b in zip(grads[0], other, strict=True))


def test_a_row_of_attention_has_the_same_bits_alone_and_in_a_batch() -> None:
    g = heavy_graph()
    rowptr, col = torch.from_numpy(g.rowptr), torch.from_numpy(g.col)
    x, source, target = torch.randn(50, 3, 5), torch.randn(50, 3), torch.randn(50, 3)
    alone = gat_aggregate(x, rowptr, col, source, target)
    twice = gat_aggregate(
        torch.cat([x, x]),
        torch.cat([rowptr, rowptr[1:] + rowptr[-1]]),
        torch.cat([col, col + 50]),
        torch.cat([source, source]),
        torch.cat([target, target]),
    )
    assert torch.equal(twice, torch.cat([alone, alone]))


def test_loops_need_a_square_graph_and_shares_of_loops_need_loops() -> None:
    rowptr, col, source, target = (
        torch.tensor([0, 1]),
        torch.tensor([0]),
        torch.randn(2, 3),
        torch.randn(1, 3),
    )
    with pytest.raises(ValueError, match=r"gat_coefficients: self_loops needs a square graph, got 2 rows"):
        gat_coefficients(rowptr, col, source, target, self_loops=True)
    with pytest.raises(
        ValueError, match=r"gat_aggregate: 'self_edge' belongs to self-loops; pass self_loops=True"
    ):
        gat_aggregate(torch.randn(2, 3, 1), rowptr, col, source, target, self_edge=target)


def test_attention_on_two_devices_is_refused() -> None:
    rowptr, col, source = torch.tensor([0, 1]), torch.tensor([0]), torch.randn(1, 3)
    with pytest.raises(ValueError, match=r"gat_coefficients: .*'target' on meta"):
        gat_coefficients(rowptr, col, source, source.to("meta"))
    with pytest.raises(ValueError, match=r"gat_aggregate: .*'source' on meta"):
        gat_aggregate(torch.randn(1, 3, 2), rowptr, col, source.to("meta"), source)
    with pytest.raises(ValueError, match=r"segment_softmax: .*'rowptr' on meta"):
        segment_softmax(source, rowptr.to("meta"))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_attention_works_in_float32_under_autocast(dtype: torch.dtype) -> None:
    rowptr, col, source = torch.tensor([0, 1]), torch.tensor([0]), torch.randn(1, 3, dtype=dtype)
    x = torch.randn(1, 3, 2, dtype=dtype)
    with torch.autocast("cpu", dtype=dtype):
        assert segment_softmax(source, rowptr).dtype == torch.float32
        assert all(a.dtype == torch.float32 for a in gat_coefficients(rowptr, col, source, source.float()))
        assert torch.equal(gat_aggregate(x, rowptr, col, source.float(), source), x.float())


def test_huge_scores_do_not_overflow() -> None:
    src = torch.tensor([3e38, 3e38, -3e38])
    got = segment_softmax(src, torch.tensor([0, 3]))
    np.testing.assert_array_equal(got.numpy(), [0.5, 0.5, 0.0])
