"""What a case is: the arguments of one operator call, and for refused input the error that it gets."""

from dataclasses import dataclass, replace
from typing import Any

import ml_dtypes
import numpy as np

REDUCTIONS = ("sum", "mean", "max", "min", "mul")
HALVES = (np.dtype(np.float16), np.dtype(ml_dtypes.bfloat16))


@dataclass(frozen=True)
class Case:
    """Arguments of one operator call.

    Attributes:
        operator: Its name in the registry.
        name: What is special about this case.
        arguments: By name, in the order of the operator's schema; arrays, None, strings, numbers.
        error: For refused input, the exception's type and a piece of its message.
    """

    operator: str
    name: str
    arguments: dict[str, Any]
    error: tuple[type[Exception], str] | None = None

    def __str__(self) -> str:
        return f"{self.operator}-{self.name}"

    @property
    def value_dtype(self) -> np.dtype | None:
        """The dtype of the values: of the first argument that is not made of integers."""
        arrays = [a for a in self.arguments.values() if isinstance(a, np.ndarray) and not _is_integer(a)]
        return arrays[0].dtype if arrays else None

    def with_values(self, dtype: np.dtype) -> "Case":
        """The same call with its values rounded to another dtype."""
        arguments = {
            name: a.astype(dtype) if isinstance(a, np.ndarray) and not _is_integer(a) else a
            for name, a in self.arguments.items()
        }
        return replace(self, name=f"{self.name}-in-{dtype.name}", arguments=arguments)

    @property
    def form(self) -> tuple[Any, ...]:
        """What an operator may treat differently: the reduction, arguments left out, numbers of dimensions."""
        shapes = tuple(a.ndim if isinstance(a, np.ndarray) else None for a in self.arguments.values())
        return (self.operator, self.arguments.get("reduce"), shapes)


def values(shape: tuple[int, ...], dtype: type, seed: int = 3) -> np.ndarray:
    """Normally distributed values, the same for the same seed."""
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def in_halves(cases: list[Case]) -> list[Case]:
    """One case of each form, a small one, in each half precision."""
    first = {case.form: case for case in reversed(cases) if case.value_dtype is not None}
    return [case.with_values(half) for case in first.values() for half in HALVES]


def _is_integer(array: np.ndarray) -> bool:
    return array.dtype.kind in "iub"
