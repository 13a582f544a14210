"""Dot-product, additive and cosine attention beyond the case table: PyG's layers, properties, gradients, exports."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch_geometric.nn import AGNNConv, GATv2Conv, TransformerConv

from geocompile.custom_ops import (
    additive_attention,
    additive_coefficients,
    cosine_attention,
    csr_from_coo,
    dot_attention,
    dot_coefficients,
    gather_segment_reduce,
)
from tests.exporters.test_engines_equal_eager import check_model
from tests.operators.cases import graphs, heavy_graph
from tests.operators.cases.edge_attention import additive_arguments
from tests.operators.oracles import expected

OPS = torch.ops.geocompile


def random_graph(num_nodes: int, num_edges: int) -> tuple[Tensor, ...]:
    edge_index = torch.randint(0, num_nodes, (2, num_edges))
    return (edge_index, *csr_from_coo(edge_index[1], torch.empty(num_nodes), edge_index[0]))


def doubles(*shapes: tuple[int, ...]) -> list[Tensor]:
    return [torch.randn(shape, dtype=torch.double, requires_grad=True) for shape in shapes]


# --- PyG -------------------------------------------------------------------------------------------------------------


def test_dot_attention_equals_transformerconv_with_edge_features() -> None:
    edge_index, rowptr, perm, col = random_graph(30, 200)
    heads, channels = 3, 5
    conv = TransformerConv(7, channels, heads=heads, edge_dim=4, root_weight=False).double()
    x, edge_attr = torch.randn(30, 7, dtype=torch.double), torch.randn(200, 4, dtype=torch.double)
    query, key, value = (
        lin(x).view(30, heads, channels) for lin in (conv.lin_query, conv.lin_key, conv.lin_value)
    )
    weight = conv.lin_edge.weight.view(heads, channels, 4)
    edge_query = torch.einsum("nhc,hcp->nhp", query, weight)
    out, edge_out = dot_attention(query, key, value, rowptr, col, channels**-0.5, edge_query, edge_attr[perm])
    got = out + torch.einsum("nhp,hcp->nhc", edge_out, weight)
    torch.testing.assert_close(got.flatten(1), conv(x, edge_index, edge_attr))


@pytest.mark.parametrize("edge_channels", [None, 4])
def test_additive_attention_equals_gatv2conv(edge_channels: int | None) -> None:
    edge_index, rowptr, perm, col = random_graph(30, 200)
    conv = GATv2Conv(7, 5, heads=3, edge_dim=edge_channels, add_self_loops=False, bias=False).double()
    x = torch.randn(30, 7, dtype=torch.double)
    source, target = conv.lin_l(x).view(30, 3, 5), conv.lin_r(x).view(30, 3, 5)
    options: tuple[Tensor | None, ...] = (None, None)
    edge_attr = None
    if edge_channels is not None:
        edge_attr = torch.randn(200, edge_channels, dtype=torch.double)
        options = edge_attr[perm], conv.lin_edge.weight.view(3, 5, edge_channels)
    out = additive_attention(target, source, conv.att[0], rowptr, col, 0.2, *options)
    torch.testing.assert_close(out.flatten(1), conv(x, edge_index, edge_attr))


def test_rows_behind_the_nodes_attend_as_zero_vectors() -> None:
    x = torch.randn(3, 2)
    out = cosine_attention(x, torch.tensor([0, 1, 1, 2, 4]), torch.tensor([2, 1, 0, 2]))
    torch.testing.assert_close(out, torch.stack([x[2], torch.zeros(2), x[1], (x[0] + x[2]) / 2]))
    with pytest.raises(IndexError, match=r"'col'\[3\] is 3"):
        cosine_attention(x, torch.tensor([0, 1, 1, 2, 4]), torch.tensor([2, 1, 0, 3]))


def test_cosine_attention_equals_agnnconv() -> None:
    edge_index, rowptr, _, col = random_graph(30, 200)
    conv = AGNNConv(add_self_loops=False).double()
    conv.beta.data.fill_(1.5)
    x = torch.randn(30, 7, dtype=torch.double)
    x[3] = 0
    torch.testing.assert_close(cosine_attention(x, rowptr, col, conv.beta), conv(x, edge_index))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_a_zero_vector_is_like_every_other(dtype: torch.dtype) -> None:
    x = torch.tensor([[0.0, 0.0], [3.0, 4.0], [-4.0, 3.0]], dtype=dtype)
    out = cosine_attention(x, torch.tensor([0, 2, 2, 2]), torch.tensor([1, 2]), 2.0)
    assert torch.equal(out, torch.tensor([[-0.5, 3.5], [0.0, 0.0], [0.0, 0.0]], dtype=dtype))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("size", [0.0, 2e-7, 1e-6, 1e-5, 1.0, 1e4])  # subnormal to overflowing norms
def test_cosines_of_halves_are_those_of_float64_rounded(dtype: torch.dtype, size: float) -> None:
    torch.manual_seed(0)
    rowptr, col = torch.tensor([0, 3, 5, 6, 6]), torch.tensor([0, 1, 3, 2, 0, 1])
    signs = torch.randn(4, 64).sign()
    signs[2] = 0  # a source of others, of itself, and a row with edges
    grad = torch.linspace(-1, 1, 256).view(4, 64).to(dtype)
    results = []
    for wide in (dtype, torch.float64):
        x = (signs * size).to(dtype).to(wide).requires_grad_()
        beta = torch.tensor(2.0, dtype=wide, requires_grad=True)
        out = cosine_attention(x, rowptr, col, beta)
        results.append((out, *torch.autograd.grad(out, (x, beta), grad.to(wide))))
    for half, double in zip(*results, strict=True):
        least = torch.finfo(dtype).smallest_normal * torch.finfo(dtype).eps
        bound = torch.finfo(dtype).eps * float(double.detach().abs().max()) + least / 2
        torch.testing.assert_close(half.double(), double, rtol=0, atol=bound)


def test_the_derivative_by_a_zero_vector_is_that_of_what_it_carries() -> None:
    """Of the cosine it is 0: what is left is the gradient of the weighted sum, with equal weights."""
    x = torch.tensor([[0.0, 0.0], [3.0, 4.0]], requires_grad=True)
    out = cosine_attention(x, torch.tensor([0, 2, 2]), torch.tensor([0, 1]))
    (grad,) = torch.autograd.grad(out[0].sum(), x)
    torch.testing.assert_close(grad[0], torch.tensor([0.5, 0.5]))


# --- properties ------------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 12), st.integers(0, 300), st.integers(1, 18), st.integers(0, 20), st.integers(0, 2**31))
def test_sums_are_weighted_by_coefficients_that_add_to_one(
    rows: int, edges: int, heads: int, channels: int, seed: int
) -> None:
    torch.manual_seed(seed)
    _, rowptr, _, col = random_graph(rows, edges)
    query, key, value, att = (t.detach() for t in doubles(*[(rows, heads, channels)] * 3, (heads, channels)))
    for alpha, out in (
        (dot_coefficients(query, key, rowptr, col), dot_attention(query, key, value, rowptr, col)[0]),
        (
            additive_coefficients(query, value, att, rowptr, col),
            additive_attention(query, value, att, rowptr, col),
        ),
    ):
        sums = OPS.segment_reduce(alpha, rowptr, None, "sum")
        torch.testing.assert_close(sums, (rowptr.diff() > 0).double().unsqueeze(1).expand(rows, heads))
        torch.testing.assert_close(out, gather_segment_reduce(value, rowptr, col, alpha))


def test_a_row_has_the_same_bits_alone_and_in_a_batch() -> None:
    g = heavy_graph()
    rowptr, col = torch.from_numpy(g.rowptr), torch.from_numpy(g.col)
    query, key, value, att = (
        torch.randn(50, 3, 5),
        torch.randn(50, 3, 5),
        torch.randn(50, 3, 5),
        torch.randn(3, 5),
    )
    twice = torch.cat([rowptr, rowptr[1:] + rowptr[-1]]), torch.cat([col, col + 50])

    def doubled(*tensors: Tensor) -> list[Tensor]:
        return [torch.cat([t, t]) for t in tensors]

    alone, _ = dot_attention(query, key, value, rowptr, col)
    assert torch.equal(dot_attention(*doubled(query, key, value), *twice)[0], torch.cat([alone, alone]))
    alone = additive_attention(query, key, att, rowptr, col)
    assert torch.equal(additive_attention(*doubled(query, key), att, *twice), torch.cat([alone, alone]))


# --- gradients -------------------------------------------------------------------------------------------------------


def test_gradients_do_not_depend_on_threads() -> None:
    g = heavy_graph()
    rowptr, col = torch.from_numpy(g.rowptr), torch.from_numpy(g.col)
    nodes = [torch.randn(50, 4, 8) for _ in range(3)]
    edges = [torch.randn(50, 4, 3), torch.randn(col.numel(), 3), torch.randn(4, 8, 3), torch.randn(4, 8)]
    before, grads = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            query, key, value, edge_query, edge, weight, att = leaves = [
                t.clone().requires_grad_() for t in (*nodes, *edges)
            ]
            outs = dot_attention(query, key, value, rowptr, col, 0.5, edge_query, edge)
            loss = sum(out.square().sum() for out in outs)
            loss = loss + additive_attention(query, key, att, rowptr, col, 0.2, edge, weight).square().sum()
            grads.append(torch.autograd.grad(loss, leaves))
    finally:
        torch.set_num_threads(before)
    for other in grads[1:]:
        assert all(torch.equal(a, b) for a, b in zip(grads[0], other, strict=True))


@pytest.mark.parametrize("name", ["random", "isolated", "no-edges", "nothing", "heavy-row"])
@pytest.mark.parametrize("index", [np.int64, np.int32])
@pytest.mark.parametrize("edge_channels", [None, 0, 3])
def test_the_sums_that_gradients_need(name: str, index: type, edge_channels: int | None) -> None:
    g = next(g for g in [*graphs(index), heavy_graph()] if g.name == name)
    given_arguments = additive_arguments(g, np.float64, 3, 7, edge_channels)
    weight = np.random.default_rng(8).normal(size=(g.num_edges, 3))
    att, rowptr = given_arguments.pop("att"), given_arguments.pop("rowptr")
    target, source, col, slope, edge, edge_weight = given_arguments.values()
    ends = {"weight": weight, "target": target, "source": source}
    options = {"col": col, "negative_slope": slope, "edge": edge, "edge_weight": edge_weight}
    equals_oracle("additive_sums", {**ends, "rowptr": rowptr, **options})
    if edge is not None:
        row = np.repeat(np.arange(g.num_nodes), np.diff(rowptr)).astype(col.dtype)
        equals_oracle("additive_edge_gradients", {**ends, "att": att, "row": row, **options})


def equals_oracle(operator: str, arguments: dict[str, Any]) -> None:
    tensors = [torch.from_numpy(a) if isinstance(a, np.ndarray) else a for a in arguments.values()]
    for got, want in zip(getattr(OPS, operator)(*tensors), expected(operator, arguments), strict=True):
        np.testing.assert_allclose(got.numpy(), want, rtol=1e-11, atol=1e-10)


def test_cosine_attention_has_a_gradient() -> None:
    rowptr, col = torch.tensor([0, 3, 4, 4]), torch.tensor([1, 0, 2, 1])
    x, beta = doubles((3, 2, 3), (2,))
    assert torch.autograd.gradcheck(lambda x, beta: cosine_attention(x, rowptr, col, beta), (x, beta))


def test_only_what_needs_a_gradient_gets_one() -> None:
    rowptr, col = torch.tensor([0, 2, 3]), torch.tensor([1, 0, 1])
    value, query = doubles((2, 1, 3), (2, 1, 3))
    constant = torch.randn(2, 1, 3, dtype=torch.double)
    call = lambda v: dot_attention(constant, constant, v, rowptr, col)[0]  # noqa: E731
    assert torch.autograd.gradcheck(call, (value,))
    assert torch.autograd.gradcheck(lambda q: dot_coefficients(q, constant, rowptr, col), (query,))


# --- refused calls ---------------------------------------------------------------------------------------------------


def test_edge_features_come_with_what_they_are_compared_to() -> None:
    rowptr, col, x = torch.tensor([0, 1]), torch.tensor([0]), torch.randn(1, 2, 3)
    with pytest.raises(ValueError, match=r"dot_attention: 'edge' and 'edge_query' go together"):
        dot_attention(x, x, x, rowptr, col, edge=torch.randn(1, 4))
    with pytest.raises(ValueError, match=r"additive_attention: 'edge' and 'edge_weight' go together"):
        additive_attention(x, x, x[0], rowptr, col, edge=torch.randn(1, 4))


def test_hostile_arguments_of_gradients_are_refused() -> None:
    row, col, x, weight = torch.tensor([0]), torch.tensor([0]), torch.randn(1, 2, 3), torch.randn(1, 2)
    edge, edge_weight = torch.randn(1, 4), torch.randn(2, 3, 4)
    with pytest.raises(
        IndexError, match=r"additive_edge_gradients: 'row'\[0\] is 1, the valid range is 0 to 0"
    ):
        OPS.additive_edge_gradients(weight, x, x, x[0], row + 1, col, 0.2, edge, edge_weight)
    with pytest.raises(IndexError, match=r"additive_edge_gradients: 'col'\[0\] is -1"):
        OPS.additive_edge_gradients(weight, x, x, x[0], row, col - 1, 0.2, edge, edge_weight)
    with pytest.raises(
        ValueError, match=r"additive_sums: 'weight' must have shape \[1, 2\] \(edges, heads\)"
    ):
        OPS.additive_sums(weight[:, :1], x, x, torch.tensor([0, 1]), col, 0.2, None, None)
    with pytest.raises(ValueError, match=r"additive_sums: 'target' must be float32 or float64"):
        OPS.additive_sums(weight, x.half(), x.half(), torch.tensor([0, 1]), col, 0.2, None, None)


def test_attention_on_two_devices_is_refused() -> None:
    rowptr, col, x = torch.tensor([0, 1]), torch.tensor([0]), torch.randn(1, 2, 3)
    with pytest.raises(ValueError, match=r"dot_attention: .*'key' on meta"):
        dot_attention(x, x.to("meta"), x, rowptr, col)
    with pytest.raises(ValueError, match=r"additive_attention: .*'att' on meta"):
        additive_attention(x, x, x[0].to("meta"), rowptr, col)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_attention_works_in_float32_under_autocast(dtype: torch.dtype) -> None:
    rowptr, col, x = torch.tensor([0, 1]), torch.tensor([0]), torch.randn(1, 3, 2, dtype=dtype)
    with torch.autocast("cpu", dtype=dtype):
        assert torch.equal(dot_attention(x, x.float(), x, rowptr, col)[0], x.float())
        assert torch.equal(additive_attention(x, x.float(), x[0], rowptr, col), x.float())


# --- exports ---------------------------------------------------------------------------------------------------------


class TransformerLayer(nn.Module):
    """Dot-product attention with a linear share of edge features in keys and values."""

    def __init__(self, in_channels: int, channels: int, heads: int, edge_channels: int) -> None:
        super().__init__()
        self.heads, self.channels = heads, channels
        self.lin = nn.Linear(in_channels, 3 * heads * channels)
        self.skip = nn.Linear(in_channels, heads * channels)
        self.edge_weight = nn.Parameter(torch.randn(heads, channels, edge_channels))

    def forward(self, x: Tensor, rowptr: Tensor, col: Tensor, edge: Tensor) -> Tensor:
        query, key, value = self.lin(x).view(-1, 3, self.heads, self.channels).unbind(1)
        edge_query = (query.unsqueeze(3) * self.edge_weight).sum(2)
        out, edge_out = dot_attention(query, key, value, rowptr, col, self.channels**-0.5, edge_query, edge)
        out = out + (edge_out.unsqueeze(2) * self.edge_weight).sum(3)
        return out.flatten(1) + self.skip(x)


class Transformer(nn.Module):
    """Two layers with features of edges."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = TransformerLayer(8, 4, 2, 1), TransformerLayer(8, 3, 1, 1)

    def forward(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor) -> Tensor:
        rowptr, perm, col = csr_from_coo(edge_index[1], x, edge_index[0])
        edge = edge_weight[perm].unsqueeze(1)
        return self.second(self.first(x, rowptr, col, edge).relu(), rowptr, col, edge)


class Additive(nn.Module):
    """GATv2, once with features of edges and once without, and AGNN's propagation."""

    def __init__(self) -> None:
        super().__init__()
        self.lin = nn.Linear(8, 2 * 2 * 4)
        self.att = nn.Parameter(torch.randn(2, 4))
        self.edge_weight = nn.Parameter(torch.randn(2, 4, 1))
        self.beta = nn.Parameter(torch.tensor([1.5]))

    def forward(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor) -> Tensor:
        rowptr, perm, col = csr_from_coo(edge_index[1], x, edge_index[0])
        edge = edge_weight[perm].unsqueeze(1)
        source, target = self.lin(x).view(-1, 2, 2, 4).unbind(1)
        x = additive_attention(target, source, self.att, rowptr, col, 0.2, edge, self.edge_weight)
        x = additive_attention(x, source, self.att, rowptr, col, 0.2)
        return cosine_attention(x.flatten(1), rowptr, col, self.beta)


@pytest.mark.parametrize("model", [Transformer, Additive])
@pytest.mark.parametrize(
    "target", ["torchscript", "onnx", pytest.param("aotinductor", marks=pytest.mark.slow)]
)
def test_a_model_of_it_runs_in_every_engine_on_every_size(
    target: str, model: type[nn.Module], tmp_path: Path
) -> None:
    check_model(target, model, ["x", "edge_index", "edge_weight"], True, tmp_path)


def test_wrong_arguments_of_cosine_attention_are_named() -> None:
    x, rowptr, col = torch.rand(2, 3, 4), torch.tensor([0, 1, 2]), torch.tensor([1, 0])
    for wrong in (x[0, 0], x[None], x.long()):
        with pytest.raises(ValueError, match="cosine_attention: 'x' must be floats of shape"):
            cosine_attention(wrong, rowptr, col)
    for beta in (torch.rand(2), torch.rand(3, 3), x.new_empty(0)):
        with pytest.raises(ValueError, match="cosine_attention: 'beta' must be a number, or a tensor of"):
            cosine_attention(x, rowptr, col, beta)
    assert cosine_attention(x, rowptr, col, torch.rand(3)).shape == x.shape
    assert cosine_attention(x[:, 0], rowptr, col, torch.rand(1)).shape == (2, 4)
