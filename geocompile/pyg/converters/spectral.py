"""ChebConv, SGConv, APPNP and their like: options and weights from PyG's layer to ours, and back."""

from typing import Any

import torch

from geocompile import layers
from geocompile.pyg.carried import KeepError, check_layer
from geocompile.pyg.converters.neighbourhoods import cached_graph
from geocompile.pyg.converters.shared import Converter, pyg_nn, require, take_over, writes_pairs_alike

_REDUCTIONS = ("add", "sum", "mean", "max", "min")


def where(old: Any) -> dict[str, Any]:
    """The options that every layer has, on both sides."""
    return {"aggr": old.aggr, "flow": old.flow, "node_dim": old.node_dim}


def linears_of(old: Any) -> dict[str, tuple[str, ...]]:
    """The linear layers of its list, without a bias."""
    return {f"lins.{k}": ("weight",) for k in range(len(old.lins))}


def in_matrices(old: Any) -> None:
    """Refuse a ``node_dim`` with which PyG multiplies weights and features along different dimensions.

    Raises:
        KeepError: nodes are not the last dimension but one.
    """
    if old.node_dim != -2:
        raise KeepError(f"its messages want node_dim=-2, and it has {old.node_dim}")


def no_cache(old: Any) -> None:
    """Refuse a layer of ours that would lose its cache.

    Raises:
        KeepError: the cache is filled.
    """
    require(old._cached is None, "its cache is filled; reset_parameters forgets it")


def cheb_conv(old: Any) -> torch.nn.Module:
    """PyG's ChebConv, which takes degrees at row 0 and guesses the largest eigenvalue."""
    linears = linears_of(old)
    check_layer(old, _REDUCTIONS, linears, 1, 1, len(old.lins))
    in_matrices(old)
    new = layers.ChebConv(
        old.lins[0].in_channels,
        old.out_channels,
        len(old.lins),
        old.bias is not None,
        normalization=old.normalization,
        degree_at_row_0=True,
        lambda_max_from_entries=True,
        **where(old),
    )
    return take_over(new, old, linears, ("bias",))


def sg_conv(old: Any) -> torch.nn.Module:
    """PyG's SGConv."""
    check_layer(old, _REDUCTIONS, {"lin": ("weight", "bias")}, 1, 1)
    in_matrices(old)
    if old._cached_x is not None:
        raise KeepError("its cache is filled, and does not tell the x that it belongs to")
    new = layers.SGConv(
        old.lin.in_channels,
        old.out_channels,
        old.K,
        old.cached,
        old.lin.bias is not None,
        add_self_loops=old.add_self_loops,
        **where(old),
    )
    return take_over(new, old, {"lin": ("weight", "bias")})


def appnp(old: Any) -> torch.nn.Module:
    """PyG's APPNP."""
    check_layer(old, _REDUCTIONS, {}, 1, 0.1)
    in_matrices(old)
    if old.dropout > 0 and old.aggr in ("max", "min"):
        raise KeepError(f"its dropout leaves terms out of aggr={old.aggr!r}")
    new = layers.APPNP(
        old.K,
        old.alpha,
        dropout=old.dropout,
        cached=old.cached,
        add_self_loops=old.add_self_loops and old.normalize,
        normalize=old.normalize,
        **where(old),
    )
    new._cached = cached_graph(old)
    return new


def to_cheb_conv(old: layers.ChebConv) -> torch.nn.Module:
    """PyG's ChebConv."""
    require(
        old.degree_at_row_0 or old.flow == "target_to_source",
        "PyG takes degrees at row 0 of edge_index; degree_at_row_0=True does so too",
    )
    require(
        old.lambda_max_from_entries,
        "PyG guesses the largest eigenvalue; lambda_max_from_entries=True does so too",
    )
    new = pyg_nn().ChebConv(
        old.in_channels,
        old.out_channels,
        len(old.lins),
        old.normalization,
        old.bias is not None,
        **where(old),
    )
    return take_over(new, old, linears_of(old), ("bias",))


def to_sg_conv(old: layers.SGConv) -> torch.nn.Module:
    """PyG's SGConv."""
    require(old._cached_x is None, "its cache is filled; reset_parameters forgets it")
    new = pyg_nn().SGConv(
        old.in_channels,
        old.out_channels,
        old.K,
        old.cached,
        old.add_self_loops,
        old.lin.bias is not None,
        **where(old),
    )
    return take_over(new, old, {"lin": ("weight", "bias")})


def to_appnp(old: layers.APPNP) -> torch.nn.Module:
    """PyG's APPNP."""
    no_cache(old)
    new: torch.nn.Module = pyg_nn().APPNP(
        old.K, old.alpha, old.dropout, old.cached, old.add_self_loops, old.normalize, **where(old)
    )
    return new


def tag_conv(old: Any) -> torch.nn.Module:
    """PyG's TAGConv."""
    linears = linears_of(old)
    check_layer(old, _REDUCTIONS, linears, 1, 1, old.K)
    in_matrices(old)
    new = layers.TAGConv(
        old.lins[0].in_channels, old.out_channels, old.K, old.bias is not None, old.normalize, **where(old)
    )
    return take_over(new, old, linears, ("bias",))


def gcn2_conv(old: Any) -> torch.nn.Module:
    """PyG's GCN2Conv."""
    check_layer(old, _REDUCTIONS, {}, 1, 0.1, shared_weights=old.weight2 is None)
    in_matrices(old)
    new = layers.GCN2Conv(
        old.channels,
        old.alpha,
        None,
        None,
        old.weight2 is None,
        old.cached,
        old.add_self_loops and old.normalize,
        old.normalize,
        **where(old),
    )
    new.beta = old.beta
    new._cached = cached_graph(old)
    return take_over(new, old, {}, ("weight1", "weight2"))


def _of_le(old: Any) -> dict[str, tuple[str, ...]]:
    return {"lin1": ("weight", "bias"), "lin2": ("weight",), "lin3": ("weight", "bias")}


def le_conv(old: Any) -> torch.nn.Module:
    """PyG's LEConv, which sends ``x[0]`` of a pair whatever the flow."""
    check_layer(old, ("add", "sum", "mean"), _of_le(old), 1, 1)
    in_matrices(old)
    new = layers.LEConv(
        (old.lin1.in_channels, old.lin2.in_channels),
        old.out_channels,
        old.lin1.bias is not None,
        sender_first=True,
        **where(old),
    )
    new.in_channels = old.in_channels
    return take_over(new, old, _of_le(old))


def to_tag_conv(old: layers.TAGConv) -> torch.nn.Module:
    """PyG's TAGConv."""
    new = pyg_nn().TAGConv(
        old.in_channels, old.out_channels, old.K, old.bias is not None, old.normalize, **where(old)
    )
    return take_over(new, old, linears_of(old), ("bias",))


def to_gcn2_conv(old: layers.GCN2Conv) -> torch.nn.Module:
    """PyG's GCN2Conv."""
    no_cache(old)
    new = pyg_nn().GCN2Conv(
        old.channels,
        old.alpha,
        None,
        None,
        old.weight2 is None,
        old.cached,
        old.add_self_loops,
        old.normalize,
        **where(old),
    )
    new.beta = old.beta
    return take_over(new, old, {}, ("weight1", "weight2"))


def to_le_conv(old: layers.LEConv) -> torch.nn.Module:
    """PyG's LEConv."""
    writes_pairs_alike(old)
    channels = (old.lin1.in_features, old.lin2.in_features)
    new = pyg_nn().LEConv(channels, old.out_channels, old.lin1.bias is not None, **where(old))
    new.in_channels = old.in_channels
    return take_over(new, old, _of_le(old))


FROM_PYG: dict[str, Converter] = {
    "torch_geometric.nn.conv.cheb_conv.ChebConv": cheb_conv,
    "torch_geometric.nn.conv.sg_conv.SGConv": sg_conv,
    "torch_geometric.nn.conv.appnp.APPNP": appnp,
    "torch_geometric.nn.conv.tag_conv.TAGConv": tag_conv,
    "torch_geometric.nn.conv.gcn2_conv.GCN2Conv": gcn2_conv,
    "torch_geometric.nn.conv.le_conv.LEConv": le_conv,
}
TO_PYG: dict[type[torch.nn.Module], Converter] = {
    layers.ChebConv: to_cheb_conv,
    layers.SGConv: to_sg_conv,
    layers.APPNP: to_appnp,
    layers.TAGConv: to_tag_conv,
    layers.GCN2Conv: to_gcn2_conv,
    layers.LEConv: to_le_conv,
}
