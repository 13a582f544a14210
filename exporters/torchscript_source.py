"""A captured graph as the source text of one TorchScript method."""

from __future__ import annotations

import math
import operator
import re
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.fx import Node

from geocompile.errors import ExportError
from geocompile.exporters.names import MODULE_ATTRIBUTES, identifier
from geocompile.exporters.program import CapturedProgram

_BINARY = {
    operator.add: "+", operator.sub: "-", operator.mul: "*", operator.floordiv: "//", operator.mod: "%",
    operator.truediv: "/", operator.pow: "**", operator.eq: "==", operator.ne: "!=", operator.lt: "<",
    operator.le: "<=", operator.gt: ">", operator.ge: ">=", operator.and_: "and", operator.or_: "or",
}  # fmt: skip
_CALLS = {
    torch.sym_max: "max", torch.sym_min: "min", torch.sym_float: "float", torch.sym_int: "int",
    torch.sym_not: "not", operator.neg: "-", math.trunc: "int",
}  # fmt: skip
# `math` is not there in the source of a method
_ROUNDED = {math.floor: "int({} // 1)", math.ceil: "int(-(-({}) // 1))"}
# checks of what capture took for granted; the operators' own checks and the session's stand in for them
_DROPPED = re.compile(r"aten\.(_assert_\w+|sym_constrain_range\w*|_functional_assert\w*)\.\w+")
# torch.jit.save writes whole numbers from 1e10 to 1e16 without a point, as no float is read; attributes it pickles
LARGEST_WHOLE = 1e9
_KEYWORDS = {
    "self",
    "torch",
    "None",
    "True",
    "False",
    "inf",
    "nan",
    "Tensor",
    "List",
    "Optional",
    "int",
    "float",
    "bool",
}


@dataclass
class Source:
    """Source of `forward` and what it reads from `self`: tensors, and numbers that the source cannot hold."""

    text: str
    attributes: dict[str, Tensor | float]


def write_source(program: CapturedProgram) -> Source:
    """The captured graph as a TorchScript method `forward(self, <inputs>)`.

    Sizes are `x.size(i)`, overloads are left to TorchScript's own resolution, runtime assertions are dropped, and
    tensors are created on the first input's device.

    Raises:
        ExportError: An operator has no TorchScript form.
    """
    return _Writer(program).source()


class _Writer:
    def __init__(self, program: CapturedProgram) -> None:
        self.program = program
        self.exported = program.exported
        self.names: dict[Node, str] = {}
        self.attributes: dict[str, Tensor | float] = {}
        self.taken: set[str] = set(_KEYWORDS)
        self.device = ""

    def source(self) -> Source:
        wanted = _needed(self.exported.graph)
        lines: list[str] = []
        arguments = self._placeholders()
        for node in self.exported.graph.nodes:
            if node.op == "call_function" and node in wanted:
                text = self._call(node)
                self.names[node] = self._unique(node.name)
                lines.append(f"    {self.names[node]} = {text}")
        lines.append(f"    return {self._result()}")
        header = (
            f"def forward(self, {', '.join(f'{name}: Tensor' for name in arguments)}){self._return_type()}:"
        )
        return Source("\n".join([header, *lines]) + "\n", self.attributes)

    def _placeholders(self) -> list[str]:
        signature = self.exported.graph_signature
        stored = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
        stored |= signature.inputs_to_lifted_tensor_constants
        arguments = []
        for node in self.exported.graph.nodes:
            if node.op != "placeholder":
                continue
            if node.name in stored:
                self.names[node] = f"self.{self._attribute(stored[node.name])}"
            else:
                self.names[node] = self._unique(node.name)
                arguments.append(self.names[node])
        self.device = f"{arguments[0]}.device"
        return arguments

    def _attribute(self, target: str) -> str:
        tensor = self.exported.state_dict.get(target)
        if tensor is None:
            tensor = self.exported.constants[target]
        name = identifier(target, _KEYWORDS | MODULE_ATTRIBUTES | self.attributes.keys())
        self.attributes[name] = tensor
        return name

    def _number(self, value: float) -> str:
        for name, known in self.attributes.items():
            if isinstance(known, float) and known == value:
                return f"self.{name}"
        name = identifier("number", _KEYWORDS | MODULE_ATTRIBUTES | self.attributes.keys())
        self.attributes[name] = value
        return f"self.{name}"

    def _unique(self, name: str) -> str:
        name = identifier(name, self.taken)
        self.taken.add(name)
        return name

    def _outputs(self) -> list[Any]:
        return list(next(iter(reversed(self.exported.graph.nodes))).args[0])

    def _result(self) -> str:
        values = [self._value(value) for value in self._outputs()]
        return values[0] if len(values) == 1 else f"({', '.join(values)})"

    def _return_type(self) -> str:
        count = len(self._outputs())
        return " -> Tensor" if count == 1 else f" -> Tuple[{', '.join(['Tensor'] * count)}]"

    def _call(self, node: Node) -> str:
        target = node.target
        if target is operator.getitem:
            return f"{self._value(node.args[0])}[{self._value(node.args[1])}]"
        if target in _BINARY:
            left, right = (self._value(arg) for arg in node.args)
            return f"({left} {_BINARY[target]} {right})"
        if target in _CALLS:
            return f"{_CALLS[target]}({', '.join(self._value(arg) for arg in node.args)})"
        if target in _ROUNDED:
            return _ROUNDED[target].format(self._value(node.args[0]))
        if target is torch.sym_sum:
            return f"({' + '.join(self._value(arg) for arg in node.args[0])})"  # type: ignore[union-attr]
        if isinstance(target, torch._ops.OpOverload):
            return self._operator(node, target)
        raise ExportError(
            f"geocompile: {self.program.model_name} uses {getattr(target, '__name__', target)}, which TorchScript has "
            f"no form of{_at(node)}\n  leave 'torchscript' out of the targets, or write that line without it"
        )

    def _operator(self, node: Node, target: torch._ops.OpOverload) -> str:
        if str(target) == "aten.sym_size.int":
            return f"{self._value(node.args[0])}.size({node.args[1]})"
        if str(target) == "aten.sym_numel.default":
            return f"{self._value(node.args[0])}.numel()"
        schema = {argument.name: argument for argument in target._schema.arguments}
        positional = [argument for argument in target._schema.arguments if not argument.kwarg_only]
        texts = [self._typed(value, argument) for value, argument in zip(node.args, positional, strict=False)]
        for name, value in node.kwargs.items():
            if name == "device":
                texts.append(f"device={self.device}")
            elif value is not None:
                texts.append(f"{name}={self._typed(value, schema[name])}")
        namespace, name = target._schema.name.split("::")
        return f"torch.ops.{namespace}.{name}({', '.join(texts)})"

    def _typed(self, value: Any, argument: torch.Argument) -> str:
        if isinstance(value, torch.device):
            return self.device
        if isinstance(value, (list, tuple)):
            kind = (
                str(argument.type).replace("Optional[List", "List", 1) if "List" in str(argument.type) else ""
            )
            items = f"[{', '.join(self._value(item) for item in value)}]"
            if "Optional" in kind or not value:
                element = "Optional[Tensor]" if "Tensor" in kind else ("float" if "float" in kind else "int")
                return f"torch.jit.annotate(List[{element}], {items})"
            return items
        return self._value(value)

    def _value(self, value: Any) -> str:
        if isinstance(value, Node):
            return self.names[value]
        if isinstance(value, float) and not math.isfinite(value):
            return f'float("{value}")'
        if isinstance(value, float) and value.is_integer() and abs(value) > LARGEST_WHOLE:
            return self._number(value)
        if isinstance(value, (list, tuple)):
            return f"[{', '.join(self._value(item) for item in value)}]"
        if value is None or isinstance(value, (bool, int, float, str)):
            return repr(value)
        if isinstance(value, (torch.dtype, torch.layout, torch.memory_format)):
            return str(value)
        raise ExportError(f"geocompile: TorchScript has no literal for {value!r} ({type(value).__name__})")


def _needed(graph: torch.fx.Graph) -> set[Node]:
    """The nodes that the outputs depend on; assertions, and sizes computed for them alone, are left out."""
    needed: set[Node] = set()
    for node in reversed(graph.nodes):
        mutates = isinstance(node.target, torch._ops.OpOverload) and node.target._schema.is_mutable
        used = node.op == "output" or mutates or any(user in needed for user in node.users)
        if used and not _DROPPED.match(str(node.target)):
            needed.add(node)
    return needed


def _at(node: Node) -> str:
    lines = [line.strip() for line in (node.meta.get("stack_trace") or "").splitlines() if line.strip()]
    return f" (at {lines[-2]}: `{lines[-1]}`)" if len(lines) > 1 else ""
