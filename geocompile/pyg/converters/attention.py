"""GATv2Conv, TransformerConv: options and weights from PyG's layer to ours, and back."""

from typing import Any

import torch

from geocompile import layers
from geocompile.pyg.carried import check_layer
from geocompile.pyg.converters.neighbourhoods import fill_value, loops_read_alike
from geocompile.pyg.converters.shared import Converter, pyg_nn, require, take_over, writes_pairs_alike

_SUM = ("add", "sum")
_OF_MAP = ("weight", "bias")


def _linears(old: Any, names: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Those of its maps that are there."""
    return dict.fromkeys([name for name in names if getattr(old, name) is not None], _OF_MAP)


def _gatv2_maps(old: Any) -> dict[str, tuple[str, ...]]:
    return _linears(old, ("lin_l", "lin_r", "lin_edge", "res"))


def gatv2_conv(old: Any) -> torch.nn.Module:
    """PyG's GATv2Conv."""
    shared = old.lin_r is old.lin_l
    check_layer(
        old,
        _SUM,
        _gatv2_maps(old),
        1,
        1,
        edge_dim=None if old.lin_edge is None else 1,
        residual=old.res is not None,
        share_weights=shared,
    )
    require(shared == old.share_weights, "its share_weights does not say whether lin_l and lin_r are one")
    is_pair = isinstance(old.in_channels, (tuple, list))
    new = layers.GATv2Conv(
        (old.lin_l.in_channels, old.lin_r.in_channels) if is_pair else old.lin_l.in_channels,
        old.out_channels,
        old.heads,
        old.concat,
        old.negative_slope,
        old.dropout,
        old.add_self_loops,
        None if old.lin_edge is None else old.lin_edge.in_channels,
        fill_value(old),
        old.bias is not None,
        shared,
        old.res is not None,
        sender_first=True,
        flow=old.flow,
    )
    return take_over(new, old, _gatv2_maps(old), ("att", "bias"))


def _transformer_maps(old: Any) -> dict[str, tuple[str, ...]]:
    names = ("lin_key", "lin_query", "lin_value", "lin_skip", "lin_edge", "lin_beta")
    return _linears(old, names)


def transformer_conv(old: Any) -> torch.nn.Module:
    """PyG's TransformerConv, which never runs its lin_skip without ``root_weight``."""
    maps = _transformer_maps(old)
    if not old.root_weight and torch.nn.parameter.is_lazy(old.lin_skip.weight):
        del maps["lin_skip"]
    check_layer(
        old,
        _SUM,
        maps,
        1,
        1,
        beta=old.lin_beta is not None,
        edge_dim=None if old.lin_edge is None else 1,
    )
    new = layers.TransformerConv(
        (old.lin_key.in_channels, old.lin_query.in_channels),
        old.out_channels,
        old.heads,
        old.concat,
        old.lin_beta is not None,
        old.dropout,
        None if old.lin_edge is None else old.lin_edge.in_channels,
        old.lin_key.bias is not None,
        old.root_weight,
        sender_first=True,
        flow=old.flow,
    )
    new.in_channels = old.in_channels
    return take_over(new, old, maps)


def to_gatv2_conv(old: layers.GATv2Conv) -> torch.nn.Module:
    """PyG's GATv2Conv."""
    writes_pairs_alike(old)
    loops_read_alike(old)
    new = pyg_nn().GATv2Conv(
        old.in_channels,
        old.out_channels,
        old.heads,
        old.concat,
        old.negative_slope,
        old.dropout,
        old.add_self_loops,
        old.edge_dim,
        old.fill_value,
        old.bias is not None,
        old.share_weights,
        old.residual,
        flow=old.flow,
    )
    return take_over(new, old, _gatv2_maps(old), ("att", "bias"))


def to_transformer_conv(old: layers.TransformerConv) -> torch.nn.Module:
    """PyG's TransformerConv."""
    writes_pairs_alike(old)
    new = pyg_nn().TransformerConv(
        old.in_channels,
        old.out_channels,
        old.heads,
        old.concat,
        old.beta,
        old.dropout,
        old.edge_dim,
        old.lin_key.bias is not None,
        old.root_weight,
        flow=old.flow,
    )
    return take_over(new, old, _transformer_maps(old))


FROM_PYG: dict[str, Converter] = {
    "torch_geometric.nn.conv.gatv2_conv.GATv2Conv": gatv2_conv,
    "torch_geometric.nn.conv.transformer_conv.TransformerConv": transformer_conv,
}
TO_PYG: dict[type[torch.nn.Module], Converter] = {
    layers.GATv2Conv: to_gatv2_conv,
    layers.TransformerConv: to_transformer_conv,
}
