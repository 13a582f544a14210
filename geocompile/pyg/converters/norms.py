"""GraphNorm, LayerNorm, BatchNorm: options and weights from PyG's layer to ours, and back."""

from typing import Any

import torch

from geocompile import layers
from geocompile.pyg.carried import check_part
from geocompile.pyg.converters.shared import Converter, pyg_nn, require, take_over

_OF_GRAPH_NORM = ("weight", "bias", "mean_scale")


def graph_norm(old: Any) -> torch.nn.Module:
    """PyG's GraphNorm."""
    check_part(old, type(old)(1), "layer")
    return take_over(layers.GraphNorm(old.in_channels, old.eps), old, {}, _OF_GRAPH_NORM)


def layer_norm(old: Any) -> torch.nn.Module:
    """PyG's LayerNorm, which without a batch vector adds eps to the root."""
    check_part(old, type(old)(1), "layer")
    require(old.mode in ("graph", "node"), f"PyG itself knows no mode {old.mode!r}")
    is_affine = old.weight is not None and old.bias is not None
    new = layers.LayerNorm(old.in_channels, old.eps, is_affine, old.mode, eps_beside_root=True)
    return take_over(new, old, {}, ("weight", "bias") if is_affine else ())


def batch_norm(old: Any) -> torch.nn.Module:
    """PyG's BatchNorm."""
    check_part(old, type(old)(1), "layer")
    check_part(old.module, torch.nn.BatchNorm1d(1), "module")
    return _around(layers.BatchNorm, old)


def to_graph_norm(old: layers.GraphNorm) -> torch.nn.Module:
    """PyG's GraphNorm."""
    return take_over(pyg_nn().GraphNorm(old.in_channels, old.eps), old, {}, _OF_GRAPH_NORM)


def to_layer_norm(old: layers.LayerNorm) -> torch.nn.Module:
    """PyG's LayerNorm."""
    require(
        old.eps_beside_root or old.mode == "node",
        "without a batch vector PyG adds eps to the root; eps_beside_root=True does so too",
    )
    new = pyg_nn().LayerNorm(old.in_channels, old.eps, old.affine, old.mode)
    return take_over(new, old, {}, ("weight", "bias") if old.affine else ())


def to_batch_norm(old: layers.BatchNorm) -> torch.nn.Module:
    """PyG's BatchNorm."""
    return _around(pyg_nn().BatchNorm, old)


def _around(make: Any, old: Any) -> torch.nn.Module:
    """A BatchNorm of either side around the torch module of the other."""
    new: torch.nn.Module = make(old.in_channels, allow_single_element=old.allow_single_element)
    new.module = old.module
    return new


FROM_PYG: dict[str, Converter] = {
    "torch_geometric.nn.norm.graph_norm.GraphNorm": graph_norm,
    "torch_geometric.nn.norm.layer_norm.LayerNorm": layer_norm,
    "torch_geometric.nn.norm.batch_norm.BatchNorm": batch_norm,
}
TO_PYG: dict[type[torch.nn.Module], Converter] = {
    layers.GraphNorm: to_graph_norm,
    layers.LayerNorm: to_layer_norm,
    layers.BatchNorm: to_batch_norm,
}
