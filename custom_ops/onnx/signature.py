"""Signatures of ONNX operators as text (``"x: T[M, ...], rowptr: I[N + 1]"``) and the shapes that follow from them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Dim = int | str | None
Shape = tuple[Dim, ...]

_FORMAL = re.compile(r"(\w+): (\w+)\[([^\]]*)\]")
_NEXT = " + 1"
_AT_DIM = " at dim"


@dataclass(frozen=True)
class Formal:
    """One input or output.

    Attributes:
        name: its name in the schema, the function body and error messages.
        type: the type constraint that it shares with others of the same letter.
        dims: letters of its sizes: ``"N"``, ``"N + 1"``, a number, or ``"..."`` for any number of other dimensions,
            which come after those with a letter; ``"N at dim"`` stands among them, where the attribute ``dim`` says.
            A letter that no input has is a size that depends on values.
    """

    name: str
    type: str
    dims: tuple[str, ...]

    @property
    def at_dim(self) -> bool:
        """Whether its first size stands where the attribute ``dim`` says."""
        return self.dims[:1] != () and self.dims[0].endswith(_AT_DIM)


def parse_formals(text: str) -> tuple[Formal, ...]:
    """Reads ``"name: TYPE[dim, dim], ..."``."""
    return tuple(
        Formal(name, type_, tuple(dim.strip() for dim in dims.split(",") if dim.strip()))
        for name, type_, dims in _FORMAL.findall(text)
    )


def infer_shapes(
    inputs: Sequence[Formal], outputs: Sequence[Formal], shapes: Sequence[Shape | None], dim: int = 0
) -> list[Shape | None]:
    """Output shapes from input shapes: ``None`` is an unknown size (in a shape) or an unknown rank (instead of one).

    `dim` is the operator's attribute of that name, for signatures that mention it.

    Raises:
        ValueError: if an input's rank cannot be what its signature says.
    """
    sizes: dict[str, Dim] = {}
    tails: dict[str, Shape | None] = {}
    for formal, shape in zip(inputs, shapes, strict=True):
        if shape is not None:
            _check_rank(formal, shape)
            shape = _with_first(formal, shape, dim)
            _bind(sizes, formal.dims, shape)
        if "..." in formal.dims:
            tails.setdefault(formal.type, None if shape is None else shape[len(formal.dims) - 1 :])
    return [_with_back(formal, _resolve(formal, sizes, tails), dim) for formal in outputs]


def _check_rank(formal: Formal, shape: Shape) -> None:
    fixed = [dim for dim in formal.dims if dim != "..."]
    if len(shape) != len(fixed) and not (len(fixed) < len(formal.dims) and len(shape) > len(fixed)):
        expected = f"{len(fixed)}" if len(fixed) == len(formal.dims) else f"at least {len(fixed)}"
        raise ValueError(f"'{formal.name}' must have {expected} dimension(s), got {len(shape)}")


def _with_first(formal: Formal, shape: Shape, dim: int) -> Shape:
    """The shape with the size that stands at `dim` moved to the front."""
    if not formal.at_dim:
        return shape
    if not -len(shape) <= dim < len(shape):
        raise ValueError(f"'dim' must be between {-len(shape)} and {len(shape) - 1}, got {dim}")
    rest = list(shape)
    return (rest.pop(dim), *rest)


def _with_back(formal: Formal, shape: Shape | None, dim: int) -> Shape | None:
    """Undoes :func:`_with_first`."""
    if not formal.at_dim or shape is None:
        return shape
    first, *rest = shape
    rest.insert(dim % len(shape), first)
    return tuple(rest)


def _bind(sizes: dict[str, Dim], dims: Iterable[str], shape: Shape) -> None:
    for dim, size in zip(dims, shape, strict=False):
        if dim == "...":
            return
        dim = dim.removesuffix(_AT_DIM)
        letter, value = (dim.removesuffix(_NEXT), _previous(size)) if dim.endswith(_NEXT) else (dim, size)
        if isinstance(value, int) or sizes.get(letter) is None:  # a number says more than a name
            sizes[letter] = value


def _resolve(formal: Formal, sizes: dict[str, Dim], tails: dict[str, Shape | None]) -> Shape | None:
    shape: list[Dim] = []
    for dim in formal.dims:
        if dim == "...":
            tail = tails.get("T" if formal.type == "P" else formal.type)  # places have the shape of values
            if tail is None:
                return None
            shape.extend(tail)
        elif dim.isdecimal():
            shape.append(int(dim))
        elif dim.endswith(_NEXT):
            shape.append(_next(sizes.get(dim.removesuffix(_NEXT))))
        else:
            shape.append(sizes.get(dim.removesuffix(_AT_DIM)))
    return tuple(shape)


def _next(size: Dim) -> Dim:
    return f"{size}{_NEXT}" if isinstance(size, str) else None if size is None else size + 1


def _previous(size: Dim) -> Dim:
    if isinstance(size, str):
        return size.removesuffix(_NEXT) if size.endswith(_NEXT) else None
    return None if size is None else size - 1
