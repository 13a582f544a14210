"""ARMAConv, GatedGraphConv, SignedConv, AGNNConv, DNAConv: options and weights from PyG's layer to ours, and back."""

from typing import Any

import torch

from geocompile import layers
from geocompile.layers.conv.arma_conv import unchanged
from geocompile.pyg.carried import check_layer, check_part, check_shaped
from geocompile.pyg.converters.neighbourhoods import cached_graph
from geocompile.pyg.converters.shared import Converter, pyg_nn, take_over, writes_pairs_alike
from geocompile.pyg.converters.spectral import in_matrices, no_cache

_REDUCTIONS = ("add", "sum", "mean", "max", "min")
_SUM = ("add", "sum")
_OF_ARMA = ("weight", "init_weight", "root_weight", "bias")
_OF_GRU = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
_PROJECTIONS = ("lin_q", "lin_k", "lin_v")


def arma_conv(old: Any) -> torch.nn.Module:
    """PyG's ARMAConv."""
    check_shaped(old.init_weight, "init_weight")
    act = torch.nn.Identity() if isinstance(old.act, torch.nn.Module) else None
    check_layer(old, _REDUCTIONS, {}, 1, 1, act=act)
    in_matrices(old)
    new = layers.ARMAConv(
        old.init_weight.size(1),
        old.out_channels,
        old.num_stacks,
        old.num_layers,
        old.shared_weights,
        old.act,
        old.dropout,
        old.bias is not None,
        aggr=old.aggr,
        flow=old.flow,
    )
    return take_over(new, old, {}, _OF_ARMA)


def gated_graph_conv(old: Any) -> torch.nn.Module:
    """PyG's GatedGraphConv."""
    check_layer(old, (*_REDUCTIONS, "mul"), {}, 1, 1)
    check_part(old.rnn, torch.nn.GRUCell(1, 1, old.rnn.bias), "rnn")
    in_matrices(old)
    new = layers.GatedGraphConv(old.out_channels, old.num_layers, old.aggr, old.rnn.bias, flow=old.flow)
    return take_over(new, old, {"rnn": _OF_GRU}, ("weight",))


def _sides(old: Any) -> dict[str, tuple[str, ...]]:
    names = ("lin_pos_l", "lin_neg_l", "lin_pos_r", "lin_neg_r")
    return {name: ("weight",) if name.endswith("_l") else ("weight", "bias") for name in names}


def signed_conv(old: Any) -> torch.nn.Module:
    """PyG's SignedConv, which sends ``x[0]`` of a pair whatever the flow."""
    check_layer(old, (*_REDUCTIONS, "mul"), _sides(old), 1, 1, True)
    new = layers.SignedConv(
        old.lin_pos_r.in_channels,
        old.out_channels,
        old.first_aggr,
        old.lin_pos_r.bias is not None,
        aggr=old.aggr,
        sender_first=True,
        flow=old.flow,
        node_dim=old.node_dim,
    )
    return take_over(new, old, _sides(old))


def agnn_conv(old: Any) -> torch.nn.Module:
    """PyG's AGNNConv."""
    check_layer(old, _SUM, {}, requires_grad=old.requires_grad)
    in_matrices(old)
    new = layers.AGNNConv(old.requires_grad, add_self_loops=old.add_self_loops, flow=old.flow)
    return take_over(new, old, {}, ("beta",))


def _projections(old: Any) -> dict[str, tuple[str, ...]]:
    return {f"multi_head.{name}": ("weight", "bias") for name in _PROJECTIONS}


def dna_conv(old: Any) -> torch.nn.Module:
    """PyG's DNAConv."""
    check_layer(old, _SUM, {}, 1)
    attention = old.multi_head
    fresh = type(old)(1).multi_head
    check_part(attention, fresh, "multi_head")
    for name in _PROJECTIONS:
        check_part(getattr(attention, name), getattr(fresh, name), f"multi_head.{name}")
    new = layers.DNAConv(
        attention.in_channels,
        attention.heads,
        attention.groups,
        attention.dropout,
        old.cached,
        attention.lin_q.bias is not None,
        normalize=old.normalize,
        add_self_loops=old.add_self_loops and old.normalize,
        flow=old.flow,
    )
    new._cached = cached_graph(old)
    return take_over(new, old, _projections(old))


def to_arma_conv(old: layers.ARMAConv) -> torch.nn.Module:
    """PyG's ARMAConv."""
    new = pyg_nn().ARMAConv(
        old.in_channels,
        old.out_channels,
        old.num_stacks,
        old.num_layers,
        old.shared_weights,
        None if old.act is unchanged else old.act,
        old.dropout,
        old.bias is not None,
        aggr=old.aggr,
        flow=old.flow,
    )
    return take_over(new, old, {}, _OF_ARMA)


def to_gated_graph_conv(old: layers.GatedGraphConv) -> torch.nn.Module:
    """PyG's GatedGraphConv."""
    new = pyg_nn().GatedGraphConv(old.out_channels, old.num_layers, old.aggr, old.rnn.bias, flow=old.flow)
    return take_over(new, old, {"rnn": _OF_GRU}, ("weight",))


def to_signed_conv(old: layers.SignedConv) -> torch.nn.Module:
    """PyG's SignedConv."""
    writes_pairs_alike(old)
    new = pyg_nn().SignedConv(
        old.in_channels,
        old.out_channels,
        old.first_aggr,
        old.lin_pos_r.bias is not None,
        aggr=old.aggr,
        flow=old.flow,
        node_dim=old.node_dim,
    )
    return take_over(new, old, _sides(old))


def to_agnn_conv(old: layers.AGNNConv) -> torch.nn.Module:
    """PyG's AGNNConv."""
    new = pyg_nn().AGNNConv(old.requires_grad, old.add_self_loops, flow=old.flow)
    return take_over(new, old, {}, ("beta",))


def to_dna_conv(old: layers.DNAConv) -> torch.nn.Module:
    """PyG's DNAConv."""
    no_cache(old)
    new = pyg_nn().DNAConv(
        old.channels,
        old.heads,
        old.groups,
        old.dropout,
        old.cached,
        old.normalize,
        old.add_self_loops,
        old.has_bias,
        flow=old.flow,
    )
    return take_over(new, old, _projections(old))


FROM_PYG: dict[str, Converter] = {
    "torch_geometric.nn.conv.arma_conv.ARMAConv": arma_conv,
    "torch_geometric.nn.conv.gated_graph_conv.GatedGraphConv": gated_graph_conv,
    "torch_geometric.nn.conv.signed_conv.SignedConv": signed_conv,
    "torch_geometric.nn.conv.agnn_conv.AGNNConv": agnn_conv,
    "torch_geometric.nn.conv.dna_conv.DNAConv": dna_conv,
}
TO_PYG: dict[type[torch.nn.Module], Converter] = {
    layers.ARMAConv: to_arma_conv,
    layers.GatedGraphConv: to_gated_graph_conv,
    layers.SignedConv: to_signed_conv,
    layers.AGNNConv: to_agnn_conv,
    layers.DNAConv: to_dna_conv,
}
