"""EdgeConv, DynamicEdgeConv, PointConv, PPFConv, XConv, MetaLayer."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from geocompile.layers import DynamicEdgeConv, EdgeConv, MetaLayer, PointConv, PPFConv, XConv
from tests.conformance.case import SIZES, LayerCase, Sample
from tests.conformance.cases.models_of_graphs import EdgeModel, GlobalModel, NodeModel
from tests.conformance.cases.neighbourhoods import FLIPPED, Inputs, alike_bipartite, graph
from tests.conformance.formulas import points as formulas

CLOUDS = ((9, 0), (14, 0), (2, 0), (1, 0), (0, 0))
PYG_CLOUDS = ((9, 0), (14, 0))  # it fails where a graph has fewer points than there are neighbours


def mlp(width: int, out: int = 4) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, 5), nn.Tanh(), nn.Linear(5, out))


def features(s: Sample) -> dict[str, Any]:
    return {"x": s.x()}


def features_of_two(s: Sample) -> dict[str, Any]:
    return {"x": s.x(), "batch": s.batch()}


def features_of_two_sides(s: Sample) -> dict[str, Any]:
    return {"x": (s.x(), s.x(more_nodes=3))}


def placed(s: Sample) -> dict[str, Any]:
    return {"x": s.x(), "pos": s.x(2), "edge_index": s.edge_index}


def placed_alone(s: Sample) -> dict[str, Any]:
    return {**placed(s), "x": None}


def placed_apart(s: Sample) -> dict[str, Any]:
    return {"x": (s.x(), None), "pos": (s.x(2), s.x(2, more_nodes=3)), "edge_index": s.edge_index}


def oriented(s: Sample) -> dict[str, Any]:
    return {"x": s.x(2), "pos": s.x(), "norm": s.x(), "edge_index": s.edge_index}


def oriented_alone(s: Sample) -> dict[str, Any]:
    return {**oriented(s), "x": None}


def oriented_apart(s: Sample) -> dict[str, Any]:
    """Both sides have as many points: PyG adds a loop for each of the receiving ones."""
    pairs = {name: (s.x(), s.x()) for name in ("pos", "norm")}
    return {"x": (s.x(2), None), **pairs, "edge_index": s.edge_index}


def cloud(s: Sample) -> dict[str, Any]:
    return {"x": s.x(4), "pos": s.x(2)}


def cloud_alone(s: Sample) -> dict[str, Any]:
    return {"x": None, "pos": s.x(2)}


def two_clouds(s: Sample) -> dict[str, Any]:
    return {**cloud(s), "batch": s.batch()}


def whole(s: Sample) -> dict[str, Any]:
    u = torch.randn(2, 2, dtype=torch.float64)
    return {**graph(s), "edge_attr": s.edge_attr(), "u": u, "batch": s.batch()}


def without_batch(s: Sample) -> dict[str, Any]:
    return {**graph(s), "edge_attr": s.edge_attr()}


def with_knn(make: Callable[[], nn.Module]) -> Callable[[], nn.Module]:
    """PyG's layer with the neighbour search that it has from pyg-lib, written out where that is not installed."""

    def made() -> nn.Module:
        import torch_geometric.typing

        if not torch_geometric.typing.WITH_KNN:
            torch_geometric.typing.WITH_KNN = True
            library = torch.library.Library("pyg", "FRAGMENT")
            library.define(
                "knn(Tensor x, Tensor y, Tensor? ptr_x, Tensor? ptr_y, int k, bool cosine, int workers) -> Tensor"
            )
            library.impl("knn", brute_knn, "CompositeExplicitAutograd")
            LIBRARIES.append(library)
        return make()

    return made


LIBRARIES: list[torch.library.Library] = []


def brute_knn(
    x: Tensor, y: Tensor, ptr_x: Tensor | None, ptr_y: Tensor | None, k: int, cosine: bool, workers: int
) -> Tensor:
    graph_x, graph_y = (
        None if ptr is None else torch.repeat_interleave(ptr.diff()) for ptr in (ptr_x, ptr_y)
    )
    found = [formulas.nearest(x, y, node, k, graph_x, graph_y) for node in range(y.size(0))]
    pairs = [(node, j) for node, near in enumerate(found) for j in near]
    return torch.tensor(pairs, dtype=torch.int64).reshape(-1, 2).t()


def theirs(name: str, make: Callable[[Any], nn.Module]) -> Callable[[], nn.Module]:
    """`make` is given the class of PyG of that name."""

    def made() -> nn.Module:
        import torch_geometric.nn

        return make(getattr(torch_geometric.nn, name)).double()

    return made


def edge(inputs: Inputs, aggr: str = "max", **options: Any) -> LayerCase:
    return LayerCase(
        "EdgeConv",
        f"{inputs.__name__}, {aggr}, {options}",
        lambda: EdgeConv(mlp(6), aggr, **options).double(),
        inputs,
        formulas.edge,
        theirs("EdgeConv", lambda c: c(mlp(6), aggr, **options)),
    )


def dynamic(inputs: Inputs, k: int = 3, aggr: str = "max") -> LayerCase:
    return LayerCase(
        "DynamicEdgeConv",
        f"{inputs.__name__}, k={k}, {aggr}",
        lambda: DynamicEdgeConv(mlp(6), k, aggr).double(),
        inputs,
        formulas.dynamic_edge,
        with_knn(theirs("DynamicEdgeConv", lambda c: c(mlp(6), k, aggr))),
        sizes=CLOUDS,
    )


def pyg_of_points(name: str, width: int, inputs: Inputs, options: dict[str, Any]) -> dict[str, Any]:
    """Its networks, and in a pair its loops, which ours has on demand."""
    if "apart" in inputs.__name__ and "add_self_loops" not in options:
        return {"without": {"PyG": "in a pair it adds loops, as ours with add_self_loops=True"}}
    return {"pyg": theirs(name, lambda c: c(mlp(width), mlp(4, 3), **options))}


def point(inputs: Inputs, width: int = 5, **options: Any) -> LayerCase:
    return LayerCase(
        "PointConv",
        f"{inputs.__name__}, {options}",
        lambda: PointConv(mlp(width), mlp(4, 3), **options).double(),
        inputs,
        formulas.point,
        **pyg_of_points("PointNetConv", width, inputs, options),
    )


def ppf(inputs: Inputs, width: int = 6, **options: Any) -> LayerCase:
    return LayerCase(
        "PPFConv",
        f"{inputs.__name__}, {options}",
        lambda: PPFConv(mlp(width), mlp(4, 3), **options).double(),
        inputs,
        formulas.ppf,
        pyg_names={"norm": "normal"},
        **pyg_of_points("PPFConv", width, inputs, options),
    )


def x_conv(inputs: Inputs, transposed: bool = True, in_channels: int = 4, **options: Any) -> LayerCase:
    """PyG's is the transposed one."""
    sizes = (in_channels, 6, 2, 3)
    return LayerCase(
        "XConv",
        f"{inputs.__name__}, transposed={transposed}, {options}",
        lambda: XConv(*sizes, transposed=transposed, **options).double(),
        inputs,
        formulas.x_conv,
        with_knn(theirs("XConv", lambda c: c(*sizes, **options))) if transposed else None,
        sizes=PYG_CLOUDS if transposed else CLOUDS,
        without={} if transposed else {"PyG": "multiplies by the transpose"},
    )


def meta(inputs: Inputs, **models: Callable[[], nn.Module]) -> LayerCase:
    def made() -> dict[str, nn.Module]:
        return {f"{name}_model": make() for name, make in models.items()}

    return LayerCase(
        "MetaLayer",
        f"{inputs.__name__}, {', '.join(models)}",
        lambda: MetaLayer(**made()).double(),
        inputs,
        formulas.meta,
        theirs("MetaLayer", lambda c: c(**made())),
        sizes=SIZES,
    )


WHOLE = {"edge": EdgeModel, "node": NodeModel, "global": GlobalModel}
CASES = [
    edge(graph),
    edge(graph, "add"),
    edge(graph, "mean", **FLIPPED),
    edge(alike_bipartite),
    dynamic(features),
    dynamic(features_of_two, aggr="mean"),
    dynamic(features_of_two_sides, k=2, aggr="add"),
    point(placed),
    point(placed_alone, width=2),
    point(placed, add_self_loops=False, **FLIPPED),
    point(placed, aggr="add"),
    point(placed_apart),
    point(placed_apart, add_self_loops=True),
    ppf(oriented),
    ppf(oriented_alone, width=4),
    ppf(oriented, add_self_loops=False, aggr="mean", **FLIPPED),
    ppf(oriented_apart, add_self_loops=True),
    x_conv(cloud, transposed=False),
    x_conv(two_clouds, transposed=False),
    x_conv(cloud_alone, transposed=False, in_channels=0, hidden_channels=3),
    x_conv(cloud),
    x_conv(cloud, dilation=2, bias=False, hidden_channels=2),
    meta(whole, **WHOLE),
    meta(without_batch, edge=EdgeModel),
    meta(whole, node=NodeModel),
    meta(whole, edge=EdgeModel, **{"global": GlobalModel}),
]
