"""Half precision where an operator is made of torch's own: halves are summed in float32 and rounded once."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
from torch import Tensor


def widened(values: Tensor) -> Tensor:
    """`values` in float32 if they are halves: 16 bits hold neither a large count nor 1e-12. Scriptable."""
    if values.dtype == torch.float16 or values.dtype == torch.bfloat16:
        return values.float()
    return values


def in_float32(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` with its half arguments in float32 and its float results in the dtype of the first of them."""

    @wraps(function)
    def call(*arguments: Any, **options: Any) -> Any:
        half = next((a.dtype for a in (*arguments, *options.values()) if _is_half(a)), None)
        if half is None:
            return function(*arguments, **options)
        wide = {name: _widened(value) for name, value in options.items()}
        result = function(*map(_widened, arguments), **wide)
        return (
            tuple(_narrowed(r, half) for r in result)
            if isinstance(result, tuple)
            else _narrowed(result, half)
        )

    return call


def _is_half(value: Any) -> bool:
    return isinstance(value, Tensor) and value.dtype in (torch.float16, torch.bfloat16)


def _widened(value: Any) -> Any:
    return value.float() if _is_half(value) else value


def _narrowed(result: Tensor, half: torch.dtype) -> Tensor:
    return result.to(half) if result.dtype == torch.float32 else result
