"""Programs with other outputs: a captured program that gives values from its middle, and nothing after them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from torch.export.graph_signature import OutputKind, OutputSpec, TensorArgument
from torch.utils import _pytree as pytree

from geocompile.capture.describe import describe_outputs
from geocompile.exporters.program import CapturedProgram, TensorSpec
from geocompile.passes.framework import Editor
from geocompile.passes.remove_dead_code import REMOVE_DEAD_CODE
from geocompile.verification.bisection.nodes import computed_tensors


def with_outputs(program: CapturedProgram, names: Sequence[str]) -> CapturedProgram:
    """The program that computes these nodes and returns them; what they do not need is left out."""
    editor = Editor(program)
    nodes = {node.name: node for node in editor.graph.nodes}
    editor.graph.erase_node(next(iter(reversed(editor.graph.nodes))))
    editor.graph.output(tuple(nodes[name] for name in names))
    editor.signature.output_specs = [
        OutputSpec(OutputKind.USER_OUTPUT, TensorArgument(name), None) for name in names
    ]
    REMOVE_DEAD_CODE.rewrite(editor)
    cut = editor.finish()
    signature = cut.exported.module_call_graph[0].signature
    if signature is not None:
        signature.out_spec = pytree.tree_structure(tuple(range(len(names))))
    items = [{"kind": "tensor", "index": k} for k in range(len(names))]
    cut = replace(
        cut,
        outputs=tuple(TensorSpec(f"value_{name}", "", ()) for name in names),
        output_structure={"kind": "tuple", "items": items},
    )
    return replace(cut, outputs=describe_outputs(cut))


def frontier(program: CapturedProgram, last: str) -> list[str]:
    """What is known once the node `last` has run and used later, `last` included: whatever is wrong passes through."""
    order = {node: k for k, node in enumerate(program.exported.graph.nodes)}
    tensors = computed_tensors(program)
    end = next(order[node] for node in tensors if node.name == last)
    return [
        node.name
        for node in tensors
        if order[node] <= end and (node.name == last or any(order[user] > end for user in node.users))
    ]
