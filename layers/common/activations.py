"""Activations by the names that PyG's layers take."""

from collections.abc import Callable

import torch
from torch import Tensor

Activation = Callable[[Tensor], Tensor]


def activation(layer: str, name: str, value: str | Activation) -> Activation:
    """A torch activation module of that name (``"leaky_relu"``, ``"LeakyReLU"``, ...), or what was given itself.

    Raises:
        ValueError: torch has no activation of that name.
        TypeError: ``value`` is no name and cannot be called.
    """
    if not isinstance(value, str):
        if not callable(value):
            raise TypeError(
                f"geocompile.{layer}: {name} must be a name, a module or a function, got {type(value)}"
            )
        return value
    classes = vars(torch.nn.modules.activation).values()
    known = {cls.__name__.lower(): cls for cls in classes if isinstance(cls, type)}
    wanted = "".join(letter for letter in value.lower() if letter.isalnum())
    cls = known.get({"swish": "silu"}.get(wanted, wanted))
    if cls is None or not issubclass(cls, torch.nn.Module):
        raise ValueError(f"geocompile.{layer}: {name}={value!r} is no activation of torch.nn, such as 'tanh'")
    return cls()
