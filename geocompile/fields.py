"""Typed reading of one JSON object; what is wrong is named by its path (`inputs[0].dtype`)."""

from __future__ import annotations

import math
from typing import Any

from geocompile.errors import BundleError


class Fields:
    """The fields of one object of `manifest.json`.

    Args:
        values: What the JSON holds at this place; refused when it is no object.
        where: The path of this place, empty for the whole file.
    """

    def __init__(self, values: object, where: str) -> None:
        if not isinstance(values, dict):
            raise BundleError(f"manifest.json: {where or 'the whole'} must be an object, got {_kind(values)}")
        self.values: dict[str, Any] = values
        self.where = where

    def error(self, key: str, problem: str) -> BundleError:
        """A `BundleError` that names the field."""
        return BundleError(f"manifest.json: '{self._path(key)}' {problem}")

    def text(self, key: str, default: str | None = None) -> str:
        """A string; missing or null gives the default, if there is one."""
        value = self.values.get(key)
        if value is None and default is not None:
            return default
        return str(self._typed(key, str, "a string"))

    def integer(self, key: str) -> int:
        """An integer that is not negative."""
        value = self._typed(key, int, "an integer")
        if isinstance(value, bool) or value < 0:
            raise self.error(key, f"must be an integer of at least 0, got {value!r}")
        return int(value)

    def number(self, key: str) -> float:
        """A finite number that is not negative."""
        value = self._typed(key, (int, float), "a number")
        if isinstance(value, bool) or not math.isfinite(value) or value < 0:
            raise self.error(key, f"must be a finite number of at least 0, got {value!r}")
        return float(value)

    def array(self, key: str, optional: bool = False) -> list[Any]:
        """A list of anything."""
        if optional and self.values.get(key) is None:
            return []
        return list(self._typed(key, list, "a list"))

    def texts(self, key: str, optional: bool = False) -> tuple[str, ...]:
        """A list of strings."""
        items = self.array(key, optional)
        for item in items:
            if not isinstance(item, str):
                raise self.error(key, f"must hold strings, got {_kind(item)}")
        return tuple(items)

    def mapping(self, key: str, optional: bool = False) -> dict[str, Any]:
        """An object, as it is."""
        if optional and self.values.get(key) is None:
            return {}
        return dict(self._typed(key, dict, "an object"))

    def objects(self, key: str, optional: bool = False) -> list[Fields]:
        """A list of objects."""
        return [Fields(item, f"{self._path(key)}[{i}]") for i, item in enumerate(self.array(key, optional))]

    def named_objects(self, key: str, optional: bool = False) -> dict[str, Fields]:
        """An object whose values are objects."""
        return {
            name: Fields(item, f"{self._path(key)}.{name}")
            for name, item in self.mapping(key, optional).items()
        }

    def _typed(self, key: str, kind: type | tuple[type, ...], expected: str) -> Any:
        if key not in self.values:
            raise self.error(key, f"is missing, expected {expected}")
        value = self.values[key]
        if not isinstance(value, kind):
            raise self.error(key, f"must be {expected}, got {_kind(value)}")
        return value

    def _path(self, key: str) -> str:
        return f"{self.where}.{key}" if self.where else key


def _kind(value: object) -> str:
    return "null" if value is None else f"{type(value).__name__} {str(value)[:40]!r}"
