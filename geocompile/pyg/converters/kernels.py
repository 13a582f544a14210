"""RGCNConv, GMMConv, SplineConv, NNConv, CGConv, GINEConv: options and weights from PyG's layer to ours, and back."""

from typing import Any

import torch

from geocompile import layers
from geocompile.pyg.carried import KeepError, check_layer, check_shaped, class_path
from geocompile.pyg.converters.shared import Converter, pyg_nn, require, take_over, writes_pairs_alike

_REDUCTIONS = ("add", "sum", "mean", "max", "min", "mul")
_OF_CG: dict[str, tuple[str, ...]] = dict.fromkeys(("lin_f", "lin_s"), ("weight", "bias"))
_OF_LINEAR: dict[bool, dict[str, tuple[str, ...]]] = {False: {}, True: {"lin": ("weight",)}}


def rgcn_conv(old: Any) -> torch.nn.Module:
    """PyG's RGCNConv."""
    vars(old).pop("_use_segment_matmul_heuristic_output", None)  # a note of its last call
    require(old.node_dim == 0, "its node_dim is not 0")
    sizes = {name: None if getattr(old, name) is None else 1 for name in ("num_bases", "num_blocks")}
    check_layer(old, _REDUCTIONS, {}, 1, 1, 1, root_weight=old.root is not None, **sizes)
    new = layers.RGCNConv(
        old.in_channels,
        old.out_channels,
        old.num_relations,
        old.num_bases,
        old.bias is not None,
        num_blocks=old.num_blocks,
        aggr=old.aggr,
        root_weight=old.root is not None,
        is_sorted=old.is_sorted,
        sender_first=True,
        flow=old.flow,
    )
    return take_over(new, old, {}, ("weight", "comp", "root", "bias"))


def to_rgcn_conv(old: layers.RGCNConv) -> torch.nn.Module:
    """PyG's RGCNConv."""
    writes_pairs_alike(old)
    new = pyg_nn().RGCNConv(
        old.in_channels,
        old.out_channels,
        old.num_relations,
        old.num_bases,
        old.num_blocks,
        old.aggr,
        old.root is not None,
        old.is_sorted,
        old.bias is not None,
        flow=old.flow,
    )
    return take_over(new, old, {}, ("weight", "comp", "root", "bias"))


def gmm_conv(old: Any) -> torch.nn.Module:
    """PyG's GMMConv, without the factor 1/K."""
    _check_plain(old, "g")
    linears: dict[str, tuple[str, ...]] = {"root": ("weight",)}
    check_layer(old, _REDUCTIONS, linears, 1, 1, 1, 1, separate_gaussians=old.separate_gaussians)
    new = layers.GMMConv(
        (old.g.size(0), old.root.in_channels),
        old.out_channels,
        old.dim,
        old.kernel_size,
        old.separate_gaussians,
        old.aggr,
        bias=old.bias is not None,
        kernel_average=False,
        sender_first=True,
        flow=old.flow,
    )
    new.in_channels = old.in_channels
    return take_over(new, old, linears, ("g", "mu", "sigma", "bias"))


def to_gmm_conv(old: layers.GMMConv) -> torch.nn.Module:
    """PyG's GMMConv."""
    require(
        not old.kernel_average or old.kernel_size == 1,
        "PyG does not divide by the number of kernels; kernel_average=False does so neither",
    )
    require(old.root is not None, "PyG's GMMConv fails with root_weight=False")
    writes_pairs_alike(old)
    new = pyg_nn().GMMConv(
        old.in_channels,
        old.out_channels,
        old.dim,
        old.kernel_size,
        old.separate_gaussians,
        old.aggr,
        bias=old.bias is not None,
        flow=old.flow,
    )
    return take_over(new, old, {"root": ("weight",)}, ("g", "mu", "sigma", "bias"))


def spline_conv(old: Any) -> torch.nn.Module:
    """PyG's SplineConv, in which coordinates outside [0, 1] wrap around."""
    _check_plain(old, "weight")
    linears = _OF_LINEAR[old.root_weight]
    check_layer(old, _REDUCTIONS, linears, 1, 1, 1, 2, root_weight=old.root_weight)
    source = old.weight.size(1)
    new = layers.SplineConv(
        (source, old.lin.in_channels if old.root_weight else source),
        old.out_channels,
        old.dim,
        old.kernel_size.tolist(),
        old.is_open_spline.bool().tolist(),
        old.degree,
        aggr=old.aggr,
        root_weight=old.root_weight,
        bias=old.bias is not None,
        check_pseudo=False,
        sender_first=True,
        flow=old.flow,
    )
    new.in_channels = old.in_channels
    return take_over(new, old, linears, ("weight", "bias", "kernel_size", "is_open_spline"))


def to_spline_conv(old: layers.SplineConv) -> torch.nn.Module:
    """PyG's SplineConv, which does not look at the range of coordinates."""
    writes_pairs_alike(old)
    new = pyg_nn().SplineConv(
        old.in_channels,
        old.out_channels,
        old.dim,
        old.kernel_size.tolist(),
        old.is_open_spline.bool().tolist(),
        old.degree,
        old.aggr,
        old.root_weight,
        old.bias is not None,
        flow=old.flow,
    )
    return take_over(
        new, old, _OF_LINEAR[old.root_weight], ("weight", "bias", "kernel_size", "is_open_spline")
    )


def nn_conv(old: Any) -> torch.nn.Module:
    """PyG's NNConv; the network itself is taken over as it is."""
    _check_network(old)
    linears = _OF_LINEAR[old.root_weight]
    check_layer(old, _REDUCTIONS, linears, 1, 1, torch.nn.Identity(), root_weight=old.root_weight)
    source = old.in_channels_l
    new = layers.NNConv(
        (source, old.lin.in_channels if old.root_weight else source),
        old.out_channels,
        old.nn,
        old.aggr,
        old.root_weight,
        old.bias is not None,
        sender_first=True,
        flow=old.flow,
    )
    new.in_channels = old.in_channels
    return take_over(new, old, linears, ("bias",))


def to_nn_conv(old: layers.NNConv) -> torch.nn.Module:
    """PyG's NNConv; the network itself is taken over as it is."""
    require(old.source_channels > 0, "PyG's NNConv cannot infer in_channels; give the number")
    writes_pairs_alike(old)
    new = pyg_nn().NNConv(
        old.in_channels,
        old.out_channels,
        torch.nn.Identity(),
        old.aggr,
        old.root_weight,
        old.bias is not None,
        flow=old.flow,
    )
    new.nn = old.nn
    return take_over(new, old, _OF_LINEAR[old.root_weight], ("bias",))


def cg_conv(old: Any) -> torch.nn.Module:
    """PyG's CGConv."""
    _check_node_dim(old)
    check_layer(old, _REDUCTIONS, {}, 1, batch_norm=old.batch_norm)
    for name in _OF_CG:  # torch's here, not PyG's
        linear = getattr(old, name)
        require(type(linear) is torch.nn.Linear, f"its {name} is a {class_path(linear)}, not torch's Linear")
    new = layers.CGConv(
        old.channels,
        old.dim,
        old.aggr,
        old.batch_norm,
        old.lin_f.bias is not None,
        sender_first=True,
        flow=old.flow,
    )
    return take_over(new, old, _OF_CG, ("bn",))


def to_cg_conv(old: layers.CGConv) -> torch.nn.Module:
    """PyG's CGConv."""
    writes_pairs_alike(old)
    new = pyg_nn().CGConv(
        old.channels, old.dim, old.aggr, old.batch_norm, old.lin_f.bias is not None, flow=old.flow
    )
    return take_over(new, old, _OF_CG, ("bn",))


def gine_conv(old: Any) -> torch.nn.Module:
    """PyG's GINEConv; the network itself is taken over as it is."""
    _check_network(old)
    has_edges = old.lin is not None
    linears: dict[str, tuple[str, ...]] = {"lin": ("weight", "bias")} if has_edges else {}
    train_eps = isinstance(old.eps, torch.nn.Parameter)
    network = torch.nn.Linear(1, 1)
    check_layer(old, _REDUCTIONS, linears, network, train_eps=train_eps, edge_dim=1 if has_edges else None)
    new = layers.GINEConv(
        old.nn,
        old.initial_eps,
        train_eps,
        old.lin.in_channels if has_edges else None,
        aggr=old.aggr,
        in_channels=old.lin.out_channels if has_edges else None,
        sender_first=True,
        flow=old.flow,
    )
    return take_over(new, old, linears, ("eps",))


def to_gine_conv(old: layers.GINEConv) -> torch.nn.Module:
    """PyG's GINEConv; the network itself is taken over as it is."""
    writes_pairs_alike(old)
    has_edges = old.lin is not None
    network = torch.nn.Linear(old.lin.out_features, 1) if old.lin is not None else torch.nn.Identity()
    new = pyg_nn().GINEConv(
        network,
        old.initial_eps,
        isinstance(old.eps, torch.nn.Parameter),
        old.lin.in_features if old.lin is not None else None,
        aggr=old.aggr,
        flow=old.flow,
    )
    new.nn = old.nn
    return take_over(new, old, {"lin": ("weight", "bias")} if has_edges else {}, ("eps",))


def _check_plain(old: Any, name: str) -> None:
    """Refuse another node dimension, and a layer of which a parameter has no size yet."""
    _check_node_dim(old)
    check_shaped(getattr(old, name), name)


def _check_node_dim(old: Any) -> None:
    require(old.node_dim in (-2, 0), f"its node_dim is {old.node_dim}, not that of a matrix of features")


def _check_network(old: Any) -> None:
    """Refuse another node dimension, and a network that is no module."""
    _check_node_dim(old)
    if not isinstance(old.nn, torch.nn.Module):
        raise KeepError("its nn is a function, not a module")


FROM_PYG: dict[str, Converter] = {
    "torch_geometric.nn.conv.rgcn_conv.RGCNConv": rgcn_conv,
    "torch_geometric.nn.conv.gmm_conv.GMMConv": gmm_conv,
    "torch_geometric.nn.conv.spline_conv.SplineConv": spline_conv,
    "torch_geometric.nn.conv.nn_conv.NNConv": nn_conv,
    "torch_geometric.nn.conv.cg_conv.CGConv": cg_conv,
    "torch_geometric.nn.conv.gin_conv.GINEConv": gine_conv,
}
TO_PYG: dict[type[torch.nn.Module], Converter] = {
    layers.RGCNConv: to_rgcn_conv,
    layers.GMMConv: to_gmm_conv,
    layers.SplineConv: to_spline_conv,
    layers.NNConv: to_nn_conv,
    layers.CGConv: to_cg_conv,
    layers.GINEConv: to_gine_conv,
}
