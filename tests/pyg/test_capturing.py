"""PyG's softmax, scatter and segment while a model is captured: geocompile's operators, PyG's numbers."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from geocompile.pyg import capturing

pyg = pytest.importorskip("torch_geometric.nn", reason="PyG is not installed (extra: pyg)")
utils = pytest.importorskip("torch_geometric.utils", reason="PyG is not installed (extra: pyg)")
INDEX, PTR = torch.tensor([4, 0, 2, 0, 2, 2, 4]), torch.tensor([0, 2, 2, 5, 7])


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def assert_same(ours: Tensor, theirs: Tensor) -> None:
    assert ours.dtype == theirs.dtype
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)


def both(function: str, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
    """Within the context and outside it, called by the name that a user's module would use."""
    theirs = getattr(utils, function)(*args, **kwargs)
    with capturing():
        return getattr(utils, function)(*args, **kwargs), theirs


SOURCES = [((7,), 0), ((7, 3), 0), ((7, 3), -2), ((2, 7), 1), ((2, 7), -1), ((2, 7, 3), 1)]


@pytest.mark.parametrize(("shape", "dim"), SOURCES)
@pytest.mark.parametrize("reduce", ["sum", "add", "mean", "min", "max", "mul"])
def test_scatter_is_pygs(shape: tuple[int, ...], dim: int, reduce: str) -> None:
    src = torch.randn(shape, dtype=torch.float64)
    for dim_size in (None, 6):
        assert_same(*both("scatter", src, INDEX, dim, dim_size, reduce))
    assert_same(*both("scatter", src=src, index=INDEX, dim=dim, reduce=reduce))


@pytest.mark.parametrize("reduce", ["sum", "mean", "min", "max"])
def test_segment_is_pygs(reduce: str) -> None:
    for shape in ((7,), (7, 3), (7, 2, 3)):
        assert_same(*both("segment", torch.randn(shape, dtype=torch.float64), PTR, reduce))


@pytest.mark.parametrize(("shape", "dim"), SOURCES)
def test_softmax_is_pygs(shape: tuple[int, ...], dim: int) -> None:
    src = torch.randn(shape, dtype=torch.float64)
    assert_same(*both("softmax", src, INDEX, None, None, dim))
    assert_same(*both("softmax", src, INDEX, num_nodes=8, dim=dim))
    if dim == 0:  # elsewhere PyG needs torch-scatter
        assert_same(*both("softmax", src, ptr=PTR))


def test_a_segment_of_another_dimension() -> None:
    src = torch.randn(2, 7, 3, dtype=torch.float64)
    with capturing():
        out = utils.segment(src, PTR.view(1, -1), "sum")
    assert_same(out, torch.stack([utils.segment(part, PTR, "sum") for part in src]))


def test_what_has_no_operator_is_left_to_pyg() -> None:
    integers = torch.arange(7)
    for reduce in ("sum", "max", "any"):
        assert_same(*both("scatter", integers, INDEX, 0, None, reduce))
    assert_same(*both("scatter", torch.randn(7), torch.arange(7), 0, 7, "any"))
    assert_same(*both("softmax", torch.tensor([1, 2, 3]), torch.tensor([0, 0, 1])))
    for dim in (0, 3):
        with pytest.raises(ValueError, match="one-dimensional"), capturing():
            utils.scatter(torch.randn(7), torch.zeros(7, 1, dtype=torch.int64), dim)


class Attention(torch.nn.Module):
    """A layer of PyG's that has no counterpart, and a readout."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = pyg.TransformerConv(3, 4, heads=2)
        self.readout = pyg.aggr.AttentionalAggregation(torch.nn.Linear(8, 1))

    def forward(self, x: Tensor, edge_index: Tensor, batch: Tensor) -> Tensor:
        return self.readout(self.conv(x, edge_index), batch, dim_size=3)


def inputs(num_nodes: int, num_edges: int) -> tuple[Tensor, Tensor, Tensor]:
    edge_index = torch.randint(0, max(num_nodes, 1), (2, num_edges))
    return torch.randn(num_nodes, 3, dtype=torch.float64), edge_index, torch.arange(num_nodes) // 3


def test_pyg_code_that_is_captured_as_it_is_holds_operators() -> None:
    model = Attention().double().eval()
    nodes, edges = torch.export.Dim("nodes"), torch.export.Dim("edges")
    shapes = ({0: nodes}, {1: edges}, {0: nodes})
    with capturing(), torch.fx.experimental._config.patch(backed_size_oblivious=True):
        exported = torch.export.export(model, inputs(8, 20), dynamic_shapes=shapes, strict=False)
    graph = str(exported.graph)
    assert graph.count("geocompile.segment_softmax") == 2
    assert "scatter" not in graph
    assert "aten.exp" not in graph
    for size in ((8, 20), (4, 50), (5, 0), (1, 1)):
        given = inputs(*size)
        assert_same(exported.module()(*given), model(*given))


def test_the_functions_are_pygs_again_after_it() -> None:
    before: list[Callable[..., Any]] = [utils.softmax, utils.scatter, utils.segment]
    with capturing():
        assert utils.softmax is not before[0]
    assert [utils.softmax, utils.scatter, utils.segment] == before
