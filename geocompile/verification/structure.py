"""Flattens a model's result the way the captured program did."""

from collections.abc import Mapping
from typing import Any


def flatten(value: Any, structure: Mapping[str, Any]) -> list[Any]:
    """Return the leaves of `value` in the order of the flat outputs.

    Args:
        value: What the model or a session returned.
        structure: The `output_structure` of the manifest.

    Raises:
        TypeError: `value` is not made up as `structure` says.
    """
    leaves: dict[int, Any] = {}
    _collect(value, structure, "output", leaves)
    return [leaves[index] for index in sorted(leaves)]


def _collect(value: Any, structure: Mapping[str, Any], where: str, leaves: dict[int, Any]) -> None:
    kind = structure["kind"]
    if kind == "tensor":
        if not hasattr(value, "shape"):
            raise TypeError(f"{where}: expected a tensor, got {type(value).__name__}")
        leaves[structure["index"]] = value
    elif kind == "none":
        if value is not None:
            raise TypeError(f"{where}: expected None, got {type(value).__name__}")
    elif kind == "dict":
        items = structure["items"]
        if not isinstance(value, Mapping) or set(value) != set(items):
            raise TypeError(f"{where}: expected a dict with keys {sorted(items)}, got {_describe(value)}")
        for key, item in items.items():
            _collect(value[key], item, f"{where}[{key!r}]", leaves)
    else:
        items = structure["items"]
        if not isinstance(value, (tuple, list)) or len(value) != len(items):
            raise TypeError(f"{where}: expected a {kind} of {len(items)}, got {_describe(value)}")
        for index, item in enumerate(items):
            _collect(value[index], item, f"{where}[{index}]", leaves)


def _describe(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"a dict with keys {sorted(value)}"
    if isinstance(value, (tuple, list)):
        return f"a {type(value).__name__} of {len(value)}"
    return type(value).__name__
