"""The list of all operators: one entry says where each part of an operator is to be found."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Operator:
    """An operator of the torch namespace ``geocompile``.

    Attributes:
        name: The operator's name, the same in torch, in Python and in the kernels.
        reference: The meaning in plain torch.
        differentiable: Whether an output has a gradient.
        onnx_types: Its ONNX operator types, one per variant; empty for an operator that only gradients use.
        indexes: Arguments whose values are indices, and the argument whose rows they name: its first size bounds them
            (``rowptr`` has one row less); None where they must only not be negative.
    """

    name: str
    reference: Callable[..., Any]
    differentiable: bool
    onnx_types: tuple[str, ...]
    indexes: Mapping[str, str | None] = field(default_factory=dict)


OPERATORS: dict[str, Operator] = {}


def register(operator: Operator) -> None:
    """Add an operator to the list; a second one of the same name is an error."""
    if operator.name in OPERATORS:
        raise ValueError(f"geocompile.{operator.name} is registered twice")
    OPERATORS[operator.name] = operator
