"""Reads what a report keeps of a model and of a captured program; needs torch, unlike the rest of the report."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch

from geocompile.capture.describe import names_in
from geocompile.exporters.program import CapturedProgram
from geocompile.report.program import INPUT, OPERATOR, OUTPUT, Layer, ModelSummary, Node, ProgramGraph

MAX_SETTINGS = 120  # characters of a layer's own description
_SILENT = ("aten._assert", "aten.sym_", "aten._assert_scalar")


def summarize(model: torch.nn.Module, replaced: Mapping[str, str] | None = None) -> ModelSummary:
    """The layers of a model; `replaced` names the classes that stand in for some of them."""
    replaced = replaced or {}
    layers = tuple(
        Layer(
            path,
            type(module).__name__,
            sum(tensor.numel() for tensor in module.parameters()),
            _settings(module),
            replaced.get(path, ""),
        )
        for path, module in model.named_modules()
    )
    parameters, buffers = list(model.parameters()), list(model.buffers())
    return ModelSummary(
        layers,
        sum(tensor.numel() for tensor in parameters),
        sum(tensor.numel() for tensor in buffers),
        sum(tensor.numel() * tensor.element_size() for tensor in (*parameters, *buffers)),
    )


def read_graph(program: CapturedProgram) -> ProgramGraph:
    """The operators of a program, with the layers that they come from (`nn_module_stack` of torch.export)."""
    reader = _Reader(program)
    for node in program.exported.graph.nodes:
        reader.add(node)
    return ProgramGraph(tuple(reader.nodes), reader.kinds)


def _settings(module: torch.nn.Module) -> str:
    """What `print(module)` says in brackets; PyG's layers write their whole text themselves."""
    try:
        text = str(module.extra_repr())
        if not text and type(module).__repr__ is not torch.nn.Module.__repr__:
            written = re.fullmatch(r"\w+\((.*)\)", repr(module))
            text = written[1] if written else ""
    except Exception:  # the user's own code, which a report does not depend on
        return ""
    text = " ".join(text.split())
    return text if len(text) <= MAX_SETTINGS else text[: MAX_SETTINGS - 1] + "…"


class _Reader:
    """Goes through a graph once; what is left out passes its own sources on."""

    def __init__(self, program: CapturedProgram) -> None:
        self.nodes: list[Node] = []
        self.kinds: dict[str, str] = {}
        self._sources: dict[Any, tuple[int, ...]] = {}
        self._weights: dict[Any, str] = {}
        signature = program.exported.graph_signature
        self._stored = {
            spec.arg.name: spec.target for spec in signature.input_specs if spec.target is not None
        }
        self._names = names_in(program)
        self._known_sizes: dict[str, str] = {}
        self._outputs = [spec.name for spec in program.outputs]

    def add(self, node: torch.fx.Node) -> None:
        """Take the next node of the graph."""
        if node.op == "placeholder" and node.name in self._stored:
            self._weights[node] = f"{self._stored[node.name]} {self._shape(node.meta.get('val'))}"
            self._sources[node] = ()
        elif node.op == "placeholder":
            self._append(node, Node(node.name, INPUT, result=self._result(node)))
        elif node.op == "output":
            results = [source for source in node.args[0] if isinstance(source, torch.fx.Node)]  # type: ignore[union-attr]
            for name, source in zip(self._outputs, results, strict=False):
                self.nodes.append(Node(name, OUTPUT, reads=self._sources.get(source, ())))
        elif node.op == "call_function" and not self._is_silent(node):
            self._append(node, self._operator(node))
        else:
            self._sources[node] = () if _is_size(node) else self._reads(node)

    def _operator(self, node: torch.fx.Node) -> Node:
        weights = tuple(self._weights[source] for source in node.all_input_nodes if source in self._weights)
        return Node(
            node.name,
            OPERATOR,
            _operator_name(node),
            self._layers(node),
            self._result(node),
            self._reads(node),
            weights,
            ", ".join(argument for argument in node.args if isinstance(argument, str)),
        )

    def _append(self, node: torch.fx.Node, described: Node) -> None:
        self._sources[node] = (len(self.nodes),)
        self.nodes.append(described)

    def _reads(self, node: torch.fx.Node) -> tuple[int, ...]:
        found = (position for source in node.all_input_nodes for position in self._sources.get(source, ()))
        return tuple(dict.fromkeys(found))

    def _layers(self, node: torch.fx.Node) -> tuple[str, ...]:
        stack = (node.meta.get("nn_module_stack") or {}).values()
        paths = []
        for path, kind in stack:
            if path and "nn_module_stack" not in path:
                name = kind if isinstance(kind, str) else kind.__name__
                self.kinds.setdefault(path, name.rpartition(".")[2])
                paths.append(path)
        return tuple(paths)

    def _is_silent(self, node: torch.fx.Node) -> bool:
        """Arithmetic on sizes, checks, and the parts of a result."""
        name = _operator_name(node)
        return _is_size(node) or name == "getitem" or name.startswith(_SILENT)

    def _result(self, node: torch.fx.Node) -> str:
        value = node.meta.get("val")
        values = value if isinstance(value, (list, tuple)) else [value]
        tensors = [item for item in values if isinstance(item, torch.Tensor)]
        return ", ".join(f"{str(item.dtype).removeprefix('torch.')} {self._shape(item)}" for item in tensors)

    def _shape(self, value: Any) -> str:
        if not isinstance(value, torch.Tensor):
            return ""
        return "[" + ", ".join(self._size(size) for size in value.shape) + "]"

    def _size(self, size: int | torch.SymInt) -> str:
        text = str(size)
        if text not in self._known_sizes:  # naming a size takes a while, and a graph has few of them
            self._known_sizes[text] = str(self._names.size(size, "?"))
        return self._known_sizes[text]


def _is_size(node: torch.fx.Node) -> bool:
    return isinstance(node.meta.get("val"), (torch.SymInt, torch.SymBool, torch.SymFloat, int, bool))


def _operator_name(node: torch.fx.Node) -> str:
    """`aten.relu`, `geocompile.csr_from_coo`, `getitem`: an overload without the name of its kind."""
    if isinstance(node.target, torch._ops.OpOverload):
        return str(node.target.overloadpacket)
    return getattr(node.target, "__name__", str(node.target))
