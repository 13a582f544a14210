"""ChebConv, SGConv, APPNP and the other layers that propagate along a normalised graph."""

from collections.abc import Callable
from typing import Any

import torch

from geocompile.layers import APPNP, ChebConv, GCN2Conv, LEConv, SGConv, TAGConv
from tests.conformance.case import LayerCase, Sample
from tests.conformance.cases.neighbourhoods import (
    FLIPPED,
    Inputs,
    graph,
    pyg_layer,
    weighted,
    weighted_bipartite,
)
from tests.conformance.formulas import spectral as formulas

ONLY_WITH_KEYWORD = {
    "PyG": "PyG 2.8.1 has this meaning on undirected graphs only; the other cases compare its own"
}


def batched(s: Sample) -> dict[str, Any]:
    """Two graphs, each with an eigenvalue of its own."""
    batch = s.batch()
    inside = batch[s.edge_index[0]] == batch[s.edge_index[1]]
    return {
        "x": s.x(),
        "edge_index": s.edge_index[:, inside],
        "edge_weight": s.weight()[inside],
        "batch": batch,
        "lambda_max": torch.rand(2, dtype=torch.float64) + 1.5,
    }


def one_eigenvalue(s: Sample) -> dict[str, Any]:
    return {**weighted(s), "lambda_max": torch.tensor(1.7, dtype=torch.float64)}


def cheb(inputs: Inputs, K: int, pyg: bool = True, **options: Any) -> LayerCase:
    """As PyG counts degrees, unless `pyg` is False: then as the formula does."""
    own = {"degree_at_row_0": True, "lambda_max_from_entries": options.get("normalization", "sym") is None}
    kept = {name: value for name, value in options.items() if name not in own}
    ours = {**own, **options} if pyg else options
    return LayerCase(
        "ChebConv",
        f"{inputs.__name__}, {K=}, {ours}",
        lambda: ChebConv(3, 4, K, **ours).double(),
        inputs,
        formulas.cheb,
        pyg_layer("ChebConv", 3, 4, K, **kept) if pyg else None,
        without={} if pyg else ONLY_WITH_KEYWORD,
    )


def layer(
    cls: type[torch.nn.Module],
    inputs: Inputs,
    formula: Callable[..., Any],
    *arguments: Any,
    **options: Any,
) -> LayerCase:
    """A layer whose arguments are PyG's."""
    named = {name: getattr(value, "__name__", value) for name, value in options.items()}
    shown = ", ".join(map(str, [*arguments, named]))
    return LayerCase(
        cls.__name__,
        f"{inputs.__name__}, {shown}",
        lambda: cls(*arguments, **options).double(),
        inputs,
        formula,
        pyg_layer(cls.__name__, *arguments, **options),
    )


def sg(out_channels: int, inputs: Inputs, **options: Any) -> LayerCase:
    return layer(SGConv, inputs, formulas.sg, 3, out_channels, **options)


def appnp(inputs: Inputs, **options: Any) -> LayerCase:
    return layer(APPNP, inputs, formulas.appnp, 3, 0.2, **options)


def tag(out_channels: int, inputs: Inputs, **options: Any) -> LayerCase:
    return layer(TAGConv, inputs, formulas.tag, 3, out_channels, **options)


def with_first(s: Sample) -> dict[str, Any]:
    return {"x": s.x(), "x_0": s.x(), "edge_index": s.edge_index, "edge_weight": s.weight()}


def gcn2(**options: Any) -> LayerCase:
    return layer(GCN2Conv, with_first, formulas.gcn2, 3, 0.2, **options)


def le(in_channels: Any, inputs: Inputs, **options: Any) -> LayerCase:
    return layer(LEConv, inputs, formulas.le, in_channels, 4, **options)


CHEB = [
    cheb(weighted, 3, pyg=False),
    cheb(graph, 1, bias=False),
    cheb(graph, 2, **FLIPPED),
    *(cheb(weighted, 3, normalization=name) for name in ("sym", "rw", None)),
    *(cheb(weighted, 3, pyg=False, normalization=name) for name in ("rw", None)),
    cheb(batched, 3, normalization="rw"),
    cheb(one_eigenvalue, 4),
    *(cheb(weighted, 3, aggr=aggr) for aggr in ("mean", "max", "min")),
]
SG = [
    sg(4, weighted, K=2),
    sg(2, graph, K=2, bias=False),
    sg(4, graph, K=3, **FLIPPED),
    sg(2, weighted, add_self_loops=False),
    *(sg(2, weighted, K=2, aggr=aggr) for aggr in ("mean", "max")),
]
APPNP_CASES = [
    appnp(graph),
    appnp(weighted, **FLIPPED),
    appnp(weighted, add_self_loops=False, dropout=0.5),
    appnp(graph, normalize=False),
    *(appnp(weighted, aggr=aggr) for aggr in ("mean", "max")),
]
TAG = [
    tag(4, weighted, K=2),
    tag(2, graph, bias=False, **FLIPPED),
    tag(2, weighted, K=1, normalize=False),
    *(tag(2, weighted, K=2, aggr=aggr) for aggr in ("mean", "max")),
]
GCN2 = [
    gcn2(theta=0.5, layer=2),
    gcn2(shared_weights=False, theta=1.0, layer=1, **FLIPPED),
    gcn2(normalize=False),
    *(gcn2(add_self_loops=False, aggr=aggr) for aggr in ("mean", "max")),
]
LE = [
    le(3, weighted),
    le(3, graph, bias=False, **FLIPPED),
    le((3, 4), weighted_bipartite),
    le(3, weighted, aggr="mean"),
]
CASES = [*CHEB, *SG, *APPNP_CASES, *TAG, *GCN2, *LE]
