"""JSON values as dataclasses, every field checked against its annotation: a bundle may come from anywhere."""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from typing import Any

from geocompile.errors import BundleError

_NON_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def decode(kind: Any, value: object, where: str) -> Any:
    """Read `value` as `kind`.

    Kinds are dataclasses, `tuple[X, ...]`, `tuple[X, Y]`, `dict[str, X]`, `X | None`, literals, and plain types.

    Fields that are not known are ignored, absent ones take their default. Text loses what is not printable, so that it
    can be shown in a terminal.

    Args:
        kind: The annotation.
        value: JSON values; `"nan"`, `"inf"` and `"-inf"` stand for floats that JSON lacks.
        where: The path of the value, for messages.

    Raises:
        BundleError: The value is none of that kind; the message names the path.
    """
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return _dataclass(kind, value, where)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        (inner,) = [argument for argument in arguments if argument is not type(None)]
        return None if value is None else decode(inner, value, where)
    if origin is typing.Literal:
        if value not in arguments:
            raise _wrong(value, f"one of {', '.join(map(str, arguments))}", where)
        return value
    if origin is tuple:
        return _tuple(arguments, value, where)
    if origin is dict:
        entries = _typed(value, dict, "an object", where)
        return {_text(key): decode(arguments[1], item, f"{where}.{key}") for key, item in entries.items()}
    return _plain(kind, value, where)


def _dataclass(kind: type, value: object, where: str) -> Any:
    entries = _typed(value, dict, "an object", where)
    hints = typing.get_type_hints(kind)
    known = {}
    for item in dataclasses.fields(kind):
        if item.name in entries:
            known[item.name] = decode(hints[item.name], entries[item.name], f"{where}.{item.name}")
        elif item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING:
            raise BundleError(f"{where}.{item.name} is missing: compile anew")
    return kind(**known)


def _tuple(arguments: tuple[Any, ...], value: object, where: str) -> tuple[Any, ...]:
    items = _typed(value, list, "a list", where)
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return tuple(decode(arguments[0], item, f"{where}[{k}]") for k, item in enumerate(items))
    if len(items) != len(arguments):
        raise BundleError(f"{where} must have {len(arguments)} entries, got {len(items)}: compile anew")
    pairs = zip(arguments, items, strict=True)
    return tuple(decode(argument, item, f"{where}[{k}]") for k, (argument, item) in enumerate(pairs))


def _plain(kind: Any, value: object, where: str) -> Any:
    if kind is str:
        return _text(_typed(value, str, "text", where))
    if kind is float and isinstance(value, str) and value in _NON_FINITE:
        return _NON_FINITE[value]
    if kind is bool:
        return _typed(value, bool, "true or false", where)
    if isinstance(value, bool):
        raise _wrong(value, "a number", where)
    if kind is int:
        return _typed(value, int, "an integer", where)
    number = _typed(value, (int, float), "a number", where)
    if isinstance(number, int) and abs(number) > 2**1000:
        raise BundleError(f"{where} is too large for a number: compile anew")
    return float(number)


def _typed(value: object, kind: type | tuple[type, ...], expected: str, where: str) -> Any:
    if not isinstance(value, kind):
        raise _wrong(value, expected, where)
    return value


def _wrong(value: object, expected: str, where: str) -> BundleError:
    given = "null" if value is None else f"{type(value).__name__} {str(value)[:40]!r}"
    return BundleError(f"{where} must be {expected}, got {given}: compile anew")


def _text(value: str) -> str:
    return "".join(letter if letter.isprintable() or letter == "\n" else "\ufffd" for letter in value)
