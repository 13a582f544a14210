"""How a layer was made, as ``print(model)`` and the report show it."""

import inspect
from typing import Any

import torch

_SIZES = ("in_channels", "hidden_channels", "out_channels", "channels")
_PLAIN = (bool, int, float, str)


def options_of(layer: torch.nn.Module) -> str:
    """The constructor's arguments that the layer keeps under their names, as far as they are no defaults.

    >>> from geocompile.layers import GATConv
    >>> options_of(GATConv(3, 4, heads=2, bias=False))
    '3, 4, heads=2, bias=False'
    """
    parts: list[str] = []
    for name, parameter in inspect.signature(type(layer).__init__).parameters.items():
        default, value = parameter.default, getattr(layer, name, parameter.default)
        if isinstance(default, bool) and not isinstance(value, bool):
            value = value is not None  # `bias` is a parameter, or None
        follows = default is None and isinstance(value, bool)  # the default follows another option
        if _is_plain(value) and value != default and not follows:
            is_size = name in _SIZES and default is parameter.empty
            parts.append(_text(value) if is_size else f"{name}={_text(value)}")
    return ", ".join(parts)


def _is_plain(value: Any) -> bool:
    return isinstance(value, _PLAIN) or (isinstance(value, (tuple, list)) and all(map(_is_plain, value)))


def _text(value: Any) -> str:
    return repr(float(f"{value:.6g}") if isinstance(value, float) else value)
