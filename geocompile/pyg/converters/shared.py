"""What converters share."""

from collections.abc import Callable
from typing import Any

import torch

from geocompile.pyg.carried import PYG_LINEAR, KeepError, check_shaped, class_path

Converter = Callable[[Any], torch.nn.Module]
_KNOWN = ("torch.nn.modules.", "torch_geometric.", "geocompile.layers.")
"""Where the classes are whose parameters are all that they compute with."""


def take_over(
    new: Any, old: Any, linears: dict[str, tuple[str, ...]], parameters: tuple[str, ...] = ()
) -> torch.nn.Module:
    """The parameters themselves, so that tied weights stay tied: those of its linear layers, and its own.

    Raises:
        KeepError: the shape of one is not known, or a layer computes with more than its parameters.
    """
    for name, of_linear in linears.items():
        _take(new.get_submodule(name), old.get_submodule(name), of_linear, name)
    _take(new, old, parameters)
    result: torch.nn.Module = new
    return result


def _take(new: Any, old: Any, parameters: tuple[str, ...], name: str = "") -> None:
    require(class_path(old).startswith(_KNOWN), f"its {name} is a {class_path(old)}, which would be lost")
    for parameter in parameters:
        value = getattr(old, parameter)
        check_shaped(value, name or parameter)
        setattr(new, parameter, value)
    _wait_no_longer(new)


def _wait_no_longer(module: Any) -> None:
    """A module of PyG's made for any size of input, once its parameters have one: as its first call leaves it."""
    if not hasattr(module, "_hook") or any(map(torch.nn.parameter.is_lazy, module._parameters.values())):
        return
    module._hook.remove()
    del module._hook
    if class_path(module) == PYG_LINEAR:
        module.in_channels = module.weight.size(-1)


def require(holds: bool, reason: str) -> None:
    """Refuse a layer that PyG has no counterpart of.

    Raises:
        KeepError: it does not hold; says why.
    """
    if not holds:
        raise KeepError(reason)


def writes_pairs_alike(old: Any) -> None:
    """Refuse a layer whose pair of features means another thing to PyG.

    Raises:
        KeepError: ``x[0]`` belongs to the nodes that receive.
    """
    require(
        old.sender_first or old.flow == "source_to_target",
        "with flow='target_to_source' PyG sends x[0] of a pair; sender_first=True does so too",
    )


def pyg_nn() -> Any:
    """torch_geometric.nn, imported where it is needed.

    Raises:
        ImportError: PyG is not installed.
    """
    try:
        import torch_geometric.nn as nn
    except ImportError as error:
        raise ImportError(
            f"geocompile.to_pyg needs torch_geometric ({error}): pip install torch_geometric"
        ) from None
    return nn
