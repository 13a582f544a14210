"""Numpy arrays and torch tensors alike; torch is imported only where a torch engine needs it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np


def kind_of(value: Any) -> str | None:
    """`"numpy"`, `"torch"`, or None for anything else."""
    if isinstance(value, np.ndarray):
        return "numpy"
    torch = sys.modules.get("torch")  # who holds a tensor has imported torch
    return "torch" if torch is not None and isinstance(value, torch.Tensor) else None


def common_kind(named: Mapping[str, Any]) -> str:
    """The kind of all inputs; `"numpy"` where there are none.

    Raises:
        TypeError: An input is no tensor, or the kinds are mixed.
    """
    kinds = {name: kind_of(value) for name, value in named.items()}
    for name, kind in kinds.items():
        if kind is None:
            given = type(named[name]).__name__
            raise TypeError(
                f"geocompile: input {name!r} is a {given}, expected a numpy array or a torch tensor"
            )
    if len(set(kinds.values())) > 1:
        mixed = ", ".join(f"{name}: {kind}" for name, kind in kinds.items())
        raise TypeError(f"geocompile: inputs are numpy and torch mixed ({mixed}): give all of one kind")
    return next((kind for kind in kinds.values() if kind), "numpy")


def dtype_name(value: Any) -> str:
    """The numpy name of the element type; of torch types that numpy lacks, torch's (`bfloat16`)."""
    return str(value.dtype.name) if isinstance(value, np.ndarray) else str(value.dtype).removeprefix("torch.")


def convert(value: Any, kind: str) -> Any:
    """The same values as a contiguous tensor of the wanted kind, without a copy where there can be none."""
    if isinstance(value, np.ndarray):
        array = np.asarray(value, dtype=value.dtype.newbyteorder("="), order="C")
        return array if kind == "numpy" else _to_torch(array)
    tensor = value.detach().contiguous()
    return tensor if kind == "torch" else tensor.resolve_conj().resolve_neg().numpy()


def _to_torch(array: np.ndarray[Any, Any]) -> Any:
    import torch

    # torch has no read-only tensors and warns about such an array, so that one is copied
    return torch.from_numpy(array if array.flags.writeable else array.copy())
