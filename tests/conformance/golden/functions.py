"""Recorded values of the pooling functions. PyG 1.2.0 drew the order of graclus; it is an argument here."""

from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import torch

from geocompile import layers
from tests.conformance.golden import Values, assert_golden


def sort_pool(k: int, case: Values) -> None:
    assert_golden(layers.global_sort_pool(case["in.x"], case.get("in.batch"), k), case["out.out"])


def coarsened(pool: Callable[..., Any], case: Values) -> None:
    """Of tensors, and of a Data."""
    names = ("x", "edge_index", "edge_attr", "batch", "pos")
    given = {name: case.get(f"in.data.{name}") for name in names}
    expected = [case.get(f"out.{name}") for name in names]
    assert_golden(pool(case["in.cluster"], *given.values()), expected)
    data = pool(case["in.cluster"], SimpleNamespace(**given), lambda batch: batch.clone())
    assert_golden([getattr(data, name) for name in names], expected)


def coarsened_x(pool: Callable[..., Any], case: Values) -> None:
    found = pool(case["in.cluster"], case["in.x"], case["in.batch"])
    assert_golden(found, (case["out.x"], case["out.batch"]))


def graclus(case: Values) -> None:
    weight, order = case.get("in.weight"), case["in.visit_order"]
    assert_golden(layers.graclus(case["in.edge_index"], weight, 6, order), case["out.cluster"])


def voxel_grid(settings: tuple[Any, ...], case: Values) -> None:
    assert_golden(layers.voxel_grid(case["in.pos"], case["in.batch"], *settings), case["out.cluster"])


def fps(ratio: float, case: Values) -> None:
    assert_golden(layers.fps(case["in.x"], case["in.batch"], ratio, random_start=False), case["out.index"])


def between(find: Callable[..., Any], settings: tuple[Any, ...], most: tuple[int, ...], case: Values) -> None:
    batches = case.get("in.batch_x"), case.get("in.batch_y")
    found = find(case["in.x"], case["in.y"], *settings, *batches, *most)
    if "out.out_sorted" in case:
        assert_golden(sorted_pairs(found), case["out.out_sorted"])
    else:
        assert_golden(found, case["out.index" if settings else "out.cluster"])


def within(find: Callable[..., Any], settings: tuple[Any, ...], loop: bool, case: Values) -> None:
    """1.2.0 had the centre in row 0."""
    found = find(case["in.x"], *settings, case.get("in.batch"), loop)
    if "out.out_sorted" in case:
        assert_golden(sorted_pairs(found.flip(0)), case["out.out_sorted"])
    else:
        assert_golden(found.flip(0), case["out.edge_index"])


def sorted_pairs(found: torch.Tensor) -> torch.Tensor:
    if found.dim() == 1:
        return found.sort()[0]
    return torch.tensor(sorted(found.t().tolist())).t()


GOLDEN: dict[str, Callable[[Values], None]] = {
    "global_sort_pool_0": partial(sort_pool, 2),
    "global_sort_pool_2": partial(sort_pool, 3),
    **{f"max_pool_{n}": partial(coarsened, layers.max_pool) for n in (0, 2)},
    **{f"avg_pool_{n}": partial(coarsened, layers.avg_pool) for n in (0, 2)},
    "max_pool_x_0": partial(coarsened_x, layers.max_pool_x),
    "avg_pool_x_0": partial(coarsened_x, layers.avg_pool_x),
    "graclus_0": graclus,
    "graclus_2": graclus,
    "voxel_grid_0": partial(voxel_grid, (1.5,)),
    "voxel_grid_2": partial(voxel_grid, (1.3, [-1.0] * 3, [3.0] * 3)),
    "fps_0": partial(fps, 0.5),
    "fps_2": partial(fps, 0.8),
    "knn_0": partial(between, layers.knn, (2,), ()),
    "knn_2": partial(between, layers.knn, (4,), ()),
    "knn_graph_0": partial(within, layers.knn_graph, (2,), False),
    "knn_graph_2": partial(within, layers.knn_graph, (3,), True),
    "radius_0": partial(between, layers.radius, (1.2,), ()),
    "radius_2": partial(between, layers.radius, (2.5,), (2,)),
    "radius_graph_0": partial(within, layers.radius_graph, (1.2,), False),
    "radius_graph_2": partial(within, layers.radius_graph, (1.5,), True),
    "nearest_0": partial(between, layers.nearest, (), ()),
    "nearest_2": partial(between, layers.nearest, (), ()),
}
