"""DenseSAGEConv: options and weights from PyG's layer to ours, and back."""

from typing import Any

import torch

from geocompile import layers
from geocompile.pyg.carried import check_part
from geocompile.pyg.converters.shared import Converter, pyg_nn, require, take_over

_LINEARS: dict[str, tuple[str, ...]] = {"lin_rel": ("weight",), "lin_root": ("weight", "bias")}


def dense_sage_conv(old: Any) -> torch.nn.Module:
    """PyG's DenseSAGEConv, in which a row of the adjacency sums to 1 at least."""
    fresh = type(old)(1, 1, bias=old.lin_root.bias is not None)
    check_part(old, fresh, "layer")
    for name in _LINEARS:
        check_part(getattr(old, name), getattr(fresh, name), name)
    new = layers.DenseSAGEConv(
        old.in_channels,
        old.out_channels,
        old.normalize,
        old.lin_root.bias is not None,
        root_weight=True,
        min_degree=1.0,
    )
    return take_over(new, old, _LINEARS)


def to_dense_sage_conv(old: layers.DenseSAGEConv) -> torch.nn.Module:
    """PyG's DenseSAGEConv."""
    require(
        old.lin_root is not None, "PyG has a weight for the node's own features; root_weight=True has one too"
    )
    require(old.min_degree == 1, "in PyG a smaller sum of a row counts as 1; min_degree=1 does so too")
    has_bias = old.lin_root is not None and old.lin_root.bias is not None
    new = pyg_nn().DenseSAGEConv(old.in_channels, old.out_channels, old.normalize, has_bias)
    return take_over(new, old, _LINEARS)


FROM_PYG: dict[str, Converter] = {"torch_geometric.nn.dense.dense_sage_conv.DenseSAGEConv": dense_sage_conv}
TO_PYG: dict[type[torch.nn.Module], Converter] = {layers.DenseSAGEConv: to_dense_sage_conv}
