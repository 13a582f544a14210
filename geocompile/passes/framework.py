"""What a pass is: a named rewrite of a captured graph that says what it changed."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor
from torch.export.graph_signature import InputKind, InputSpec, TensorArgument
from torch.fx import Node

from geocompile.exporters.program import CapturedProgram
from geocompile.exporters.rewriting import copy_graph, with_graph


@dataclass(frozen=True)
class PassResult:
    """What one pass did.

    Attributes:
        name: The pass.
        changed: The number of places that it changed.
        details: One line per change, for the report.
    """

    name: str
    changed: int
    details: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Pass:
    """A rewrite of the graph.

    Attributes:
        name: What it does, as a verb (`drop_dropout`).
        requires: What is true of a graph before, as a person would say it; a pass leaves alone what does not fit.
        rewrite: Changes the program in place and returns one line per change.
    """

    name: str
    requires: str
    rewrite: Callable[[Editor], list[str]]


class Editor:
    """A copy of a captured graph that passes may change; `finish` makes a valid program of it again."""

    def __init__(self, program: CapturedProgram) -> None:
        exported = program.exported
        self._program = program
        self.graph = copy_graph(exported.graph)
        self.signature = copy.deepcopy(exported.graph_signature)
        self.state_dict = dict(exported.state_dict)
        self.constants = dict(exported.constants)

    def stored_tensor(self, node: Node) -> Tensor | None:
        """The parameter, buffer or constant that a placeholder stands for."""
        spec = next((s for s in self.signature.input_specs if s.arg.name == node.name), None)
        if node.op != "placeholder" or spec is None or spec.target is None:
            return None
        value = self.state_dict.get(spec.target)
        value = self.constants.get(spec.target) if value is None else value
        return value if isinstance(value, Tensor) else None

    def add_constant(self, name: str, value: Tensor, like: Node) -> Node:
        """A placeholder for a new constant; `like` is the node whose result it is."""
        name = _free_name(name, {node.name for node in self.graph.nodes} | self.constants.keys())
        position = self._first_user_input()
        with self.graph.inserting_before(position):
            node: Node = self.graph.placeholder(name)
        node.meta |= {key: like.meta[key] for key in ("val", "nn_module_stack") if key in like.meta}
        self.constants[name] = value
        spec = InputSpec(InputKind.CONSTANT_TENSOR, TensorArgument(node.name), name)
        names = [s.arg.name for s in self.signature.input_specs]
        self.signature.input_specs.insert(names.index(position.name), spec)
        return node

    def remove_stored(self, node: Node) -> None:
        """Removes an unused parameter, buffer or constant from the graph's inputs."""
        spec = next(s for s in self.signature.input_specs if s.arg.name == node.name)
        self.signature.input_specs.remove(spec)
        self.graph.erase_node(node)
        if spec.target is not None and spec.target not in {s.target for s in self.signature.input_specs}:
            self.state_dict.pop(spec.target, None)
            self.constants.pop(spec.target, None)

    def replace(self, node: Node, other: Node) -> None:
        """Lets all users of `node` use `other`, outputs included, and removes `node`."""
        for spec in self.signature.output_specs:
            if spec.arg.name == node.name:
                spec.arg.name = other.name
        node.replace_all_uses_with(other)
        self.graph.erase_node(node)

    def finish(self) -> CapturedProgram:
        """The program of the changed graph, checked by torch's verifier."""
        self.graph.lint()
        exported = with_graph(
            self._program.exported, self.graph, self.signature, self.state_dict, self.constants
        )
        return replace(self._program, exported=exported)

    def _first_user_input(self) -> Node:
        inputs = set(self.signature.user_inputs)
        first: Node = next(
            node for node in self.graph.nodes if node.op == "placeholder" and node.name in inputs
        )
        return first


def is_pure(node: Node) -> bool:
    """Whether the node's result depends on its arguments alone and nothing else happens: it may be merged or folded."""
    if node.op != "call_function":
        return False
    target = node.target
    if isinstance(target, torch._ops.OpOverload):
        random = torch.Tag.nondeterministic_seeded in target.tags
        asserts = target._schema.name.startswith(("aten::_assert", "aten::sym_constrain"))
        return not (random or asserts or target._schema.is_mutable)
    # operator.getitem, operator.add, torch.sym_max, ...: arithmetic on sizes
    return not isinstance(target, torch._ops.HigherOrderOperator)


def target_name(node: Node) -> str:
    """`aten.add.Tensor`, `geocompile.batch_ptr.default`, `getitem`."""
    return (
        str(node.target)
        if isinstance(node.target, torch._ops.OpOverload)
        else getattr(node.target, "__name__", "")
    )


def _free_name(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    return name
