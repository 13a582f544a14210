"""What each operator must give, written out row by row in float64 numpy; independent of the tested code."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.operators.families import modules_in
from tests.operators.oracles import neighbours

_FAMILIES = modules_in(__name__)


def oracle_of(operator: str) -> Callable[..., tuple[np.ndarray, ...]] | None:
    """The function of the operator's name in one of the families."""
    return next((getattr(family, operator) for family in _FAMILIES if hasattr(family, operator)), None)


def expected(operator: str, arguments: dict[str, Any]) -> tuple[np.ndarray, ...]:
    """The outputs of `operator`, floats in float64; values that come in another precision are exact in it.

    Where the last bit decides, values stay in the precision in which they are computed.
    """
    oracle = oracle_of(operator)
    assert oracle is not None, f"no oracle for {operator}"
    least = np.float32 if operator in neighbours.IN_OWN_PRECISION else np.float64
    return oracle(**{name: _at_least_in(least, value) for name, value in arguments.items()})


def _at_least_in(dtype: type, value: Any) -> Any:
    is_float = isinstance(value, np.ndarray) and value.dtype.kind not in "iub"
    return value.astype(np.float64 if value.itemsize == 8 else dtype) if is_float else value
