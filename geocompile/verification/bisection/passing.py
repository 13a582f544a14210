"""Where a pass goes wrong: the first node whose value is another than before the pass."""

from __future__ import annotations

from collections.abc import Mapping

from torch.fx import Node

from geocompile.exporters.program import CapturedProgram
from geocompile.verification.bisection.exporting import Wrong
from geocompile.verification.bisection.interpreter import NodeError, run_nodes
from geocompile.verification.bisection.nodes import is_tensor, nodes_by_name
from geocompile.verification.bisection.values import NodeValues
from geocompile.verification.inputs import Array
from geocompile.verification.report import OutputCheck


def first_changed(after: CapturedProgram, inputs: Mapping[str, Array], before: NodeValues) -> Wrong | None:
    """The first node of `after` that has another value than before.

    A node that was there before is known by its name. One that the pass made is held against every value that was
    there: where it is none of them and a wrong node is computed from it, the wrong value is the pass's own.

    Args:
        after: The program after the pass.
        inputs: The graph on which it is wrong.
        before: What the nodes were worth before the pass.
    """
    try:
        values = run_nodes(after, inputs)
    except NodeError as error:
        return Wrong(error.node, OutputCheck(error.node, False, str(error)), raises=True)
    nodes = nodes_by_name(after)
    for name, value in values.items():
        if name in before and not (check := before.check(name, value)).ok:
            made = _made_by_the_pass(nodes[name], values, before)
            return Wrong(name, check) if made is None else Wrong(made.name, check)
    return _last_unknown(after, values, before)


def _made_by_the_pass(node: Node, values: Mapping[str, Array], before: NodeValues) -> Node | None:
    """The first new node of unknown value that `node` is computed from, with no node of before in between."""
    found: list[Node] = []
    pending = [node]
    while pending:
        for source in pending.pop().all_input_nodes:
            if source.op == "call_function" and source.name not in before and source not in found:
                found.append(source)
                pending.append(source)
    order = {other: k for k, other in enumerate(node.graph.nodes)}
    unknown = [source for source in found if is_tensor(source) and not _is_known(values[source.name], before)]
    return min(unknown, key=lambda source: order[source], default=None)


def _last_unknown(after: CapturedProgram, values: Mapping[str, Array], before: NodeValues) -> Wrong | None:
    """An output that the pass made anew and that is no value of before."""
    for node in after.exported.graph.output_node().all_input_nodes:
        if node.name not in before and not _is_known(values[node.name], before):
            made = _made_by_the_pass(node, values, before) or node
            return Wrong(
                made.name, OutputCheck(made.name, False, "the pass made a value that was not there before")
            )
    return None


def _is_known(value: Array, before: NodeValues) -> bool:
    return any(before.is_like(name, value) for name in before.names())
