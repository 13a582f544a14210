"""What converters share."""

from collections.abc import Callable
from typing import Any

import torch

from geocompile.pyg.carried import KeepError

Converter = Callable[[Any], torch.nn.Module]


def take_over(
    new: Any, old: Any, linears: dict[str, tuple[str, ...]], parameters: tuple[str, ...] = ()
) -> torch.nn.Module:
    """The parameters themselves, so that tied weights stay tied: those of its linear layers, and its own."""
    for name, of_linear in linears.items():
        for parameter in of_linear:
            setattr(new.get_submodule(name), parameter, getattr(old.get_submodule(name), parameter))
    for name in parameters:
        setattr(new, name, getattr(old, name))
    result: torch.nn.Module = new
    return result


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
