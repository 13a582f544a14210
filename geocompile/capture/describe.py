"""What a captured graph takes and gives: names, dtypes and symbolic shapes of its tensors."""

from __future__ import annotations

from typing import Any

import sympy  # type: ignore[import-untyped]
import torch
from torch import Tensor
from torch.fx import Node
from torch.fx.experimental.symbolic_shapes import statically_known_true

from geocompile.capture.dimensions import NUM_GRAPHS
from geocompile.exporters.program import CapturedProgram, TensorSpec


class Names:
    """Symbolic sizes of a graph as text a person understands."""

    def __init__(self, exported: torch.export.ExportedProgram, backed: dict[Any, Any]) -> None:
        self._names = dict(backed)
        self._graphs = _graph_counts(exported)
        for number, size in enumerate(self._graphs):
            name = NUM_GRAPHS if number == 0 else f"{NUM_GRAPHS}_{number}"
            self._names.setdefault(size.node.expr, _symbol(name) + 1)

    def size(self, size: int | torch.SymInt, fallback: str) -> int | str:
        """A number, a name (`num_nodes`), an expression of names (`num_nodes+1`), or `fallback`."""
        if isinstance(size, int):
            return size
        expression = size.node.expr
        if not expression.free_symbols <= self._names.keys():
            merged = [known for known in self._graphs if statically_known_true(size == known - 1)]
            if not merged:
                return fallback
            expression = merged[0].node.expr - 1
        named = sympy.simplify(expression.xreplace(self._names))
        return int(named) if named.is_Integer else str(named).replace(" ", "")

    def spec(
        self, name: str, value: Tensor, index_of: str | tuple[str | None, ...] | None = None
    ) -> TensorSpec:
        shape = tuple(self.size(size, f"{name}_dim{k}") for k, size in enumerate(value.shape))
        return TensorSpec(name, str(value.dtype).removeprefix("torch."), shape, index_of)


def describe_outputs(program: CapturedProgram) -> tuple[TensorSpec, ...]:
    """The outputs as they are now: a pass may have found two of their sizes to be the same."""
    names = names_in(program)
    values = output_values(program.exported)
    return tuple(names.spec(spec.name, value) for spec, value in zip(program.outputs, values, strict=True))


def names_in(program: CapturedProgram) -> Names:
    """What the sizes in a program are called, by its inputs."""
    nodes = input_nodes(program.exported)
    backed = {
        size.node.expr: _symbol(name)
        for spec in program.inputs
        for size, name in zip(nodes[spec.name].meta["val"].shape, spec.shape, strict=True)
        if isinstance(size, torch.SymInt) and isinstance(name, str)
    }
    return Names(program.exported, backed)


def _symbol(name: str) -> Any:
    return sympy.Symbol(name, integer=True, nonnegative=True)


def input_nodes(exported: torch.export.ExportedProgram) -> dict[str, Node]:
    """Input name -> placeholder."""
    wanted = set(exported.graph_signature.user_inputs)
    return {
        node.name: node for node in exported.graph.nodes if node.op == "placeholder" and node.name in wanted
    }


def output_values(exported: torch.export.ExportedProgram) -> list[Tensor]:
    """The (fake) output tensors, flat."""
    node = next(iter(reversed(exported.graph.nodes)))
    return [
        arg.meta["val"]
        for arg in node.args[0]
        if isinstance(arg, Node) and isinstance(arg.meta["val"], Tensor)
    ]


def _graph_counts(exported: torch.export.ExportedProgram) -> list[torch.SymInt]:
    """The sizes that are the number of graphs plus one, one per `batch_ptr` of another batch."""
    pointers = [
        node.meta["val"][0]
        for node in exported.graph.nodes
        if node.op == "call_function" and str(node.target) == "geocompile.batch_ptr.default"
    ]
    sizes = {
        pointer.shape[0].node.expr: pointer.shape[0]
        for pointer in pointers
        if isinstance(pointer.shape[0], torch.SymInt)
    }
    return list(sizes.values())
