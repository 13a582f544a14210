"""Networks that a user gives a layer: what their first linear map cannot take is refused in words, before they run."""

import torch
from torch import Tensor

from geocompile.layers.common.linear import Linear


def check_network(layer: str, name: str, network: torch.nn.Module, given: str, x: Tensor, width: int) -> None:
    """Refuse features of another dtype or size than ``network`` begins with.

    What begins with anything else than a linear map is run as it is; so is everything while a model is captured.

    Args:
        layer: for messages.
        name: what the layer calls ``network``.
        network: the network.
        given: what the layer calls ``x``.
        x: the features that the network's rows are made of.
        width: the size of a row.

    Raises:
        TypeError: ``x`` is of another dtype than the weights (not under autocast).
        ValueError: the rows have another size.
    """
    first = None if torch.compiler.is_compiling() else _first_linear(network)
    if first is None:
        return
    if x.dtype != first.weight.dtype and not torch.is_autocast_enabled(x.device.type):
        raise TypeError(
            f"geocompile.{layer}: {given} is of dtype {x.dtype} and the weights of {name} of {first.weight.dtype}; "
            f"convert one of them: {given}.to(dtype), {name}.to(dtype)"
        )
    if width != first.in_features:
        raise ValueError(
            f"geocompile.{layer}: {name} takes rows of {first.in_features} numbers, but those made of {given} with "
            f"shape {list(x.shape)} have {width}"
        )


def _first_linear(network: torch.nn.Module) -> torch.nn.Linear | None:
    """The linear map that a network begins with; None for another beginning, or one that a hook may change."""
    while type(network) is torch.nn.Sequential and len(network) > 0 and not network._forward_pre_hooks:
        network = network[0]
    is_plain = type(network) in (torch.nn.Linear, Linear) and not network._forward_pre_hooks
    return network if is_plain else None  # type: ignore[return-value]
