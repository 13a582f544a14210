"""Neighbour searches: what their results mean on drawn clouds, beside SciPy's, as graphs, and in compiled models."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree
from torch import Tensor, nn

import geocompile
from geocompile.custom_ops import (
    csr_from_coo,
    knn,
    knn_graph,
    nearest,
    radius,
    radius_graph,
    segment_reduce,
)


@st.composite
def clouds(draw: st.DrawFn) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """x, y and their sorted batch vectors; few places, so that distances are often equal."""
    dimensions, places = draw(st.integers(1, 4)), draw(st.sampled_from([2, 5, 1000]))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    sizes = [draw(st.integers(0, 300)), draw(st.integers(0, 300))]
    graphs = draw(st.integers(1, 4))
    x, y = (torch.randint(0, places, (n, dimensions), generator=generator).float() for n in sizes)
    batch_x, batch_y = (torch.randint(0, graphs, (n,), generator=generator).sort().values for n in sizes)
    return x, y, batch_x, batch_y


def squared(x: Tensor, y: Tensor, batch_x: Tensor, batch_y: Tensor) -> Tensor:
    """``[len(y), len(x)]``, infinite between graphs."""
    distance = (y[:, None].double() - x.double()).square().sum(2)
    return distance.where(batch_y[:, None] == batch_x, torch.inf)


@settings(max_examples=60, deadline=None)
@given(clouds(), st.sampled_from([1, 3, 16, 70]))
def test_distances_of_knn_are_sorted_and_the_smallest(
    cloud: tuple[Tensor, Tensor, Tensor, Tensor], k: int
) -> None:
    x, y, batch_x, batch_y = cloud
    query, point = knn(x, y, k, batch_x, batch_y)
    distance = squared(x, y, batch_x, batch_y)
    assert torch.equal(query, query.sort().values)
    for i in range(len(y)):
        own, reachable = point[query == i], distance[i].isfinite().sum().item()
        assert len(own) == min(k, reachable)
        assert len(set(own.tolist())) == len(own)
        assert torch.equal(distance[i, own], distance[i].sort().values[: len(own)])


@settings(max_examples=60, deadline=None)
@given(clouds(), st.sampled_from([0.0, 1.0, 1.5, 40.0]), st.sampled_from([1, 5, 32, 100]))
def test_radius_is_complete_up_to_the_cap(
    cloud: tuple[Tensor, Tensor, Tensor, Tensor], r: float, most: int
) -> None:
    x, y, batch_x, batch_y = cloud
    query, point = radius(x, y, r, batch_x, batch_y, most)
    distance = squared(x, y, batch_x, batch_y)
    for i in range(len(y)):
        own, within = point[query == i], int((distance[i] < r * r).sum())
        assert len(own) == min(most, within)
        assert (distance[i, own] < r * r).all()
        assert torch.equal(distance[i, own], distance[i].sort().values[: len(own)])


@pytest.mark.parametrize("dimensions", [1, 2, 3, 4, 7, 8, 9, 12, 16, 17, 70])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_neighbours_are_those_of_scipys_tree(dimensions: int, dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(dimensions)
    x, y = (torch.rand(n, dimensions, generator=generator, dtype=dtype) for n in (5000, 700))
    tree, queries = cKDTree(x.double().numpy()), y.double().numpy()
    distance, places = tree.query(queries, 7)
    clear = (np.diff(distance, axis=1) > 1e-5).all(axis=1)  # where rounding does not decide
    assert clear.mean() > 0.5
    np.testing.assert_array_equal(knn(x, y, 6)[1].view(-1, 6)[clear], places[clear, :6])
    np.testing.assert_array_equal(nearest(y, x)[clear], places[clear, 0])
    r = float(np.quantile(distance[:, 4], 0.5))
    found = radius(x, y, r, max_num_neighbors=3000)
    wanted = tree.query_ball_point(queries, r)
    gap = (
        np.abs(np.linalg.norm(x.double().numpy()[None] - queries[:200, None], axis=2) - r).min(axis=1) > 1e-5
    )
    for i in np.flatnonzero(gap):
        assert sorted(found[1][found[0] == i].tolist()) == sorted(wanted[i])


@pytest.mark.parametrize("offset", [0.0, 1e6])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_large_and_small_coordinates_are_exact(offset: float, scale: float) -> None:
    generator = torch.Generator().manual_seed(5)
    x = torch.rand(2000, 3, generator=generator) * scale + offset
    distance = sum((x[:, None, d] - x[:, d]).square() for d in range(3))
    assert isinstance(distance, Tensor)
    wanted = distance.fill_diagonal_(torch.inf).sort(dim=1, stable=True).indices[:, :8]
    assert torch.equal(knn_graph(x, 8)[0].view(-1, 8), wanted)


def test_equal_points_are_found_without_a_quadratic_wall() -> None:
    x = torch.ones(200_000, 3)
    edges = knn_graph(x, 4)  # all pairs would take minutes
    assert torch.equal(edges[0].view(-1, 4)[5:], torch.arange(4).expand(199_995, 4))
    assert radius_graph(x, 1.0, max_num_neighbors=4).equal(edges)


def test_the_bits_do_not_depend_on_threads_or_on_the_batch() -> None:
    x = torch.rand(4000, 3)
    batch = torch.arange(4000) * 3 // 4000
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 5):
            torch.set_num_threads(threads)
            found.append((knn_graph(x, 9, batch), radius_graph(x, 0.1, batch)))
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(a, b) for other in found[1:] for a, b in zip(found[0], other, strict=True))
    each = [knn_graph(x[batch == g], 9) + int((batch < g).sum()) for g in range(3)]
    assert torch.equal(torch.cat(each, 1), found[0][0])


@pytest.mark.parametrize("count", [3, 300])
def test_a_part_of_the_points_as_queries_does_not_hide_what_is_not_finite_in_the_rest(count: int) -> None:
    """Both begin at one address."""
    points = torch.rand(400, 3)
    points[350] = torch.nan
    for search in (
        lambda: knn(points, points[:count], 2),
        lambda: knn(points[:count], points, 2),
        lambda: radius(points[:count], points, 0.1),
        lambda: nearest(points, points[:count]),
    ):
        with pytest.raises(ValueError, match=r"'[xy]'\[350, 0\] is nan, coordinates must be finite"):
            search()


def test_a_graph_has_neighbours_as_sources_unless_it_flows_the_other_way() -> None:
    x = torch.tensor([[0.0], [1.0], [3.0]])
    assert knn_graph(x, 1).tolist() == [[1, 0, 1], [0, 1, 2]]
    assert knn_graph(x, 1, flow="target_to_source").tolist() == [[0, 1, 2], [1, 0, 1]]
    assert knn_graph(x, 1, loop=True).tolist() == [[0, 1, 2], [0, 1, 2]]
    assert radius_graph(x, 1.5).tolist() == [[1, 0], [0, 1]]
    assert radius_graph(x, 1.5, flow="target_to_source", loop=True).tolist() == [
        [0, 0, 1, 1, 2],
        [0, 1, 1, 0, 2],
    ]
    with pytest.raises(ValueError, match=r"geocompile\.knn_graph: flow must be"):
        knn_graph(x, 1, flow="upwards")
    with pytest.raises(ValueError, match=r"geocompile\.radius_graph: flow must be"):
        radius_graph(x, 1, flow="upwards")


def test_a_missing_batch_vector_is_one_graph() -> None:
    x, y, batch = torch.rand(9, 2), torch.rand(4, 2), torch.tensor([0, 0, 1, 1])
    assert knn(x, y, 20, None, batch)[0].unique().tolist() == [0, 1]
    assert radius(y, x, 9.0, batch, None)[1].unique().tolist() == [0, 1]


class DynamicEdges(nn.Module):
    """Two layers of EdgeConv, each on the neighbours in its own features, and the maximum over each cloud."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.ModuleList([nn.Linear(2 * 3, 16), nn.Linear(2 * 16, 16)])

    def forward(self, pos: Tensor, batch: Tensor) -> tuple[Tensor, Tensor]:
        x = pos
        for layer in self.layers:
            source, target = knn_graph(x, 5, batch)
            message = layer(torch.cat([x[target], x[source] - x[target]], dim=1)).relu()
            rowptr, perm, _ = csr_from_coo(target, x)
            x = segment_reduce(message, rowptr, perm, "max")
        query, _ = radius(pos, pos, 0.3, batch, batch, 8)
        return x, torch.zeros(pos.size(0)).index_add(0, query, torch.ones(query.size(0)))


class OneCloud(nn.Module):
    """No batch vector: the number of edges follows from that of points."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.linear = nn.Linear(6, 8)

    def forward(self, pos: Tensor) -> Tensor:
        source, target = knn_graph(pos, 4)
        message = self.linear(torch.cat([pos[target], pos[source] - pos[target]], dim=1))
        return pos.new_zeros(pos.size(0), 8).index_add(0, target, message)


def examples(batched: bool) -> list[tuple[Tensor, ...]]:
    generator = torch.Generator().manual_seed(2)
    clouds = [torch.rand(n, 3, generator=generator) for n in (24, 37)]
    return [(pos, torch.arange(len(pos)) * 2 // len(pos)) if batched else (pos,) for pos in clouds]


@pytest.mark.parametrize("batched", [True, False], ids=["batch", "one-cloud"])
@pytest.mark.parametrize(
    "target", ["onnx", "torchscript", pytest.param("aotinductor", marks=pytest.mark.slow)]
)
def test_a_model_with_neighbours_compiles_for_clouds_of_any_size(
    target: str, batched: bool, tmp_path: Path
) -> None:
    model = DynamicEdges() if batched else OneCloud()
    bundle = geocompile.compile(model.eval(), examples(batched), [target], tmp_path / "model", measure=False)
    verification = bundle.manifest.verification
    assert verification is not None
    assert verification["ok"]
    session = bundle.session(target)
    for n in (1, 3, 200):
        pos = torch.rand(n, 3)
        inputs = (pos, torch.arange(n) * 3 // n) if batched else (pos,)
        torch.testing.assert_close(session(*inputs), model(*inputs))


class ShareOfCloud(nn.Module):
    """As many neighbours as a quarter of the points, by their distance or of those in a ball."""

    def forward(self, pos: Tensor) -> tuple[Tensor, Tensor]:
        k = pos.size(0) // 4 + 1
        return knn_graph(pos, k), radius_graph(pos, 0.5, max_num_neighbors=k)


@pytest.mark.parametrize("target", ["torchscript", pytest.param("aotinductor", marks=pytest.mark.slow)])
def test_the_number_of_neighbours_may_follow_from_the_number_of_points(target: str, tmp_path: Path) -> None:
    model = ShareOfCloud()
    bundle = geocompile.compile(model, examples(False), [target], tmp_path / "model", measure=False)
    session = bundle.session(target)
    for n in (1, 9, 100):
        pos = torch.rand(n, 3)
        for found, expected in zip(session(pos), model(pos), strict=True):
            assert torch.equal(found, expected)


def test_onnx_wants_the_number_of_neighbours_as_a_number(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="knn: k is computed from a size here; in ONNX it is an attribute"):
        geocompile.compile(ShareOfCloud(), examples(False), ["onnx"], tmp_path / "model", measure=False)


def test_autocast_searches_in_float32() -> None:
    x = torch.rand(50, 3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = knn(x.bfloat16(), x, 3)
    assert torch.equal(found, knn(x.bfloat16().float(), x, 3))


def test_arguments_of_pyg_that_change_nothing_are_accepted() -> None:
    x, batch, hints = torch.rand(12, 3), torch.arange(12) // 5, {"num_workers": 4, "batch_size": 3}
    assert torch.equal(knn(x, x, 2, batch, batch, False, **hints), knn(x, x, 2, batch, batch))
    assert torch.equal(knn_graph(x, 2, batch, **hints), knn_graph(x, 2, batch))
    assert torch.equal(radius(x, x, 0.5, batch, batch, **hints), radius(x, x, 0.5, batch, batch))
    assert torch.equal(radius_graph(x, 0.5, batch, **hints), radius_graph(x, 0.5, batch))
