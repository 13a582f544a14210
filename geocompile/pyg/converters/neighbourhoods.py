"""GCNConv, GraphConv, SAGEConv, GINConv, GATConv: options and weights from PyG's layer to ours, and back."""

from typing import Any

import torch

from geocompile import layers
from geocompile.custom_ops import csr_from_coo
from geocompile.layers.common.propagation import ends
from geocompile.pyg.carried import KeepError, check_layer
from geocompile.pyg.converters.shared import Converter, pyg_nn, require, take_over, writes_pairs_alike

_REDUCTIONS = ("add", "sum", "mean", "max", "min", "mul")


def gcn_conv(old: Any) -> torch.nn.Module:
    """PyG's GCNConv, in which ``improved`` has no effect without edge weights."""
    check_layer(old, ("add", "sum", "mean", "max", "min"), {"lin": ("weight",)}, 1, 1)
    new = layers.GCNConv(
        old.lin.in_channels,
        old.out_channels,
        old.improved,
        old.cached,
        old.bias is not None,
        add_self_loops=old.add_self_loops,
        normalize=old.normalize,
        improved_needs_edge_weight=True,
        aggr=old.aggr,
        flow=old.flow,
        node_dim=old.node_dim,
    )
    new.lin.weight, new.bias = old.lin.weight, old.bias
    new._cached = cached_graph(old)
    return new


def cached_graph(old: Any) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None, None] | None:
    """What a layer with PyG's normalisation has cached, as ours caches it.

    Raises:
        KeepError: the cache does not say all of it.
    """
    if old._cached_adj_t is not None:
        raise KeepError("its cache holds a sparse matrix")
    if old._cached_edge_index is None:
        return None
    if not old.add_self_loops or old.aggr == "mean":
        raise KeepError("its cache is filled, and does not tell the number of nodes or neighbours")
    edge_index, weight = old._cached_edge_index
    i, j = ends(old.flow)
    num_nodes = int(edge_index.max()) + 1 if edge_index.numel() else 0  # every node has its loop there
    rowptr, perm, col = csr_from_coo(edge_index[i], weight.new_empty((num_nodes, 0)), edge_index[j])
    return rowptr, col, weight.index_select(0, perm), None


def graph_conv(old: Any) -> torch.nn.Module:
    """PyG's GraphConv, which applies the neighbours' weight last and sends ``x[0]`` of a pair whatever the flow."""
    linears: dict[str, tuple[str, ...]] = {"lin_rel": ("weight", "bias"), "lin_root": ("weight",)}
    check_layer(old, _REDUCTIONS, linears, 1, 1)
    new = layers.GraphConv(
        (old.lin_rel.in_channels, old.lin_root.in_channels),
        old.out_channels,
        old.aggr,
        old.lin_rel.bias is not None,
        weight_after=True,
        sender_first=True,
        flow=old.flow,
        node_dim=old.node_dim,
    )
    new.in_channels = old.in_channels
    new.lin_rel.weight, new.lin_rel.bias = old.lin_rel.weight, old.lin_rel.bias
    new.lin_root.weight = old.lin_root.weight
    return new


def sage_conv(old: Any) -> torch.nn.Module:
    """PyG's SAGEConv, in which a node is its own neighbour only where ``edge_index`` says so."""
    linears: dict[str, tuple[str, ...]] = {"lin_l": ("weight", "bias")}
    linears |= {"lin": ("weight", "bias")} if old.project else {}
    linears |= {"lin_r": ("weight",)} if old.root_weight else {}
    check_layer(old, _REDUCTIONS, linears, 1, 1, root_weight=old.root_weight, project=old.project)
    source = old.lin_l.in_channels
    new = layers.SAGEConv(
        (source, old.lin_r.in_channels if old.root_weight else source),
        old.out_channels,
        old.normalize,
        old.lin_l.bias is not None,
        aggr=old.aggr,
        root_weight=old.root_weight,
        add_self_loops=False,
        project=old.project,
        sender_first=True,
        flow=old.flow,
        node_dim=old.node_dim,
    )
    new.in_channels = old.in_channels
    take_over(new, old, linears)
    return new


def gin_conv(old: Any) -> torch.nn.Module:
    """PyG's GINConv; the network itself is taken over as it is."""
    if not isinstance(old.nn, torch.nn.Module):
        raise KeepError("its nn is a function, not a module")
    train_eps = isinstance(old.eps, torch.nn.Parameter)
    check_layer(old, _REDUCTIONS, {}, torch.nn.Identity(), train_eps=train_eps)
    new = layers.GINConv(
        old.nn,
        old.initial_eps,
        train_eps,
        aggr=old.aggr,
        sender_first=True,
        flow=old.flow,
        node_dim=old.node_dim,
    )
    new.eps = old.eps
    return new


def gat_conv(old: Any) -> torch.nn.Module:
    """PyG's GATConv."""
    is_pair = old.lin is None
    names = ["lin_src", "lin_dst"] if is_pair else ["lin"]
    names += ["lin_edge"] if old.lin_edge is not None else []
    names += ["res"] if old.res is not None else []
    linears: dict[str, tuple[str, ...]] = dict.fromkeys(names, ("weight",))
    channels = (1, 1) if is_pair else 1
    edge_dim = None if old.lin_edge is None else 1
    check_layer(old, ("add", "sum"), linears, channels, 1, edge_dim=edge_dim, residual=old.res is not None)
    new = layers.GATConv(
        (old.lin_src.in_channels, old.lin_dst.in_channels) if is_pair else old.lin.in_channels,
        old.out_channels,
        old.heads,
        old.concat,
        old.negative_slope,
        old.dropout,
        old.bias is not None,
        add_self_loops=old.add_self_loops,
        edge_dim=None if old.lin_edge is None else old.lin_edge.in_channels,
        fill_value=fill_value(old),
        residual=old.res is not None,
        sender_first=True,
        flow=old.flow,
    )
    take_over(new, old, linears)
    for name in ("att_src", "att_dst", "att_edge", "bias"):
        setattr(new, name, getattr(old, name))
    return new


def fill_value(old: Any) -> Any:
    """The edge features of self-loops of an attention layer, where there are both."""
    fill = old.fill_value
    if old.lin_edge is None or not old.add_self_loops:
        return "mean"
    if isinstance(fill, str) and old.flow == "target_to_source":
        raise KeepError(
            "with flow='target_to_source' its self-loops take their features from edges that a node sends"
        )
    if isinstance(fill, torch.Tensor) and fill.dim() == 2 and fill.size(0) != 1:
        raise KeepError("its fill_value has a row per node, which fits graphs of one size only")
    if isinstance(fill, torch.Tensor) and fill.dim() > 0 and fill.numel() != old.lin_edge.in_channels:
        raise KeepError("its fill_value is no row of edge features")
    if isinstance(fill, str) and fill not in _REDUCTIONS:
        raise KeepError(f"its fill_value {fill!r} has no geocompile operator")
    return fill


def to_gcn_conv(old: layers.GCNConv) -> torch.nn.Module:
    """PyG's GCNConv."""
    require(
        not old.improved or old.improved_needs_edge_weight,
        "PyG ignores improved=True where there are no edge weights; improved_needs_edge_weight=True does so too",
    )
    require(old._cached is None, "its cache is filled; reset_parameters forgets it")
    new = pyg_nn().GCNConv(
        old.in_channels,
        old.out_channels,
        old.improved,
        old.cached,
        old.add_self_loops,
        old.normalize,
        old.bias is not None,
        aggr=old.aggr,
        flow=old.flow,
        node_dim=old.node_dim,
    )
    return take_over(new, old, {"lin": ("weight",)}, ("bias",))


def to_graph_conv(old: layers.GraphConv) -> torch.nn.Module:
    """PyG's GraphConv."""
    require(
        old.weight_after or old.aggr in ("add", "sum", "mean"),
        f"PyG applies the weight after aggr={old.aggr!r}; weight_after=True does so too",
    )
    writes_pairs_alike(old)
    new = pyg_nn().GraphConv(
        (old.lin_rel.in_features, old.lin_root.in_features),
        old.out_channels,
        old.aggr,
        old.lin_rel.bias is not None,
        flow=old.flow,
        node_dim=old.node_dim,
    )
    new.in_channels = old.in_channels
    return take_over(new, old, {"lin_rel": ("weight", "bias"), "lin_root": ("weight",)})


def to_sage_conv(old: layers.SAGEConv) -> torch.nn.Module:
    """PyG's SAGEConv."""
    require(not old.add_self_loops, "in PyG no node is its own neighbour; add_self_loops=False does so too")
    writes_pairs_alike(old)
    new = pyg_nn().SAGEConv(
        old.in_channels,
        old.out_channels,
        old.aggr,
        old.normalize,
        old.root_weight,
        old.lin is not None,
        old.lin_l.bias is not None,
        flow=old.flow,
        node_dim=old.node_dim,
    )
    linears: dict[str, tuple[str, ...]] = {"lin_l": ("weight", "bias")}
    linears |= {"lin": ("weight", "bias")} if old.lin is not None else {}
    linears |= {"lin_r": ("weight",)} if old.root_weight else {}
    return take_over(new, old, linears)


def to_gin_conv(old: layers.GINConv) -> torch.nn.Module:
    """PyG's GINConv; the network itself is taken over as it is."""
    writes_pairs_alike(old)
    new = pyg_nn().GINConv(
        torch.nn.Identity(),
        old.initial_eps,
        isinstance(old.eps, torch.nn.Parameter),
        aggr=old.aggr,
        flow=old.flow,
        node_dim=old.node_dim,
    )
    new.nn = old.nn
    return take_over(new, old, {}, ("eps",))


def loops_read_alike(old: Any) -> None:
    """Refuse an attention layer whose self-loops have other features in PyG.

    Raises:
        KeepError: they are reduced from those of other edges.
    """
    own_edges = old.add_self_loops and old.edge_dim is not None and isinstance(old.fill_value, str)
    require(
        not own_edges or old.flow == "source_to_target",
        "with flow='target_to_source' PyG's self-loops take their features from edges that a node sends",
    )


def to_gat_conv(old: layers.GATConv) -> torch.nn.Module:
    """PyG's GATConv."""
    writes_pairs_alike(old)
    loops_read_alike(old)
    new = pyg_nn().GATConv(
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
        old.residual,
        flow=old.flow,
    )
    names = [
        name for name in ("lin", "lin_src", "lin_dst", "lin_edge", "res") if getattr(old, name) is not None
    ]
    return take_over(new, old, dict.fromkeys(names, ("weight",)), ("att_src", "att_dst", "att_edge", "bias"))


FROM_PYG: dict[str, Converter] = {
    "torch_geometric.nn.conv.gcn_conv.GCNConv": gcn_conv,
    "torch_geometric.nn.conv.gat_conv.GATConv": gat_conv,
    "torch_geometric.nn.conv.gin_conv.GINConv": gin_conv,
    "torch_geometric.nn.conv.graph_conv.GraphConv": graph_conv,
    "torch_geometric.nn.conv.sage_conv.SAGEConv": sage_conv,
}
TO_PYG: dict[type[torch.nn.Module], Converter] = {
    layers.GCNConv: to_gcn_conv,
    layers.GATConv: to_gat_conv,
    layers.GINConv: to_gin_conv,
    layers.GraphConv: to_graph_conv,
    layers.SAGEConv: to_sage_conv,
}
