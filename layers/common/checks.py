"""Checks of what a layer is given, scriptable, with messages that name the layer and the argument."""

from typing import Any

import torch
from torch import Tensor
from torch.jit import is_scripting  # type: ignore[attr-defined]


def check_count(layer: str, name: str, value: Any, least: int) -> None:
    """Refuse an option that is no integer of at least ``least``.

    Raises:
        ValueError: it is something else.
    """
    if not isinstance(value, int) or value < least:
        raise ValueError(f"geocompile.{layer}: {name} must be an integer of at least {least}, got {value!r}")


def check_module(layer: str, name: str, value: Any) -> None:
    """Refuse what is no module.

    Raises:
        TypeError: it is something else, such as a function.
    """
    if not isinstance(value, torch.nn.Module):
        raise TypeError(
            f"geocompile.{layer}: {name} must be a torch.nn.Module, got {type(value)}; wrap a function in a module"
        )


def check_edge_index(layer: str, edge_index: Tensor) -> None:
    """Refuse anything but an integer tensor of shape ``[2, num_edges]``.

    Raises:
        TypeError: ``edge_index`` is not a tensor, or not of dtype int64 or int32.
        ValueError: its shape is not ``[2, num_edges]``.
    """
    if not isinstance(edge_index, Tensor):
        raise TypeError(
            f"geocompile.{layer}: edge_index must be a tensor of shape [2, num_edges], got {type(edge_index)}; "
            "turn a sparse adjacency into edge indices first"
        )
    if not is_scripting() and edge_index.layout != torch.strided:
        raise TypeError(
            f"geocompile.{layer}: edge_index must be a tensor of shape [2, num_edges], got a sparse matrix; "
            "pass its indices, row 0 the sending nodes, and its values as edge_weight"
        )
    if edge_index.dtype != torch.int64 and edge_index.dtype != torch.int32:
        raise TypeError(
            f"geocompile.{layer}: edge_index must be of dtype int64 or int32, got {edge_index.dtype}; "
            "node numbers are integers: use edge_index.long()"
        )
    if edge_index.dim() == 2 and edge_index.size(0) != 2 and edge_index.size(1) == 2:
        raise ValueError(
            f"geocompile.{layer}: edge_index must have shape [2, num_edges], got {list(edge_index.shape)}; "
            "transpose it: edge_index.t()"
        )
    if edge_index.dim() != 2 or edge_index.size(0) != 2:
        raise ValueError(
            f"geocompile.{layer}: edge_index must have shape [2, num_edges], got {list(edge_index.shape)}"
        )


def check_features(
    layer: str,
    x: Tensor,
    edge_index: Tensor,
    weight: Tensor,
    channels: int,
    node_dim: int,
    name: str = "x",
) -> None:
    """Refuse node features that are no floating-point tensor ``[num_nodes, channels]`` (or of higher rank).

    ``weight`` is the layer's, of whose dtype ``x`` must be (except under autocast), ``name`` what that calls ``x``.

    Raises:
        TypeError: ``x`` is not a dense floating-point tensor of the layer's dtype.
        ValueError: its rank, its last dimension or its device do not fit.
    """
    if not isinstance(x, Tensor):
        raise TypeError(
            f"geocompile.{layer}: {name} must be a tensor of shape [num_nodes, {channels}], got {type(x)}; "
            "this layer has no bipartite form, use GraphConv for source and target features"
        )
    if not x.is_floating_point():
        raise TypeError(
            f"geocompile.{layer}: {name} must be of a floating-point dtype, got {x.dtype}; use {name}.float()"
        )
    if not is_scripting():
        check_kind(layer, name, x, weight)
    if x.dim() < 2 or (channels >= 0 and x.size(-1) != channels):
        raise ValueError(
            f"geocompile.{layer}: {name} must have shape [num_nodes, {_written(channels)}], got {list(x.shape)}"
        )
    if (node_dim if node_dim >= 0 else node_dim + x.dim()) >= x.dim() - 1:
        raise ValueError(
            f"geocompile.{layer}: node_dim={node_dim} is the feature dimension of {name} with shape {list(x.shape)}"
        )
    if x.device != edge_index.device:
        raise ValueError(
            f"geocompile.{layer}: {name} is on {x.device} and edge_index on {edge_index.device}; "
            "move both to one device"
        )


def _written(channels: int) -> str:
    return str(channels) if channels >= 0 else "channels"


def check_pair(layer: str, x: Any) -> None:
    """Refuse what is no pair of features for the two ends of a bipartite graph.

    Raises:
        TypeError: ``x`` is no tuple or list, or holds something else than tensors and None.
        ValueError: it does not have two elements.
    """
    if not isinstance(x, (tuple, list)) or not all(item is None or isinstance(item, Tensor) for item in x):
        found = [type(item) for item in x] if isinstance(x, (tuple, list)) else type(x)
        raise TypeError(f"geocompile.{layer}: x must be a tensor, or a pair of tensors or None, got {found}")
    if len(x) != 2:
        raise ValueError(
            f"geocompile.{layer}: x must be a tensor, or a pair for source and target, got {len(x)} items"
        )


def check_kind(layer: str, name: str, x: Tensor, weight: Tensor) -> None:
    """Refuse, in eager, what is not dense or, except under autocast, not of the dtype of the layer's ``weight``.

    Raises:
        TypeError: it is something else.
    """
    if x.layout != torch.strided:
        raise TypeError(
            f"geocompile.{layer}: {name} must be a dense tensor, got layout {x.layout}; use {name}.to_dense()"
        )
    if x.dtype != weight.dtype and not torch.is_autocast_enabled(x.device.type):
        raise TypeError(
            f"geocompile.{layer}: {name} is of dtype {x.dtype} and the weights of the layer of {weight.dtype}; "
            f"convert one of them: {name}.to(dtype), layer.to(dtype)"
        )


def check_alike(layer: str, name: str, x: Tensor, other_name: str, other: Tensor) -> None:
    """Refuse, in eager, two floating-point tensors of different dtypes, except under autocast.

    Raises:
        TypeError: they are.
    """
    is_mixed = x.dtype != other.dtype and other.is_floating_point()
    if is_mixed and not torch.is_autocast_enabled(x.device.type):
        raise TypeError(
            f"geocompile.{layer}: {name} is of dtype {x.dtype} and {other_name} of {other.dtype}; "
            f"convert one of them: {name}.to(dtype)"
        )


def edge_weight_as(layer: str, edge_weight: Tensor | None, edge_index: Tensor, x: Tensor) -> Tensor | None:
    """``edge_weight`` as a ``[num_edges]`` tensor of the dtype of ``x``; ``[num_edges, 1]`` is accepted.

    Raises:
        TypeError: the weight is boolean or complex.
        ValueError: it does not have one value per edge, or lies on another device.
    """
    if edge_weight is None:
        return None
    if not isinstance(edge_weight, Tensor):
        raise TypeError(
            f"geocompile.{layer}: edge_weight must be a tensor of shape [num_edges], got {type(edge_weight)}"
        )
    if edge_weight.dtype == torch.bool or edge_weight.is_complex():
        raise TypeError(
            f"geocompile.{layer}: edge_weight must be of a real number dtype, got {edge_weight.dtype}"
        )
    num_edges = edge_index.size(1)
    column = edge_weight.dim() == 2 and edge_weight.size(1) == 1
    if (edge_weight.dim() != 1 and not column) or edge_weight.size(0) != num_edges:
        raise ValueError(
            f"geocompile.{layer}: edge_weight must have shape [{num_edges}], one value for each edge of edge_index, "
            f"got {list(edge_weight.shape)}"
        )
    if edge_weight.device != x.device:
        raise ValueError(
            f"geocompile.{layer}: edge_weight is on {edge_weight.device} and x on {x.device}; "
            "move both to one device"
        )
    return edge_weight.reshape(-1).to(x.dtype)


def edge_attr_as(layer: str, edge_attr: Tensor, edge_index: Tensor, x: Tensor, edge_dim: int) -> Tensor:
    """``edge_attr`` as a ``[num_edges, edge_dim]`` tensor of the dtype of ``x``; ``[num_edges]`` is one dimension.

    Raises:
        TypeError: it is no tensor, boolean or complex.
        ValueError: it does not have ``edge_dim`` values per edge, or lies on another device.
    """
    if not isinstance(edge_attr, Tensor):
        raise TypeError(
            f"geocompile.{layer}: edge_attr must be a tensor of shape [num_edges, {edge_dim}], got {type(edge_attr)}"
        )
    if edge_attr.dtype == torch.bool or edge_attr.is_complex():
        raise TypeError(
            f"geocompile.{layer}: edge_attr must be of a real number dtype, got {edge_attr.dtype}"
        )
    columns = edge_attr.unsqueeze(1) if edge_attr.dim() == 1 else edge_attr
    if columns.dim() != 2 or columns.size(0) != edge_index.size(1) or columns.size(1) != edge_dim:
        raise ValueError(
            f"geocompile.{layer}: edge_attr must have shape [{edge_index.size(1)}, {edge_dim}], one row for each edge "
            f"of edge_index, got {list(edge_attr.shape)}"
        )
    if edge_attr.device != x.device:
        raise ValueError(
            f"geocompile.{layer}: edge_attr is on {edge_attr.device} and x on {x.device}; move both to one device"
        )
    return columns.to(x.dtype)


def check_matrix(
    layer: str, x: Tensor, edge_index: Tensor, weight: Tensor, channels: int, name: str = "x"
) -> None:
    """:func:`check_features` for a layer whose features are ``[num_nodes, channels]`` and nothing else.

    Raises:
        TypeError, ValueError: as there.
    """
    check_features(layer, x, edge_index, weight, channels, 0, name)
    if x.dim() != 2:
        raise ValueError(
            f"geocompile.{layer}: {name} must have shape [num_nodes, {_written(channels)}], got {list(x.shape)}; "
            "for several graphs at once, number the nodes through"
        )
