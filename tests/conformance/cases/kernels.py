"""RGCNConv, GMMConv, SplineConv, NNConv, CGConv, GINEConv."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from geocompile.layers import CGConv, GINEConv, GMMConv, NNConv, RGCNConv, SplineConv
from tests.conformance.case import LayerCase, Sample
from tests.conformance.cases.neighbourhoods import (
    FLIPPED,
    Inputs,
    alike_bipartite,
    bipartite,
    graph,
    pyg_layer,
    with_edge_attr,
    without_engines,
)
from tests.conformance.formulas import kernels as formulas

RELATIONS = 3
NODES = 11  # of the graphs whose nodes have no features


def typed(s: Sample) -> dict[str, Any]:
    return {**graph(s), "edge_type": s.edge_type(RELATIONS)}


def typed_four(s: Sample) -> dict[str, Any]:
    return {**typed(s), "x": s.x(4)}


def typed_normed(s: Sample) -> dict[str, Any]:
    return {**typed(s), "edge_norm": s.weight()}


def typed_bipartite(s: Sample) -> dict[str, Any]:
    return {**bipartite(s), "edge_type": s.edge_type(RELATIONS)}


def typed_numbers(s: Sample) -> dict[str, Any]:
    return {**typed(s), "x": torch.randint(0, NODES, (s.num_nodes,))}


def typed_without_features(s: Sample) -> dict[str, Any]:
    return {**typed(s), "x": None}


def bipartite_with_edge_attr(s: Sample) -> dict[str, Any]:
    return {**bipartite(s), "edge_attr": s.edge_attr()}


def one_sided(s: Sample) -> dict[str, Any]:
    size = s.num_nodes, s.num_nodes + 3
    return {"x": (s.x(), None), "edge_index": s.edge_index, "edge_attr": s.edge_attr(), "size": size}


def with_one_number(s: Sample) -> dict[str, Any]:
    return {**graph(s), "edge_attr": s.weight()}


def alike_bipartite_with_edge_attr(s: Sample) -> dict[str, Any]:
    return {**alike_bipartite(s), "edge_attr": s.edge_attr()}


def on_a_line(s: Sample) -> dict[str, Any]:
    return {**graph(s), "pseudo": s.pseudo(1)}


def on_a_plane(s: Sample) -> dict[str, Any]:
    return {**graph(s), "pseudo": s.pseudo(2)}


def bipartite_on_a_plane(s: Sample) -> dict[str, Any]:
    return {**bipartite(s), "pseudo": s.pseudo(2)}


def rgcn(
    in_channels: Any, inputs: Inputs, without: dict[str, str] | None = None, **options: Any
) -> LayerCase:
    return LayerCase(
        "RGCNConv",
        f"{inputs.__name__}, {in_channels} -> 6, {options}",
        lambda: RGCNConv(in_channels, 6, RELATIONS, **options).double(),
        inputs,
        formulas.rgcn,
        None if without and "PyG" in without else pyg_layer("RGCNConv", in_channels, 6, RELATIONS, **options),
        sizes=((NODES, 40), (NODES, 0))
        if inputs is typed_without_features
        else ((6, 14), (11, 40), (4, 0), (0, 0)),
        without=without or {},
    )


def gmm(in_channels: Any, inputs: Inputs, **options: Any) -> LayerCase:
    """PyG's has no 1/K, and no `root_weight=False`."""
    fails = not options.get("root_weight", True)
    shared = {name: value for name, value in options.items() if name != "kernel_average"}
    theirs = None if fails or options.get("kernel_average", True) else shared
    reason = "fails with root_weight=False" if fails else "PyG leaves out the factor 1/K of the formula"
    return LayerCase(
        "GMMConv",
        f"{inputs.__name__}, {in_channels} -> 4, {options}",
        lambda: GMMConv(in_channels, 4, dim=2, kernel_size=3, **options).double(),
        inputs,
        formulas.gmm,
        None if theirs is None else pyg_layer("GMMConv", in_channels, 4, dim=2, kernel_size=3, **theirs),
        without={"PyG": reason} if theirs is None else {},
    )


def spline(in_channels: Any, dim: int, inputs: Inputs, **options: Any) -> LayerCase:
    theirs = {name: value for name, value in options.items() if name != "norm"}
    theirs.setdefault("aggr", "mean" if options.get("norm", True) else "add")
    return LayerCase(
        "SplineConv",
        f"{inputs.__name__}, {in_channels} -> 4, {options}",
        lambda: SplineConv(in_channels, 4, dim, **options).double(),
        inputs,
        formulas.spline,
        pyg_spline(in_channels, 4, dim, **theirs),
        pyg_names={"pseudo": "edge_attr"},
    )


def pyg_spline(*arguments: Any, **options: Any) -> Callable[[], torch.nn.Module]:
    """PyG's layer, with the two operators that it has from pyg-lib written out where that is not installed."""

    def make() -> torch.nn.Module:
        import torch_geometric.nn
        from torch_geometric.nn.conv import spline_conv

        if spline_conv.spline_basis is None:
            spline_conv.spline_basis, spline_conv.spline_weighting = spline_basis, spline_weighting
        layer: torch.nn.Module = torch_geometric.nn.SplineConv(*arguments, **options)
        return layer.double()

    return make


def spline_basis(pseudo: Tensor, kernel_size: Tensor, is_open: Tensor, degree: int) -> tuple[Tensor, Tensor]:
    """All kernels are named, those far away with weight 0."""
    each = torch.eye(int(kernel_size.prod()), dtype=pseudo.dtype)[
        :, None, :, None
    ]  # a kernel's matrix is its number
    rows = [formulas.spline_matrix(each[:, 0], kernel_size, is_open, degree, row)[:, 0] for row in pseudo]
    basis = torch.stack(rows) if rows else pseudo.new_zeros(0, each.size(0))
    return basis, torch.arange(each.size(0)).expand(basis.shape)


def spline_weighting(x: Tensor, weight: Tensor, basis: Tensor, kernel: Tensor) -> Tensor:
    return torch.einsum("es,ei,esio->eo", basis, x, weight[kernel])


def nn(
    in_channels: Any, inputs: Inputs, edge_dim: int = 2, network: str = "mlp", **options: Any
) -> LayerCase:
    size = 5 * (in_channels[0] if isinstance(in_channels, tuple) else in_channels)

    def edges() -> torch.nn.Module:
        networks = {
            "mlp": lambda: torch.nn.Sequential(
                torch.nn.Linear(edge_dim, 4), torch.nn.Tanh(), torch.nn.Linear(4, size)
            ),
            "linear": lambda: torch.nn.Linear(edge_dim, size, bias=False),
            "tanh at the end": lambda: torch.nn.Sequential(torch.nn.Linear(edge_dim, size), torch.nn.Tanh()),
        }
        return networks[network]()

    return LayerCase(
        "NNConv",
        f"{inputs.__name__}, {in_channels} -> 5, {network}, {options}",
        lambda: NNConv(in_channels, 5, edges(), **options).double(),
        inputs,
        formulas.nn,
        lambda: pyg_layer("NNConv", in_channels, 5, edges(), **options)(),
        without={"PyG": "takes no edge_attr of one dimension"} if inputs is with_one_number else {},
    )


def cg(channels: Any, inputs: Inputs, dim: int = 0, **options: Any) -> LayerCase:
    return LayerCase(
        "CGConv",
        f"{inputs.__name__}, {channels}, dim={dim}, {options}",
        lambda: CGConv(channels, dim, **options).double(),
        inputs,
        formulas.cg,
        pyg_layer("CGConv", channels, dim, **options),
    )


def gine(inputs: Inputs, edge_dim: int | None = 2, **options: Any) -> LayerCase:
    def network() -> torch.nn.Sequential:
        return torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Softplus(), torch.nn.Linear(4, 5))

    return LayerCase(
        "GINEConv",
        f"{inputs.__name__}, edge_dim={edge_dim}, {options}",
        lambda: GINEConv(network(), edge_dim=edge_dim, **options).double(),
        inputs,
        formulas.gine,
        lambda: pyg_layer("GINEConv", network(), edge_dim=edge_dim, **options)(),
    )


def with_wide_edge_attr(s: Sample) -> dict[str, Any]:
    return {**graph(s), "edge_attr": s.edge_attr(3)}


NO_NORM = {"PyG": "has no edge_norm"}
RGCN = [
    rgcn(3, typed, num_bases=2),
    rgcn(3, typed),
    rgcn(4, typed_four, num_blocks=2),
    rgcn(3, typed, root_weight=False, bias=False, **FLIPPED),
    *(rgcn(3, typed, num_bases=2, aggr=aggr) for aggr in ("add", "max")),
    rgcn(3, typed_normed, NO_NORM, num_bases=4),
    rgcn((3, 4), typed_bipartite, num_bases=2),
    rgcn(NODES, typed_numbers, num_bases=2),
    rgcn(NODES, typed_without_features, num_bases=2, aggr="max"),
]
GMM = [
    gmm(3, with_edge_attr),
    gmm(3, with_edge_attr, kernel_average=False),
    gmm(3, with_edge_attr, separate_gaussians=True),
    gmm(3, with_edge_attr, separate_gaussians=True, kernel_average=False, aggr="add"),
    gmm(3, with_edge_attr, kernel_average=False, aggr="max", **FLIPPED),
    gmm(3, with_edge_attr, root_weight=False, bias=False),
    gmm((3, 4), bipartite_with_edge_attr, kernel_average=False),
    without_engines(gmm((3, 4), one_sided, kernel_average=False)),
]
SPLINE = [
    spline(3, 2, on_a_plane, kernel_size=3),
    spline(3, 1, on_a_line, kernel_size=5, norm=False, root_weight=False, bias=False),
    spline(3, 2, on_a_plane, kernel_size=[4, 3], is_open_spline=[False, True], degree=2),
    spline(3, 1, on_a_line, kernel_size=5, degree=3, **FLIPPED),
    spline(3, 2, on_a_plane, kernel_size=3, aggr="max"),
    spline((3, 4), 2, bipartite_on_a_plane, kernel_size=3),
]
NN = [
    nn(3, with_edge_attr),
    nn(3, with_edge_attr, aggr="mean", root_weight=False, bias=False, **FLIPPED),
    nn(3, with_edge_attr, network="linear"),
    nn(3, with_edge_attr, network="tanh at the end"),
    nn(3, with_edge_attr, aggr="max"),
    nn((3, 4), bipartite_with_edge_attr, aggr="mean"),
    nn(3, with_one_number, edge_dim=1),
]
CG = [
    cg(3, with_edge_attr, dim=2),
    cg(3, graph),
    cg(3, with_edge_attr, dim=2, aggr="mean", bias=False, batch_norm=True),
    cg(3, with_edge_attr, dim=2, aggr="max", **FLIPPED),
    cg((3, 4), bipartite_with_edge_attr, dim=2),
]
GINE = [
    gine(with_edge_attr),
    gine(with_wide_edge_attr, edge_dim=None),
    gine(with_edge_attr, eps=-0.25, train_eps=True, **FLIPPED),
    gine(with_edge_attr, aggr="max"),
    gine(alike_bipartite_with_edge_attr, eps=0.5, train_eps=True),
]
CASES = [*RGCN, *GMM, *SPLINE, *NN, *CG, *GINE]
