"""Where capture goes wrong: the first layer whose output in the captured graph is not what it is in eager."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from torch.fx import Node

from geocompile.exporters.program import CapturedProgram
from geocompile.verification.bisection.exporting import Wrong
from geocompile.verification.bisection.layers import EagerRun, LayerCall
from geocompile.verification.bisection.nodes import computed_tensors, nodes_by_name
from geocompile.verification.bisection.values import NodeValues
from geocompile.verification.inputs import Array
from geocompile.verification.report import OutputCheck


@dataclass(frozen=True)
class WrongLayer(Wrong):
    """A node of a layer that was captured wrongly.

    Attributes:
        layer: The layer, by path and class.
        leaving: The node that leaves the layer with a wrong value, and what eager gives there; empty where
            the layer gives nothing of that shape.
        region: The nodes of the layer.
    """

    layer: str = ""
    leaving: str = ""
    expected: Array | None = None
    region: tuple[str, ...] = ()


def first_wrong_layer(
    program: CapturedProgram, values: NodeValues, eager: EagerRun, same_operators: bool
) -> WrongLayer | None:
    """The first layer, in the order in which eager leaves them, that the captured graph has wrong.

    Args:
        program: The captured program, which is wrong.
        values: What it computes on the graph.
        eager: What the layers take and give there.
        same_operators: Whether eager runs the operators that were captured, so that a value which it never
            computes is wrong. Otherwise (PyG's own layers) only what leaves a layer is compared.

    Returns:
        The layer, with the first of its nodes whose value eager never computes; None where every layer is right.
    """
    comparison = _Comparison(program, values, eager, same_operators)
    for call in eager.calls:
        found = comparison.judge(call)
        if found is not None:
            return found
    return None


class _Comparison:
    """Holds one run of eager against the values of a captured graph."""

    def __init__(
        self, program: CapturedProgram, values: NodeValues, eager: EagerRun, same_operators: bool
    ) -> None:
        self._program = program
        self._values = values
        self._eager = eager
        self._same_operators = same_operators
        self._nodes = nodes_by_name(program)

    def judge(self, call: LayerCall) -> WrongLayer | None:
        """The wrong node where an output of the call is not in the graph; the caller's where an input is not."""
        region = self._region(call)
        if not region:
            return None
        entering = [source for node in region for source in node.all_input_nodes if source not in region]
        leaving = [node for node in region if any(user not in region for user in node.users)]
        for output in call.outputs:
            if not self._holds(output, [*leaving, *entering]):
                caller = self._who_went_wrong(call)
                if caller is not call:
                    return self._wrong(caller, self._region(caller), entering, None)
                return self._wrong(call, region, leaving, output)
        return None

    def _who_went_wrong(self, call: LayerCall) -> LayerCall:
        """The call where all that it was given is in the graph; else the innermost caller of which that holds."""
        while call.parent is not None and not all(self._holds(i, self._nodes.values()) for i in call.inputs):
            call = call.parent
        return call

    def _region(self, call: LayerCall) -> list[Node]:
        """The nodes that one call of one module made, with those of the modules within."""
        found = []
        for node in self._program.exported.graph.nodes:
            stack = node.meta.get("nn_module_stack") or {}
            if any(path == call.path and _number(key) == call.number for key, (path, _) in stack.items()):
                found.append(node)
        return found

    def _wrong(
        self, call: LayerCall, region: list[Node], ends: list[Node], expected: Array | None
    ) -> WrongLayer:
        tensors = set(computed_tensors(self._program))
        ordered = [node for node in region if node in tensors]
        unknown = next((node for node in ordered if not self._is_in_eager(node)), None)
        like = [node for node in ends if expected is not None and self._looks_like(node, expected)]
        end = like[-1] if like else None
        node = unknown or end or ordered[-1]
        if end is not None and expected is not None:
            check = self._values.check(end.name, expected)
            check = OutputCheck(
                node.name, False, check.problem and "NaN or another number than eager's",
                error=check.error, bound=check.bound, index=check.index,
            )  # fmt: skip
        else:
            check = OutputCheck(node.name, False, "eager computes no such value")
        return WrongLayer(
            node.name,
            check,
            layer=f"{call.path} ({call.kind})" if call.path else f"the model itself ({call.kind})",
            leaving=end.name if end is not None else "",
            expected=expected,
            region=tuple(node.name for node in region),
        )

    def _is_in_eager(self, node: Node) -> bool:
        if not self._same_operators:
            return True
        return any(self._values.is_like(node.name, value) for value in self._eager.values)

    def _holds(self, value: Array, nodes: Iterable[Node]) -> bool:
        return any(node.name in self._values and self._values.is_like(node.name, value) for node in nodes)

    def _looks_like(self, node: Node, value: Array) -> bool:
        mine = self._values.eager(node.name) if node.name in self._values else None
        return mine is not None and mine.shape == value.shape and mine.dtype == value.dtype


def _number(key: str) -> int:
    """Which call of its module an entry of `nn_module_stack` is: `L__self__shared@2`."""
    number = key.rpartition("@")[2]
    return int(number) if "@" in key and number.isdigit() else 0
