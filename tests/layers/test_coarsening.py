"""Pooling of clusters against PyG, and a model that halves its graph as engines."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import geocompile
from geocompile.capture import capture
from geocompile.custom_ops import coalesce, graclus, voxel_grid
from geocompile.examples import normalize_examples
from geocompile.exporters import get_exporter
from geocompile.layers import SAGEConv, avg_pool, avg_pool_x, global_max_pool, max_pool, max_pool_x
from geocompile.passes import run_passes
from tests.exporters.test_engines_equal_eager import OPEN, eager

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # a target here on purpose


def graph(num_nodes: int, num_edges: int) -> dict[str, Tensor]:
    return {
        "x": torch.randn(num_nodes, 4, dtype=torch.double),
        "edge_index": torch.randint(num_nodes, (2, num_edges)),
        "edge_attr": torch.randn(num_edges, 2, dtype=torch.double),
        "batch": torch.arange(num_nodes) * 3 // num_nodes,
        "pos": torch.randn(num_nodes, 3, dtype=torch.double),
    }


@pytest.mark.parametrize("ours", [max_pool, avg_pool])
def test_a_pooled_graph_is_that_of_pyg(ours: object) -> None:
    pyg = pytest.importorskip("torch_geometric", reason="PyG is not installed (extra: pyg)")
    from torch_geometric.nn import pool

    g = graph(30, 200)
    cluster = voxel_grid(g["pos"], g["batch"], 1.0)
    theirs = getattr(pool, ours.__name__)(cluster, pyg.data.Batch(**g))
    x, edge_index, edge_attr, batch, pos = ours(cluster, *g.values())
    assert torch.equal(edge_index, theirs.edge_index)
    assert torch.equal(batch, theirs.batch)
    for got, want in ((x, theirs.x), (edge_attr, theirs.edge_attr), (pos, theirs.pos)):
        torch.testing.assert_close(got, want)


@pytest.mark.parametrize("ours", [max_pool, avg_pool])
def test_a_data_is_pooled_and_transformed_as_by_pyg(ours: object) -> None:
    pyg = pytest.importorskip("torch_geometric", reason="PyG is not installed (extra: pyg)")
    from torch_geometric.nn import pool

    g = graph(20, 60)
    cluster = torch.randint(0, 7, (20,))
    for names in (("x", "edge_index"), ("x", "edge_index", "edge_attr", "pos")):
        data = pyg.data.Data(**{name: g[name] for name in names})
        for transform in (None, pyg.transforms.ToUndirected(reduce="max")):
            theirs = getattr(pool, ours.__name__)(cluster, data, transform)
            found = ours(cluster, data, transform)
            assert type(found) is type(theirs)
            assert found.keys() == theirs.keys()
            for name in names:
                torch.testing.assert_close(found[name], theirs[name])
    torch.testing.assert_close(ours(cluster, data=data).x, ours(cluster, data).x)


@pytest.mark.parametrize("reduce", ["max", "avg"])
def test_pooled_features_are_those_of_pyg(reduce: str) -> None:
    pool = pytest.importorskip("torch_geometric.nn.pool", reason="PyG is not installed (extra: pyg)")
    ours = {"max": max_pool_x, "avg": avg_pool_x}[reduce]
    g = graph(30, 0)
    cluster = voxel_grid(g["pos"], g["batch"], 1.0)
    theirs = getattr(pool, f"{reduce}_pool_x")
    for got, want in zip(ours(cluster, g["x"], g["batch"]), theirs(cluster, g["x"], g["batch"]), strict=True):
        torch.testing.assert_close(got, want)
    slots = g["batch"] * 4 + torch.randint(4, (30,))
    torch.testing.assert_close(
        ours(slots, g["x"], g["batch"], 4), theirs(slots, g["x"], g["batch"], size=4)[0]
    )


def test_what_is_not_there_stays_so_and_nothing_is_pooled_to_nothing() -> None:
    cluster = torch.tensor([7, 7, -2])
    x, edge_index, *others = max_pool(cluster, None, torch.tensor([[0, 1, 2], [1, 2, 0]]))
    assert x is None
    assert others == [None, None, None]
    assert edge_index.tolist() == [[0, 1], [1, 0]]
    none = torch.zeros(0, dtype=torch.long)
    x, edge_index, *_ = avg_pool(none, torch.zeros(0, 3), none.view(2, 0))
    assert x is not None
    assert (x.shape, edge_index.shape) == ((0, 3), (2, 0))


def test_pooling_has_gradients() -> None:
    g = graph(6, 12)
    cluster = torch.tensor([0, 0, 1, 2, 2, 2])
    x, edge_attr = g["x"].requires_grad_(), g["edge_attr"].requires_grad_()
    for pool in (max_pool, avg_pool):
        assert torch.autograd.gradcheck(
            lambda x, e, pool=pool: pool(cluster, x, g["edge_index"], e)[::2][:2], (x, edge_attr)
        )


class Halved(nn.Module):
    """A convolution, a coarser graph, another one, and a row for each graph."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = SAGEConv(4, 8), SAGEConv(8, 3)

    def forward(self, x: Tensor, edge_index: Tensor, batch: Tensor) -> Tensor:
        x = self.first(x, edge_index).relu()
        cluster = graclus(edge_index, None, x.size(0))
        pooled, edges, _, graphs, _ = max_pool(cluster, x, edge_index, None, batch)
        assert pooled is not None
        assert graphs is not None
        out: Tensor = global_max_pool(self.second(pooled, edges), graphs)
        return out


def test_it_scripts() -> None:
    model = Halved().eval()
    inputs = torch.randn(9, 4), torch.randint(9, (2, 30)), torch.zeros(9, dtype=torch.long)
    torch.testing.assert_close(torch.jit.script(model)(*inputs), model(*inputs))


@pytest.mark.parametrize(
    "target", ["onnx", "torchscript", pytest.param("aotinductor", marks=pytest.mark.slow)]
)
def test_a_model_that_halves_its_graph_compiles_and_verifies(target: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = Halved().eval()
    batch = torch.tensor([0] * 8 + [1] * 12)
    edge_index = torch.cat([torch.randint(8, (2, 20)), torch.randint(12, (2, 30)) + 8], 1)
    inputs = torch.randn(20, 4), edge_index, batch
    bundle = geocompile.compile(model, inputs, [target], tmp_path / "halved", measure=False)
    other = torch.randn(7, 4), torch.randint(7, (2, 9)), torch.zeros(7, dtype=torch.long)
    torch.testing.assert_close(bundle.session(target)(*other), model(*other))


@pytest.mark.parametrize("pool", [max_pool, avg_pool])
@pytest.mark.parametrize("node", [-1, 3])
def test_an_edge_that_points_outside_is_refused(pool: object, node: int) -> None:
    cluster, x, edges = torch.tensor([0, 0, 1]), torch.rand(3, 2), torch.tensor([[0, 1], [1, node]])
    with pytest.raises(IndexError, match=rf"edge_index holds {node}, but its values must lie in \[0, 3\)"):
        pool(cluster, x, edges)
    with pytest.raises(Exception, match=rf"edge_index holds {node}, but its values must lie in \[0, 3\)"):
        torch.jit.script(pool)(cluster, x, edges.int())


@pytest.mark.parametrize("argument", ["x", "edge_attr", "batch", "pos"])
@pytest.mark.parametrize("too", [1, -1])
def test_what_is_too_long_or_too_short_is_named(argument: str, too: int) -> None:
    g = graph(6, 12)
    count = len(g[argument] if argument != "edge_attr" else g["edge_index"][0])
    g[argument] = torch.zeros(count + too, dtype=g[argument].dtype)
    with pytest.raises(ValueError, match=rf"avg_pool: '{argument}' must have shape \[{count}, ...\]"):
        avg_pool(torch.zeros(6, dtype=torch.long), *g.values())
    if argument in ("x", "batch"):
        for size in (None, 1):
            with pytest.raises(ValueError, match=rf"max_pool_x: '{argument}' must have shape \[6, ...\]"):
                max_pool_x(torch.zeros(6, dtype=torch.long), g["x"], g["batch"], size)


class SizesOfValues(nn.Module):
    """Three sizes that only the values of indices tell."""

    def forward(self, x: Tensor, edge_index: Tensor, batch: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        edges, _ = coalesce(edge_index)
        slot = batch * 2 + torch.arange(x.size(0), device=x.device) % 2
        pooled = max_pool_x(slot, x, batch, 2)
        assert isinstance(pooled, Tensor)
        return edges, graclus(edge_index), pooled


@pytest.mark.parametrize(
    "target", ["onnx", "torchscript", pytest.param("aotinductor", marks=pytest.mark.slow)]
)
def test_sizes_that_values_tell_are_those_of_eager_on_other_graphs(target: str, tmp_path: Path) -> None:
    def example(num_nodes: int, num_edges: int) -> list[Tensor]:
        edge_index = torch.randint(0, max(num_nodes, 1), (2, num_edges))
        return [torch.randn(num_nodes, 3), edge_index, torch.arange(num_nodes) // 5]

    model = SizesOfValues().eval()
    program, _ = run_passes(capture(model, normalize_examples(model, tuple(example(12, 30)))))
    run = OPEN[target](tmp_path / get_exporter(target)(program, tmp_path).file)
    for size in ((12, 30), (1, 0), (1, 3), (7, 0), (57, 400), (0, 0)):
        inputs = example(*size)
        torch.testing.assert_close(run(inputs), eager(model, inputs))
