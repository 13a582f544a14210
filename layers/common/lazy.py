"""Parameters whose shape is not known before the first input."""

from typing import Any

import torch
from torch.nn.parameter import UninitializedParameter


def parameter(shape: tuple[int, ...]) -> torch.nn.Parameter:
    """A parameter to be drawn later; one with a size of -1 gets its shape by :func:`materialize`."""
    if -1 in shape:
        return UninitializedParameter()  # type: ignore[return-value]
    return torch.nn.Parameter(torch.empty(shape))


def is_unknown(tensor: torch.Tensor) -> bool:
    """Whether a parameter has no shape yet."""
    return isinstance(tensor, UninitializedParameter)


def materialize(tensor: torch.Tensor, shape: tuple[int, ...]) -> None:
    """Give a parameter of unknown shape its shape."""
    assert isinstance(tensor, UninitializedParameter)
    with torch.no_grad():
        tensor.materialize(shape)


def take_shapes_from_state(module: torch.nn.Module) -> None:
    """Let ``load_state_dict`` give parameters of unknown shape the shape that they have there."""
    module.register_load_state_dict_pre_hook(_materialize_as_loaded)  # type: ignore[no-untyped-call]


def _materialize_as_loaded(module: torch.nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
    for name, tensor in module._parameters.items():
        loaded = state.get(f"{prefix}{name}")
        if tensor is not None and is_unknown(tensor) and loaded is not None:
            materialize(tensor, tuple(loaded.shape))
