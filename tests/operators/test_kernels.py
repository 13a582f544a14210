"""Kernel-weighted aggregation as four convolutions use it, its properties, and models of it in every engine."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from geocompile.capture import capture
from geocompile.custom_ops import csr_from_coo, gather_kernel_reduce, gather_sparse_kernel_reduce
from geocompile.examples import normalize_examples
from geocompile.exporters import get_exporter
from geocompile.passes import run_passes
from tests.exporters.test_engines_equal_eager import OPEN
from tests.operators.cases import heavy_graph

NODES, EDGES, IN, OUT = 12, 50, 5, 4


class Graph:
    """A random graph in float64, with the rows of its edges by target."""

    def __init__(self, seed: int = 0) -> None:
        self.random = torch.Generator().manual_seed(seed)
        self.source, self.target = torch.randint(0, NODES, (2, EDGES), generator=self.random)
        self.x = self.normal(NODES, IN)
        self.rowptr, self.perm, self.col = csr_from_coo(self.target, self.x, self.source)

    def normal(self, *shape: int) -> Tensor:
        return torch.randn(shape, generator=self.random, dtype=torch.float64)

    def kernels(self, num_kernels: int, *shape: int) -> Tensor:
        return torch.randint(0, num_kernels, shape, generator=self.random)

    def by_edge(self, messages: Tensor) -> Tensor:
        """The sum of ``[edges, out]`` messages at their targets: what the fused operators never make."""
        return torch.zeros(NODES, OUT, dtype=torch.float64).index_add(0, self.target, messages)

    def degree(self) -> Tensor:
        return torch.bincount(self.target, minlength=NODES).clamp(min=1).unsqueeze(1)


def test_gmm_conv_is_one_aggregation_and_one_product() -> None:
    g, num_kernels = Graph(), 3
    pseudo, mu, sigma = g.normal(EDGES, 2), g.normal(num_kernels, 2), g.normal(num_kernels, 2)
    weight = g.normal(num_kernels, IN, OUT)
    gauss = torch.exp(-0.5 * ((pseudo.unsqueeze(1) - mu) ** 2 / (1e-15 + sigma**2)).sum(2))
    out = gather_kernel_reduce(g.x, g.rowptr, g.col, gauss[g.perm], "mean").flatten(1) @ weight.flatten(0, 1)
    messages = torch.einsum("ek,ei,kio->eo", gauss, g.x[g.source], weight)
    torch.testing.assert_close(out, g.by_edge(messages) / g.degree())


def test_nn_conv_is_one_aggregation_and_one_product() -> None:
    """The last linear layer of the edge network, weight and bias, stands behind the aggregation."""
    g, hidden = Graph(1), 6
    h, last, bias = g.normal(EDGES, hidden).relu(), g.normal(hidden, IN, OUT), g.normal(IN, OUT)
    weights = torch.cat([h, torch.ones(EDGES, 1, dtype=h.dtype)], dim=1)
    sums = gather_kernel_reduce(g.x, g.rowptr, g.col, weights[g.perm])
    out = sums.flatten(1) @ torch.cat([last, bias.unsqueeze(0)]).flatten(0, 1)
    per_edge = torch.einsum("eh,hio->eio", h, last) + bias
    torch.testing.assert_close(out, g.by_edge(torch.einsum("ei,eio->eo", g.x[g.source], per_edge)))


def test_spline_conv_is_one_aggregation_and_one_product() -> None:
    g, num_kernels, active = Graph(2), 25, 4
    basis, index, weight = (
        g.normal(EDGES, active),
        g.kernels(num_kernels, EDGES, active),
        g.normal(25, IN, OUT),
    )
    sums = gather_sparse_kernel_reduce(
        g.x, g.rowptr, g.col, basis[g.perm], index[g.perm], weight, reduce="mean"
    )
    messages = torch.einsum("es,ei,esio->eo", basis, g.x[g.source], weight[index])
    torch.testing.assert_close(sums.flatten(1) @ weight.flatten(0, 1), g.by_edge(messages) / g.degree())


def test_rgcn_conv_is_one_aggregation_and_one_product() -> None:
    """The mean over the edges of each relation; and with a given norm the weighted sum."""
    g, relations = Graph(3), 4
    edge_type, weight, norm = g.kernels(relations, EDGES), g.normal(relations, IN, OUT), g.normal(EDGES)
    edges = (g.x, g.rowptr, g.col)
    mean = gather_sparse_kernel_reduce(*edges, None, edge_type[g.perm], weight, "mean_per_kernel")
    expected = torch.zeros(NODES, OUT, dtype=torch.float64)
    for node in range(NODES):
        for relation in range(relations):
            neighbours = g.source[(g.target == node) & (edge_type == relation)]
            if len(neighbours):
                expected[node] += g.x[neighbours].mean(0) @ weight[relation]
    torch.testing.assert_close(mean.flatten(1) @ weight.flatten(0, 1), expected)
    summed = gather_sparse_kernel_reduce(*edges, norm[g.perm], edge_type[g.perm], weight)
    messages = torch.einsum("e,ei,eio->eo", norm, g.x[g.source], weight[edge_type])
    torch.testing.assert_close(summed.flatten(1) @ weight.flatten(0, 1), g.by_edge(messages))


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(["sum", "mean"]), st.integers(1, 80), st.integers(0, 3))
def test_sparse_weights_are_dense_ones_with_zeros(
    seed: int, reduce: str, num_kernels: int, active: int
) -> None:
    g = Graph(seed)
    weight, kernel = g.normal(EDGES, active), g.kernels(num_kernels, EDGES, active)
    dense = torch.zeros(EDGES, num_kernels, dtype=torch.float64).scatter_add(1, kernel, weight)
    like = torch.empty(num_kernels, 0)
    sparse = gather_sparse_kernel_reduce(g.x, g.rowptr, g.col, weight, kernel, like, reduce)
    torch.testing.assert_close(sparse, gather_kernel_reduce(g.x, g.rowptr, g.col, dense, reduce))


def test_second_derivatives() -> None:
    rowptr, col = torch.tensor([0, 3, 4, 4]), torch.tensor([1, 0, 2, 1])
    kernel, like = torch.tensor([[0, 1], [1, 1], [0, 0], [1, 0]]), torch.empty(2)
    x = torch.randn(3, 2, dtype=torch.double, requires_grad=True)
    weight = torch.randn(4, 2, dtype=torch.double, requires_grad=True)
    for reduce in ("sum", "mean"):
        assert torch.autograd.gradgradcheck(
            lambda x, w, reduce=reduce: gather_kernel_reduce(x, rowptr, col, w, reduce), (x, weight)
        )
    for reduce in ("sum", "mean", "mean_per_kernel"):
        assert torch.autograd.gradgradcheck(
            lambda x, w, reduce=reduce: gather_sparse_kernel_reduce(x, rowptr, col, w, kernel, like, reduce),
            (x, weight),
        )


def test_gradients_are_deterministic_and_do_not_depend_on_threads() -> None:
    g = heavy_graph()
    rowptr, col = torch.from_numpy(g.rowptr), torch.from_numpy(g.col)
    kernel = torch.randint(0, 7, (col.numel(), 2), generator=torch.Generator().manual_seed(0))
    x, weight = torch.randn(50, 8), torch.randn(col.numel(), 2)
    before = torch.get_num_threads()
    grads = []
    try:
        for threads in (1, 2, 2):
            torch.set_num_threads(threads)
            leaves = x.clone().requires_grad_(), weight.clone().requires_grad_()
            out = gather_sparse_kernel_reduce(leaves[0], rowptr, col, leaves[1], kernel, x[:7])
            grads.append(torch.autograd.grad(out.square().sum(), leaves))
    finally:
        torch.set_num_threads(before)
    for other in grads[1:]:
        assert all(torch.equal(a, b) for a, b in zip(grads[0], other, strict=True))


def test_a_kernel_where_there_are_none_is_refused() -> None:
    rowptr, one = torch.tensor([0, 1]), torch.zeros(1, dtype=torch.int64)
    with pytest.raises(IndexError, match=r"'kernel'\[0\] is 0, but there is nothing to refer to \(0 rows\)"):
        gather_sparse_kernel_reduce(torch.ones(1, 2), rowptr, one, None, one, torch.empty(0))


def test_wrong_arguments_of_the_gradient_operators_are_refused() -> None:
    ops, rowptr, col = torch.ops.geocompile, torch.tensor([0, 4]), torch.arange(4)
    with pytest.raises(ValueError, match=r"kernel_contract: 'x' must have shape \[sources, kernels, ...\]"):
        ops.kernel_contract(torch.ones(4), rowptr, col, None)
    with pytest.raises(ValueError, match=r"kernel_contract: 'weight' must have shape \[4, 2\]"):
        ops.kernel_contract(torch.ones(4, 2, 3), rowptr, col, torch.ones(4, 3))
    with pytest.raises(ValueError, match=r"kernel_dot: 'a' .* must have the same channels"):
        ops.kernel_dot(torch.ones(1, 2, 3), torch.ones(4, 2), rowptr, col)
    with pytest.raises(ValueError, match=r"kernel_dot: 'a' must have one row per row of 'rowptr' \(1\)"):
        ops.kernel_dot(torch.ones(4, 2, 3), torch.ones(4, 3), rowptr, col)
    kernel = torch.tensor([[0, 1], [1, 0], [1, 2], [0, 0]])
    with pytest.raises(IndexError, match=r"kernel_dot: 'kernel'\[2, 1\] is 2, the valid range is 0 to 1"):
        ops.kernel_dot(torch.ones(1, 2, 3), torch.ones(4, 3), rowptr, col, kernel)


# --- as models -------------------------------------------------------------------------------------------------------


class Relational(nn.Module):
    """Two relational layers, of 4 relations, with the mean over each relation's edges."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Parameter(torch.randn(4, 8, 6)), nn.Parameter(torch.randn(4, 6, 3))

    def forward(self, x: Tensor, edge_index: Tensor, edge_type: Tensor) -> Tensor:
        rowptr, perm, col = csr_from_coo(edge_index[1], x, edge_index[0])
        relation = edge_type.index_select(0, perm)
        for weight in (self.first, self.second):
            sums = gather_sparse_kernel_reduce(x, rowptr, col, None, relation, weight, "mean_per_kernel")
            x = torch.tanh(sums.flatten(1) @ weight.flatten(0, 1))
        return x


class Gaussian(nn.Module):
    """A Gaussian mixture layer of 3 kernels over two pseudo-coordinates."""

    def __init__(self) -> None:
        super().__init__()
        self.mu, self.sigma = nn.Parameter(torch.randn(3, 2)), nn.Parameter(torch.rand(3, 2) + 0.5)
        self.weight = nn.Parameter(torch.randn(3, 8, 4))

    def forward(self, x: Tensor, edge_index: Tensor, edge_attr: Tensor) -> Tensor:
        rowptr, perm, col = csr_from_coo(edge_index[1], x, edge_index[0])
        distance = (edge_attr.index_select(0, perm).unsqueeze(1) - self.mu) / self.sigma
        gauss = torch.exp(-0.5 * distance.square().sum(2))
        return gather_kernel_reduce(x, rowptr, col, gauss, "mean").flatten(1) @ self.weight.flatten(0, 1)


MODELS = {"relational": Relational, "gaussian": Gaussian}
SIZES = [(6, 9), (1, 0), (3, 0), (1, 4), (0, 0), (40, 150)]


def inputs(model: str, num_nodes: int, num_edges: int) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(0)
    edge_index = torch.randint(0, max(num_nodes, 1), (2, num_edges), generator=generator)
    edge_type = torch.randint(0, 4, (num_edges,), generator=generator)
    edge_attr = torch.randn(num_edges, 2, generator=generator)
    x = torch.randn(num_nodes, 8, generator=generator)
    return x, edge_index, edge_type if model == "relational" else edge_attr


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    "target", ["onnx", "torchscript", pytest.param("aotinductor", marks=pytest.mark.slow)]
)
def test_models_of_kernels_give_eagers_numbers_on_every_size(model: str, target: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = MODELS[model]().eval()
    program = capture(module, normalize_examples(module, inputs(model, 6, 9)))
    program, _ = run_passes(program)
    run = OPEN[target](tmp_path / get_exporter(target)(program, tmp_path).file)
    for size in SIZES:
        graph = inputs(model, *size)
        with torch.no_grad():
            torch.testing.assert_close(run(list(graph)), [module(*graph)])


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_models_of_kernels_compile_and_verify(model: str, tmp_path: Path) -> None:
    import geocompile

    torch.manual_seed(0)
    module = MODELS[model]().eval()
    bundle = geocompile.compile(module, inputs(model, 6, 9), output=tmp_path / "bundle")  # verifies
    x, edge_index, extra = (np.asarray(t) for t in inputs(model, 40, 150))
    for engine in ("onnx", "torchscript", "aotinductor"):
        assert bundle.session(engine)(x, edge_index, extra).shape[0] == 40


def test_a_kernel_of_an_input_is_bounded_by_the_number_of_kernels() -> None:
    module = Relational()
    program = capture(module, normalize_examples(module, inputs("relational", 6, 9)))
    assert [spec.index_of for spec in program.inputs] == [None, "num_nodes", "4"]
