"""Check of index ranges, before any engine: one pass over each integer input whose bound is known.

No engine can be trusted with a bad index: ONNX's standard operators wrap negative ones, and code that AOTInductor
generated throws inside its parallel loops, which ends the process.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from geocompile.exporters.program import TensorSpec


def check_indices(specs: Sequence[TensorSpec], values: Sequence[Any], dimensions: Mapping[str, int]) -> None:
    """Checks that the values of index inputs lie in the range that `TensorSpec.index_of` gives them.

    Args:
        specs: The inputs.
        values: Their tensors, contiguous and in this machine's byte order.
        dimensions: The sizes of the symbolic dimensions.

    Raises:
        IndexError: A value is outside; the message names the input, the value, its place and the valid range.
    """
    for spec, value in zip(specs, values, strict=True):
        if spec.index_of is None:
            continue
        array = value if isinstance(value, np.ndarray) else value.numpy()
        if isinstance(spec.index_of, str):
            _check(spec.name, spec.index_of, array, (), dimensions)
            continue
        for row, bound in enumerate(spec.index_of):
            if bound is not None:
                _check(spec.name, bound, array[row], (row,), dimensions)


def _check(
    name: str, bound: str, array: npt.NDArray[Any], place: tuple[int, ...], dimensions: Mapping[str, int]
) -> None:
    """Checks one tensor, or the row of one that starts at `place`."""
    size = _size(bound, array.dtype, dimensions)
    # seen as unsigned, a negative number is larger than every valid one: a single maximum decides
    if array.size == 0 or int(array.view(f"u{array.dtype.itemsize}").max()) < size:
        return
    wrong = (array < 0) | (array >= size) if bound != "*" else array < 0
    inside = tuple(int(i) for i in np.unravel_index(int(np.argmax(wrong)), array.shape))
    where = ", ".join(str(i) for i in (*place, *inside))
    raise IndexError(
        f"geocompile: input {name!r} has the value {int(array[inside])} at [{where}], {_valid(bound, size)}"
    )


def _size(bound: str, dtype: np.dtype[Any], dimensions: Mapping[str, int]) -> int:
    """The first value that is too large; for `*` the first one that the dtype cannot hold."""
    if bound == "*":
        return int(np.iinfo(dtype).max) + 1
    return dimensions[bound] if bound in dimensions else int(bound)


def _valid(bound: str, size: int) -> str:
    if bound == "*":
        return "valid are numbers from 0 on"
    valid = f"valid are 0 to {size - 1}" if size else "no value is valid"
    return valid if bound.isdecimal() else f"{valid} ({bound} = {size})"
