"""topk, to_dense_batch and filter_edges as Python calls them: beside PyG's, in a model on every engine, scripted."""

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from geocompile.capture import capture
from geocompile.custom_ops import filter_edges, from_dense_batch, gather_segment_reduce, to_dense_batch, topk
from geocompile.custom_ops.operators.csr import csr_from_coo
from geocompile.errors import ExportError
from geocompile.examples import normalize_examples
from geocompile.exporters import get_exporter
from geocompile.layers import global_max_pool, global_sort_pool, softmax
from geocompile.passes import run_passes
from tests.exporters.test_engines_equal_eager import OPEN, eager


@st.composite
def batches(draw: st.DrawFn) -> Tensor:
    sizes = draw(st.lists(st.integers(0, 9), max_size=6))
    return torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes, dtype=torch.long))


def scores(count: int, seed: int) -> Tensor:
    """All different, so that PyG's order, which leaves ties open, is the only one."""
    return torch.randperm(count, generator=torch.Generator().manual_seed(seed)).float() / max(count, 1)


@settings(max_examples=100, deadline=None)
@given(
    batches(),
    st.sampled_from([0.1, 0.5, 0.8, 1, 3, 100]),
    st.sampled_from([None, 0.2, 0.7]),
    st.integers(0, 99),
)
def test_topk_equals_pyg(batch: Tensor, ratio: float, min_score: float | None, seed: int) -> None:
    pyg = pytest.importorskip("torch_geometric.nn.pool.select.topk").topk
    x = scores(batch.numel(), seed)
    want = pyg(x, ratio, batch, min_score)
    assert torch.equal(topk(x, ratio, batch, min_score), want)
    assert torch.equal(topk(x, ratio, batch.int(), min_score), want)


@settings(max_examples=100, deadline=None)
@given(batches(), st.sampled_from([None, 1, 4, 12]), st.sampled_from([None, 6]), st.booleans())
def test_to_dense_batch_equals_pyg_and_comes_back(
    batch: Tensor, max_num_nodes: int | None, batch_size: int | None, wide: bool
) -> None:
    utils = pytest.importorskip("torch_geometric.utils")
    x = torch.randn(batch.numel(), 3) if wide else torch.arange(batch.numel())
    dense, mask = to_dense_batch(x, batch, -1.0, max_num_nodes, batch_size)
    if batch.numel():
        want, want_mask = utils.to_dense_batch(x, batch, -1.0, max_num_nodes, batch_size)
        assert torch.equal(dense, want)
        assert torch.equal(mask, want_mask)
    if max_num_nodes is None:
        assert torch.equal(from_dense_batch(dense, batch), x)
        assert torch.equal(dense[mask], x)


@settings(max_examples=50, deadline=None)
@given(batches(), st.integers(1, 12), st.integers(0, 99))
def test_global_sort_pool_equals_pyg(batch: Tensor, k: int, seed: int) -> None:
    aggr = pytest.importorskip("torch_geometric.nn.aggr")
    x = torch.stack([scores(batch.numel(), seed + 1) + 2, scores(batch.numel(), seed) + 1], 1)
    ours = global_sort_pool(x, batch, k, sort_channels=False)
    if batch.numel():
        assert torch.equal(ours, aggr.SortAggregation(k)(x, batch))
        in_order = x.sort(dim=1).values
        assert torch.equal(global_sort_pool(x, batch, k), aggr.SortAggregation(k)(in_order, batch))
    assert torch.equal(torch.jit.script(global_sort_pool)(x, batch, k, False), ours)


def test_without_a_batch_there_is_one_graph() -> None:
    x = torch.tensor([0.5, 2.0, 1.0])
    assert topk(x, 2).tolist() == [1, 2]
    assert topk(x, None, min_score=0.6).tolist() == [1, 2]
    dense, mask = to_dense_batch(x)
    assert torch.equal(dense, x[None])
    assert mask.all()
    dense, mask = to_dense_batch(x, max_num_nodes=2, batch_size=2)
    assert dense.tolist() == [[0.5, 2.0], [0.0, 0.0]]
    assert mask.tolist() == [[True, True], [False, False]]
    assert global_sort_pool(x[:, None], None, 2).tolist() == [[2.0, 1.0]]


def test_wrong_arguments_are_named() -> None:
    x, batch = torch.ones(3), torch.tensor([0, 1, 0])
    with pytest.raises(ValueError, match=r"'batch' must be sorted, but 'batch'\[2\] is 0 after 1"):
        topk(x, 0.5, batch)
    with pytest.raises(ValueError, match="give 'ratio' or 'min_score'"):
        topk(x, None)
    with pytest.raises(ValueError, match="'x' and 'batch' must be vectors of one length"):
        topk(x, 0.5, batch[:2])
    with pytest.raises(ValueError, match="'max_num_nodes' must not be negative, got -1"):
        to_dense_batch(x, max_num_nodes=-1)
    with pytest.raises(ValueError, match="'batch_size' must not be negative, got -2"):
        to_dense_batch(x, batch_size=-2)
    with pytest.raises(ValueError, match=r"'batch' must have shape \[3\]"):
        to_dense_batch(x, batch[:2])
    with pytest.raises(ValueError, match="k must be at least 1, got 0"):
        global_sort_pool(x[:, None], None, 0)


@pytest.mark.parametrize("size", [2**40, 2**62])
def test_a_dense_batch_that_no_memory_holds_is_refused(size: int) -> None:
    x = torch.ones(3, 2)
    for batch in (torch.zeros(3, dtype=torch.long), None):
        for sizes in ({"max_num_nodes": size}, {"batch_size": size}):
            with pytest.raises(ValueError, match=f"{size} (slots|graphs).* cannot fit into memory"):
                to_dense_batch(x, batch, **sizes)


def test_the_python_functions_script() -> None:
    x, batch = torch.randn(6), torch.tensor([0, 0, 1, 1, 1, 3])
    assert torch.equal(torch.jit.script(topk)(x, 0.5, batch), topk(x, 0.5, batch))
    assert torch.equal(torch.jit.script(topk)(x, 2, batch), topk(x, 2, batch))
    assert torch.equal(torch.jit.script(topk)(x, None, batch, 0.1), topk(x, None, batch, 0.1))
    assert torch.equal(torch.jit.script(to_dense_batch)(x, batch)[0], to_dense_batch(x, batch)[0])


def test_softmax_serves_a_batch() -> None:
    """Empty graphs, and one of a single node, within a batch vector."""
    score, batch = torch.randn(5, dtype=torch.double), torch.tensor([0, 0, 0, 2, 4])
    weights = softmax(score, batch)
    torch.testing.assert_close(weights[:3], score[:3].softmax(0))
    assert weights[3:].tolist() == [1.0, 1.0]


class GraphUNet(nn.Module):
    """A level down: score, keep the best half, weigh them, and convolve on the edges among them."""

    def __init__(self) -> None:
        super().__init__()
        self.down, self.up = nn.Linear(8, 16), nn.Linear(16, 4)
        self.projection = nn.Parameter(torch.randn(16))

    def forward(self, x: Tensor, edge_index: Tensor, batch: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x = convolve(self.down(x).relu(), edge_index)
        score = (x * self.projection).sum(1) / self.projection.norm()
        perm = topk(score, 0.5, batch)
        kept, _ = filter_edges(edge_index, perm, x)
        pooled = x.index_select(0, perm) * score.index_select(0, perm).tanh().unsqueeze(1)
        pooled, batch = convolve(self.up(pooled), kept), batch.index_select(0, perm)
        dense, mask = to_dense_batch(pooled, batch)
        return global_max_pool(pooled, batch), dense.sum(1) / mask.sum(1, keepdim=True).clamp(min=1), kept


def convolve(x: Tensor, edge_index: Tensor) -> Tensor:
    rowptr, _, col = csr_from_coo(edge_index[1], x, edge_index[0])
    return x + gather_segment_reduce(x, rowptr, col, None, None, "mean")


class SortPool(nn.Module):
    def forward(self, x: Tensor, edge_index: Tensor, batch: Tensor) -> Tensor:
        return global_sort_pool(convolve(x, edge_index), batch, 3)


def example(num_nodes: int, num_edges: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(num_nodes)
    edge_index = torch.randint(0, max(num_nodes, 1), (2, num_edges), generator=generator)
    return [torch.randn(num_nodes, 8, generator=generator), edge_index, torch.arange(num_nodes) // 5]


@pytest.mark.parametrize("kind", [GraphUNet, SortPool])
@pytest.mark.parametrize(
    "target", ["torchscript", "onnx", pytest.param("aotinductor", marks=pytest.mark.slow)]
)
def test_a_pooling_model_compiles_and_verifies_on_other_sizes(
    target: str, kind: type, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    model = kind().eval()
    program, _ = run_passes(capture(model, normalize_examples(model, tuple(example(12, 30)))))
    run = OPEN[target](tmp_path / get_exporter(target)(program, tmp_path).file)
    for size in ((12, 30), (1, 0), (1, 3), (7, 0), (57, 400), (0, 0)):
        inputs = example(*size)
        with torch.no_grad():
            torch.testing.assert_close(run(inputs), eager(model, inputs))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
def test_min_score_keeps_the_best_of_each_graph(dtype: torch.dtype) -> None:
    """Also where the tolerance is lost in rounding: 4 - 1e-7 is 4 in float32."""
    inf = torch.inf
    score = torch.tensor([4.0, 2.0, 4.0, 1.0, -inf, -inf, inf, 3.0, 9.0], dtype=dtype)
    batch = torch.tensor([0, 0, 0, 1, 2, 2, 3, 3, 5])
    assert topk(score, None, batch, min_score=8.0).tolist() == [0, 2, 3, 6, 8]
    assert topk(score[:2], None, None, min_score=8.0).tolist() == [0]
    assert topk(score[:2], None, batch[:2], min_score=1.0).tolist() == [0, 1]
    assert topk(torch.tensor([torch.nan, 1.0], dtype=dtype), None, min_score=0.5).tolist() == []


@pytest.mark.parametrize("min_score", [None, 0.5])
def test_scores_that_are_no_vector_of_floats_are_named(min_score: float | None) -> None:
    ratio = None if min_score else 0.5
    for wrong in (torch.rand(3, 1), torch.tensor(1.0), torch.arange(3)):
        with pytest.raises(ValueError, match="topk: 'x' must be a vector of scores in floats, got"):
            topk(wrong, ratio, min_score=min_score)


@pytest.mark.parametrize("target", ["torchscript", "onnx"])
def test_sort_pool_puts_nan_last_on_every_engine(target: str, tmp_path: Path) -> None:
    class Sorted(nn.Module):
        def forward(self, x: Tensor, batch: Tensor) -> Tensor:
            return global_sort_pool(x, batch, 2)

    nan, inf, model = torch.nan, torch.inf, Sorted().eval()
    x, batch = torch.tensor([[nan, 2.0, inf], [1.0, nan, nan], [inf, -inf, 3.0]]), torch.tensor([0, 0, 1])
    program, _ = run_passes(capture(model, normalize_examples(model, (x, batch))))
    run = OPEN[target](tmp_path / get_exporter(target)(program, tmp_path).file)
    want = torch.tensor([[2.0, inf, nan, 1.0, nan, nan], [-inf, 3.0, inf, 0.0, 0.0, 0.0]])
    for out in (model(x, batch), *run([x, batch])):
        torch.testing.assert_close(out, want, equal_nan=True)


class Moved(nn.Module):
    def __init__(self, fill: float) -> None:
        super().__init__()
        self.fill = fill

    def forward(self, x: Tensor, batch: Tensor) -> tuple[Tensor, Tensor]:
        dense = to_dense_batch(x, batch, self.fill)[0]
        return dense, from_dense_batch(dense, batch)


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32])
@pytest.mark.parametrize("fill", [-1.0, 2.0**30, 0.0])
def test_integers_are_moved_exactly_in_onnx(dtype: torch.dtype, fill: float, tmp_path: Path) -> None:
    limits, model = torch.iinfo(dtype), Moved(fill).eval()
    ends = [
        limits.min,
        limits.max,
        limits.min + 1,
        limits.max - 1,
        -1,
        0,
        1,
        limits.max // 3,
        limits.min // 7,
    ]
    x, batch = torch.tensor(ends, dtype=dtype), torch.tensor([0, 0, 1, 1, 1, 1, 3, 3, 3])
    program, _ = run_passes(capture(model, normalize_examples(model, (x, batch))))
    run = OPEN["onnx"](tmp_path / get_exporter("onnx")(program, tmp_path).file)
    for inputs in ([x, batch], [x[:0], batch[:0]]):
        for got, want in zip(run(inputs), eager(model, inputs), strict=True):
            assert got.dtype == dtype
            assert torch.equal(got, want)


@pytest.mark.parametrize("fill", [0.5, float("nan"), 2.0**31, 16777217.0])
def test_a_fill_that_integers_or_onnx_cannot_hold_is_refused(fill: float, tmp_path: Path) -> None:
    model, inputs = Moved(fill).eval(), (torch.arange(3).int(), torch.tensor([0, 0, 1]))
    program, _ = run_passes(capture(model, normalize_examples(model, inputs)))
    with pytest.raises(
        ExportError, match=r"to_dense: in ONNX 'fill_value' must be an integer that INT32 and"
    ):
        get_exporter("onnx")(program, tmp_path)
