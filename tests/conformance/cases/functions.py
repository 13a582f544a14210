"""The pooling functions: over graphs, over clusters, and those that find clusters and neighbours."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from geocompile import layers
from tests.conformance import wrapped_functions as wrapped
from tests.conformance.case import LayerCase, Sample
from tests.conformance.formulas import functions as formulas

Inputs = Callable[[Sample], dict[str, Any]]
TRAINS = {"trains": "a function, which has no weights"}
NUMBERS = {"gradients": "what it gives are numbers of points or clusters, which have no derivative", **TRAINS}
SEARCHES = {"PyG": "PyG's needs pyg-lib, which it does not bring; its recorded values are held in golden"}
OF_DATA = {
    "PyG": "PyG's takes a Data, which from_pyg leaves alone; tests/layers/test_coarsening.py compares its numbers"
}
OF_CLUSTERS = {
    "PyG": "from_pyg takes no counterpart of this function; tests/layers/test_coarsening.py compares its numbers"
}
OF_NOTHING = {"PyG": "the mean of no nodes is 0, and NaN in PyG; the other cases compare"}
SORTS = {
    "PyG": "from_pyg takes no counterpart of this function; tests/operators/test_selection.py compares its numbers"
}


def case(
    layer: str,
    options: str,
    make: Callable[[], torch.nn.Module],
    inputs: Inputs,
    formula: Callable[..., Any],
    without: dict[str, str],
    dynamic: Any = None,
) -> LayerCase:
    name = f"{inputs.__name__}, {options}" if options else inputs.__name__
    return LayerCase(layer, name, make, inputs, formula, dynamic=dynamic, without=without)


def batched(s: Sample) -> dict[str, Any]:
    return {"x": s.x(), "batch": s.batch()}


def one_graph(s: Sample) -> dict[str, Any]:
    return {"x": s.x()}


def unsorted(s: Sample) -> dict[str, Any]:
    return {"x": s.x(), "batch": s.batch().flip(0), "size": 4}


def global_pool(aggr: str, inputs: Inputs) -> LayerCase:
    def make(nn: Any) -> torch.nn.Module:
        return wrapped.GlobalPool(getattr(nn, f"global_{aggr}_pool")).double()

    def theirs() -> torch.nn.Module:
        import torch_geometric.nn

        return make(torch_geometric.nn)

    differs = aggr == "mean" and inputs is one_graph
    return LayerCase(
        f"global_{aggr}_pool",
        inputs.__name__,
        lambda: make(layers),
        inputs,
        lambda _, **given: formulas.global_pool(aggr, **given),
        None if differs else theirs,
        without={**TRAINS, **(OF_NOTHING if differs else {})},
    )


def clustered(s: Sample) -> dict[str, Any]:
    """Clusters of one graph each, some without nodes."""
    return {
        "cluster": 5 * s.batch() + torch.randint(0, 3, (s.num_nodes,)),
        "x": s.x(),
        "edge_index": s.edge_index,
        "edge_attr": s.edge_attr(),
        "batch": s.batch(),
        "pos": s.x(2),
    }


def clustered_plain(s: Sample) -> dict[str, Any]:
    return {"cluster": torch.randint(0, 4, (s.num_nodes,)), "x": s.x(), "edge_index": s.edge_index}


def clustered_x(s: Sample) -> dict[str, Any]:
    cluster = 3 * s.batch() + torch.randint(0, 3, (s.num_nodes,))
    return {"cluster": cluster, "x": s.x(), "batch": s.batch()}


def coarsening(name: str, inputs: Inputs) -> LayerCase:
    make = partial(wrapped.ClusterPool, getattr(layers, name))
    aggr = "max" if name == "max_pool" else "mean"
    found = partial(formulas.coarsened, aggr)
    return case(name, "", make, inputs, lambda _, **given: found(**given), {**OF_DATA, **TRAINS}, CLUSTERS)


def coarsening_x(name: str, size: int | None) -> LayerCase:
    make = partial(wrapped.ClusterPoolX, getattr(layers, name), size)
    formula = partial(formulas.coarsened_x, "max" if name == "max_pool_x" else "mean")
    without = {**OF_CLUSTERS, **TRAINS}
    return case(name, f"{size=}", make, clustered_x, formula, without, CLUSTERS)


CLUSTERS = {"cluster": ["num_nodes"]}


def edges(s: Sample) -> dict[str, Any]:
    return {"x": s.x(), "edge_index": s.edge_index}


def weighted_and_ordered(s: Sample) -> dict[str, Any]:
    return {**edges(s), "edge_weight": s.weight(), "order": torch.randperm(s.num_nodes)}


def places(count: int, dimensions: int = 2) -> Tensor:
    """Points of a grid, whose distances are exact in every precision; some share a place."""
    return torch.randint(0, 8, (count, dimensions)).double() / 8


def cloud(s: Sample) -> dict[str, Any]:
    return {"pos": places(s.num_nodes)}


def clouds(s: Sample) -> dict[str, Any]:
    return {**cloud(s), "batch": s.batch()}


def points_and_queries(s: Sample) -> dict[str, Any]:
    return {"x": places(s.num_nodes, 3), "y": places(s.num_nodes + 2, 3)}


def clouds_and_queries(s: Sample) -> dict[str, Any]:
    queries = s.num_nodes + 2
    batches = {"batch_x": s.batch(), "batch_y": torch.arange(queries) * 2 // queries}
    return {**points_and_queries(s), **batches}


def between(name: str, options: str, make: Any, inputs: Inputs, formula: Any) -> LayerCase:
    dynamic = {"x": ["num_points", 3], "y": ["num_queries", 3]}
    if inputs is clouds_and_queries:
        dynamic |= {"batch_x": ["num_points"], "batch_y": ["num_queries"]}
    return case(name, options, make, inputs, formula, {**SEARCHES, **NUMBERS}, dynamic)


def within(
    name: str, options: str, make: Any, inputs: Inputs, formula: Any, dynamic: Any = None
) -> LayerCase:
    return case(name, options, make, inputs, formula, {**SEARCHES, **NUMBERS}, dynamic)


def sort_pool(k: int, sort_channels: bool, inputs: Inputs) -> LayerCase:
    make = partial(wrapped.GlobalSortPool, k, sort_channels)
    options = f"{k=}, {sort_channels=}"
    return case("global_sort_pool", options, make, inputs, formulas.sort_pool, {**SORTS, **TRAINS})


OUT = "target_to_source"
CASES = [
    *(global_pool(aggr, of) for aggr in ("add", "mean", "max") for of in (batched, one_graph, unsorted)),
    sort_pool(3, True, batched),
    sort_pool(2, False, batched),
    sort_pool(2, True, one_graph),
    *(coarsening(name, of) for name in ("max_pool", "avg_pool") for of in (clustered, clustered_plain)),
    *(coarsening_x(name, size) for name in ("max_pool_x", "avg_pool_x") for size in (None, 3)),
    within("graclus", "", wrapped.Graclus, edges, formulas.graclus),
    within("graclus", "", wrapped.Graclus, weighted_and_ordered, formulas.graclus, {"order": ["num_nodes"]}),
    *(
        within("voxel_grid", "", lambda: wrapped.VoxelGrid(0.25), of, formulas.voxel_grid)
        for of in (clouds, cloud)
    ),
    within(
        "voxel_grid",
        "extent",
        lambda: wrapped.VoxelsWithin([0.5, 0.25], -1.0, 2.0),
        clouds,
        formulas.voxels_within,
    ),
    *(
        within("fps", f"{ratio=}", partial(wrapped.FarthestPoints, ratio), of, formulas.farthest)
        for ratio, of in ((0.5, clouds), (0.8, cloud))
    ),
    *(
        between("knn", f"{k=}", partial(wrapped.Knn, k), of, formulas.knn)
        for k, of in ((3, clouds_and_queries), (2, points_and_queries))
    ),
    *(
        within("knn_graph", f"{options}", partial(wrapped.KnnGraph, *options), of, formulas.knn_graph)
        for options, of in (((2,), clouds), ((3, True), cloud), ((2, False, OUT), clouds))
    ),
    *(
        between("radius", f"{options}", partial(wrapped.Radius, *options), of, formulas.radius)
        for options, of in (((0.6,), clouds_and_queries), ((0.8, 2), points_and_queries))
    ),
    *(
        within(
            "radius_graph", f"{options}", partial(wrapped.RadiusGraph, *options), of, formulas.radius_graph
        )
        for options, of in (((0.6,), clouds), ((0.5, True), cloud), ((0.9, False, 2, OUT), clouds))
    ),
    *(
        between("nearest", "", wrapped.Nearest, of, formulas.nearest)
        for of in (clouds_and_queries, points_and_queries)
    ),
]
