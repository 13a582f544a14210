"""Checks of a session's inputs before the engine sees them: dtype, device, rank, sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from geocompile.exporters.program import TensorSpec
from geocompile.runtimes.tensors import dtype_name, kind_of


def check_inputs(specs: Sequence[TensorSpec], named: Mapping[str, Any]) -> dict[str, int]:
    """Compares every input with its spec and returns the sizes of the symbolic dimensions.

    Raises:
        TypeError: An input has another dtype.
        ValueError: An input is not on the CPU, has another rank or size, or disagrees with another input.
    """
    dimensions: dict[str, int] = {}
    owners: dict[str, str] = {}
    for spec in specs:
        value = named[spec.name]
        _check_storage(spec, value)
        _check_dtype(spec, value)
        _check_shape(spec, tuple(value.shape), dimensions, owners)
    return dimensions


def _check_storage(spec: TensorSpec, value: Any) -> None:
    if kind_of(value) != "torch":
        return
    if value.device.type != "cpu":
        raise ValueError(
            f"geocompile: input {spec.name!r} is on {value.device}, expected cpu: pass {spec.name}.cpu()"
        )
    if str(value.layout) != "torch.strided":
        raise ValueError(f"geocompile: input {spec.name!r} has layout {value.layout}: pass a dense tensor")


def _check_dtype(spec: TensorSpec, value: Any) -> None:
    given = dtype_name(value)
    if given != spec.dtype:
        cast = f".to(torch.{spec.dtype})" if kind_of(value) == "torch" else f".astype({spec.dtype!r})"
        raise TypeError(
            f"geocompile: input {spec.name!r} is {given}, expected {spec.dtype}: "
            f"cast it yourself if that is meant, {spec.name}{cast}"
        )


def _check_shape(
    spec: TensorSpec, shape: tuple[int, ...], dimensions: dict[str, int], owners: dict[str, str]
) -> None:
    expected = f"expected [{', '.join(str(size) for size in spec.shape)}]"
    if len(shape) != len(spec.shape):
        raise ValueError(
            f"geocompile: input {spec.name!r} has {len(shape)} dimensions {list(shape)}, {expected}"
        )
    for axis, (size, wanted) in enumerate(zip(shape, spec.shape, strict=True)):
        if isinstance(wanted, int):
            if size != wanted:
                raise ValueError(f"geocompile: input {spec.name!r} has shape {list(shape)}, {expected}")
        elif dimensions.setdefault(wanted, size) != size:
            raise ValueError(
                f"geocompile: input {spec.name!r} has {size} at dimension {axis} ({wanted}), "
                f"but input {owners[wanted]!r} has {wanted} = {dimensions[wanted]}"
            )
        else:
            owners.setdefault(wanted, spec.name)
