"""EdgeConv, DynamicEdgeConv, PointConv, PPFConv, XConv, MetaLayer: from PyG's layer to ours, and back."""

from typing import Any

import torch

from geocompile import layers
from geocompile.pyg.carried import PYG_LINEAR, check_aggregation, check_layer, check_part, class_path
from geocompile.pyg.converters.shared import Converter, pyg_nn, require, writes_pairs_alike

_REDUCTIONS = ("add", "sum", "mean", "max", "min", "mul")


def edge_conv(old: Any) -> torch.nn.Module:
    """PyG's EdgeConv; the network itself is taken over as it is."""
    _check_networks(old, "nn")
    check_layer(old, _REDUCTIONS, {}, torch.nn.Identity())
    return layers.EdgeConv(old.nn, old.aggr, sender_first=True, flow=old.flow)


def to_edge_conv(old: layers.EdgeConv) -> torch.nn.Module:
    """PyG's EdgeConv; the network itself is taken over as it is."""
    writes_pairs_alike(old)
    new = pyg_nn().EdgeConv(torch.nn.Identity(), old.aggr, flow=old.flow)
    new.nn = old.nn
    return new  # type: ignore[no-any-return]


def dynamic_edge_conv(old: Any) -> torch.nn.Module:
    """PyG's DynamicEdgeConv; the network itself is taken over as it is."""
    _check_networks(old, "nn")
    require(old.flow == "source_to_target", "its flow was changed")
    check_layer(old, _REDUCTIONS, {}, torch.nn.Identity(), 1)
    return layers.DynamicEdgeConv(old.nn, old.k, old.aggr, old.num_workers)


def to_dynamic_edge_conv(old: layers.DynamicEdgeConv) -> torch.nn.Module:
    """PyG's DynamicEdgeConv; the network itself is taken over as it is."""
    new = pyg_nn().DynamicEdgeConv(torch.nn.Identity(), old.k, old.aggr, old.num_workers)
    new.nn = old.nn
    return new  # type: ignore[no-any-return]


def point_conv(old: Any) -> torch.nn.Module:
    """PyG's PointNetConv, which adds loops to pairs too; the networks themselves are taken over as they are."""
    return _of_points(old, layers.PointConv)


def ppf_conv(old: Any) -> torch.nn.Module:
    """PyG's PPFConv, which adds loops to pairs too; the networks themselves are taken over as they are."""
    return _of_points(old, layers.PPFConv)


def _of_points(old: Any, layer: Any) -> torch.nn.Module:
    _check_networks(old, "local_nn", "global_nn")
    networks = {
        name: None if getattr(old, name) is None else torch.nn.Identity()
        for name in ("local_nn", "global_nn")
    }
    check_layer(old, _REDUCTIONS, {}, **networks)
    new: torch.nn.Module = layer(
        old.local_nn,
        old.global_nn,
        add_self_loops=old.add_self_loops,
        aggr=old.aggr,
        sender_first=True,
        flow=old.flow,
    )
    return new


def to_point_conv(old: layers.PointConv) -> torch.nn.Module:
    """PyG's PointNetConv."""
    return _to_points(old, pyg_nn().PointNetConv)


def to_ppf_conv(old: layers.PPFConv) -> torch.nn.Module:
    """PyG's PPFConv, which calls ``norm`` ``normal``."""
    return _to_points(old, pyg_nn().PPFConv)


def _to_points(old: Any, layer: Any) -> torch.nn.Module:
    """The networks are set afterwards: the constructor would draw their weights anew."""
    writes_pairs_alike(old)
    require(
        old.add_self_loops is not None,
        "in a pair PyG makes node k of both sides neighbours; say add_self_loops=True or False",
    )
    new = layer(None, None, old.add_self_loops, aggr=old.aggr, flow=old.flow)
    new.local_nn, new.global_nn = old.local_nn, old.global_nn
    return new  # type: ignore[no-any-return]


def x_conv(old: Any) -> torch.nn.Module:
    """PyG's XConv, which multiplies by the transpose and takes every d-th neighbour in training too."""
    return _x_conv(old, type(old), layers.XConv, transposed=True, random_dilation=False)


def to_x_conv(old: layers.XConv) -> torch.nn.Module:
    """PyG's XConv."""
    require(old.transposed, "PyG multiplies by the transpose; transposed=True does so too")
    require(
        old.dilation == 1 or not old.random_dilation,
        "in training PyG takes every d-th neighbour; random_dilation=False does so too",
    )
    return _x_conv(old, layers.XConv, pyg_nn().XConv)


def _x_conv(old: Any, kind: Any, other: Any, **options: Any) -> torch.nn.Module:
    arguments = (
        old.in_channels,
        old.out_channels,
        old.dim,
        old.kernel_size,
        old.hidden_channels,
        old.dilation,
        old.conv[2].bias is not None,
        old.num_workers,
    )
    new: torch.nn.Module = other(*arguments, **options)
    for name, fresh in kind(*arguments).named_modules():
        check_part(old.get_submodule(name), fresh, name or "layer")
    for name in ("mlp1", "mlp2", "conv"):
        ours, theirs = new.get_submodule(name), old.get_submodule(name)
        for place, part in enumerate(theirs):
            _take_part(ours, place, part)
    return new


def _take_part(sequence: Any, place: int, part: torch.nn.Module) -> None:
    """A linear map gives its parameters; what both have of torch stands in both."""
    if class_path(part) == PYG_LINEAR or type(part) is torch.nn.Linear:
        sequence[place].weight, sequence[place].bias = part.weight, part.bias
    elif type(part).__module__.startswith("torch.nn."):
        sequence[place] = part


def meta_layer(old: Any) -> torch.nn.Module:
    """PyG's MetaLayer; the models themselves are taken over as they are."""
    check_aggregation(old, **{f"{name}_model": _like(getattr(old, f"{name}_model")) for name in _MODELS})
    return layers.MetaLayer(old.edge_model, old.node_model, old.global_model)


def to_meta_layer(old: layers.MetaLayer) -> torch.nn.Module:
    """PyG's MetaLayer; the models are set afterwards: the constructor would draw their weights anew."""
    new = pyg_nn().MetaLayer()
    for name in _MODELS:
        setattr(new, f"{name}_model", getattr(old, f"{name}_model"))
    return new  # type: ignore[no-any-return]


_MODELS = ("edge", "node", "global")


def _like(model: Any) -> Any:
    return torch.nn.Identity() if isinstance(model, torch.nn.Module) else model


def _check_networks(old: Any, *names: str) -> None:
    """Refuse another node dimension, and networks that are no modules."""
    require(old.node_dim in (-2, 0), f"its node_dim is {old.node_dim}, not that of a matrix of features")
    for name in names:
        network = getattr(old, name)
        require(
            network is None or isinstance(network, torch.nn.Module), f"its {name} is a function, not a module"
        )


FROM_PYG: dict[str, Converter] = {
    "torch_geometric.nn.conv.edge_conv.EdgeConv": edge_conv,
    "torch_geometric.nn.conv.edge_conv.DynamicEdgeConv": dynamic_edge_conv,
    "torch_geometric.nn.conv.point_conv.PointNetConv": point_conv,
    "torch_geometric.nn.conv.ppf_conv.PPFConv": ppf_conv,
    "torch_geometric.nn.conv.x_conv.XConv": x_conv,
    "torch_geometric.nn.models.meta.MetaLayer": meta_layer,
}
TO_PYG: dict[type[torch.nn.Module], Converter] = {
    layers.EdgeConv: to_edge_conv,
    layers.DynamicEdgeConv: to_dynamic_edge_conv,
    layers.PointConv: to_point_conv,
    layers.PPFConv: to_ppf_conv,
    layers.XConv: to_x_conv,
    layers.MetaLayer: to_meta_layer,
}
