"""A piece of a captured graph as the source of a module that needs torch and nothing of the user's."""

from __future__ import annotations

import keyword
import math
import operator
import re
from dataclasses import dataclass
from typing import Any

import torch
from torch.fx import Node

from geocompile.verification.bisection.cutting import Piece

_RESERVED = {"self", "torch", "operator", "math", "tensors", "inputs", "sys"}
_BY_MODULE = {"_operator": "operator", "operator": "operator", "math": "math"}


@dataclass(frozen=True)
class Source:
    """The source of a module.

    Attributes:
        arguments: The names of forward's arguments, in the order of the piece's inputs.
        weights: Attribute of the module -> name of the stored tensor.
        lines: The statements of forward; the last one returns the output.
    """

    arguments: dict[str, str]
    weights: dict[str, str]
    lines: list[str]


def write_source(piece: Piece) -> Source:
    """The piece as statements, one per node.

    Raises:
        ValueError: A node has an argument or a target that has no source text.
    """
    names: dict[Node, str] = {}
    for node in (*piece.inputs, *piece.weights, *piece.nodes):
        names[node] = _identifier(node.name, set(names.values()))
    arguments = {node.name: names[node] for node in piece.inputs}
    weights = {names[node]: node.name for node in piece.weights}
    names |= {node: f"self.{names[node]}" for node in piece.weights}
    lines = [f"{names[node]} = {_call(node, names)}" for node in piece.nodes]
    return Source(arguments, weights, [*lines, f"return {names[piece.output]}"])


def _identifier(name: str, taken: set[str]) -> str:
    name = re.sub(r"\W", "_", name)
    while name in taken or name in _RESERVED or keyword.iskeyword(name):
        name += "_"
    return name


def _call(node: Node, names: dict[Node, str]) -> str:
    target = node.target
    args = [_literal(arg, names) for arg in node.args]
    if target is operator.getitem:
        return f"{args[0]}[{args[1]}]"
    if str(target) == "aten.sym_size.int":
        return f"{args[0]}.size({args[1]})"
    args += [f"{name}={_literal(value, names)}" for name, value in node.kwargs.items()]
    return f"{_target(target)}({', '.join(args)})"


def _target(target: Any) -> str:
    if isinstance(target, torch._ops.OpOverload):
        return f"torch.ops.{target}"
    name, module = getattr(target, "__name__", ""), getattr(target, "__module__", "")
    if module in _BY_MODULE:
        return f"{_BY_MODULE[module]}.{name}"
    if getattr(torch, name, None) is target:
        return f"torch.{name}"
    raise ValueError(f"geocompile: no source text for a call of {target}")


def _literal(value: Any, names: dict[Node, str]) -> str:
    if isinstance(value, Node):
        return names[value]
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    if isinstance(value, (list, tuple)):
        items = ", ".join(_literal(item, names) for item in value)
        return f"[{items}]" if isinstance(value, list) else f"({items}{',' * (len(value) == 1)})"
    if isinstance(value, slice):
        return f"slice({', '.join(_literal(part, names) for part in (value.start, value.stop, value.step))})"
    if value is None or isinstance(value, (bool, int, float, str)):
        return repr(value)
    if isinstance(value, torch.device):
        return f'torch.device("{value.type}")'
    if isinstance(value, (torch.dtype, torch.layout, torch.memory_format)):
        return str(value)
    raise ValueError(f"geocompile: no source text for {value!r} ({type(value).__name__})")
