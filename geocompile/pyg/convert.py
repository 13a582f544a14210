"""One function per PyG class that has a geocompile layer: options and weights of the one to the other."""

from collections.abc import Callable
from typing import Any

import torch

from geocompile import layers
from geocompile.custom_ops import csr_from_coo
from geocompile.layers.propagation import ends
from geocompile.pyg.aggregation import SegmentAggregation
from geocompile.pyg.carried import KeepError, check_aggregation, check_layer


def gcn_conv(old: Any) -> torch.nn.Module:
    """PyG's GCNConv, in which ``improved`` has no effect without edge weights."""
    check_layer(old, ("add", "sum", "mean", "max", "min"), {"lin": ("weight",)})
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
    new._cached = _cached_graph(old)
    return new


def _cached_graph(old: Any) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None, None] | None:
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
    check_layer(old, ("add", "sum", "mean", "max", "min", "mul"), linears)
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


def aggregation(reduce: str) -> Callable[[Any], torch.nn.Module]:
    """A PyG aggregation module without parameters."""

    def convert(old: Any) -> torch.nn.Module:
        check_aggregation(old)
        return SegmentAggregation(reduce)

    return convert


CONVERTERS: dict[str, Callable[[Any], torch.nn.Module]] = {
    "torch_geometric.nn.conv.gcn_conv.GCNConv": gcn_conv,
    "torch_geometric.nn.conv.graph_conv.GraphConv": graph_conv,
    "torch_geometric.nn.aggr.basic.SumAggregation": aggregation("sum"),
    "torch_geometric.nn.aggr.basic.MeanAggregation": aggregation("mean"),
    "torch_geometric.nn.aggr.basic.MaxAggregation": aggregation("max"),
    "torch_geometric.nn.aggr.basic.MinAggregation": aggregation("min"),
    "torch_geometric.nn.aggr.basic.MulAggregation": aggregation("mul"),
}
"""Class path -> converter. A new layer is one line here and one function above."""
