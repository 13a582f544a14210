"""Outputs with memory of their own: a caller who writes into one changes no weight, no input and no other output."""

from __future__ import annotations

import copy
from dataclasses import replace

import torch
from torch.fx import Node

from geocompile.exporters.program import CapturedProgram
from geocompile.exporters.rewriting import copy_graph, with_graph

# made of smaller operators, so that no schema tells whether they return their argument; these never do
_FRESH = {
    "aten.linear",
    "aten.matmul",
    "aten.layer_norm",
    "aten.batch_norm",
    "aten.softmax",
    "aten.log_softmax",
}


def with_own_outputs(program: CapturedProgram) -> CapturedProgram:
    """The same program with a copy of each output that is or may be a view of a weight, an input or another output."""
    exported = program.exported
    graph = copy_graph(exported.graph)
    signature = copy.deepcopy(exported.graph_signature)
    output = next(iter(reversed(graph.nodes)))
    results = list(output.args[0])
    taken: set[Node] = set()
    for position, (result, spec) in enumerate(zip(results, signature.output_specs, strict=True)):
        origins = _origins(result)
        if taken & origins or any(origin.op == "placeholder" for origin in origins):
            with graph.inserting_before(output):
                results[position] = graph.call_function(torch.ops.aten.clone.default, (result,))
            results[position].meta = dict(result.meta)
            spec.arg.name = results[position].name
        taken |= origins
    output.args = (tuple(results),)
    return replace(program, exported=with_graph(exported, graph, signature))


def _origins(node: Node) -> set[Node]:
    """The nodes whose memory the result of `node` may be."""
    found: set[Node] = set()
    seen: set[Node] = set()
    pending = [node]
    while pending:
        current = pending.pop()
        if current in seen:
            continue
        seen.add(current)
        found.add(current)
        if _may_alias(current):
            pending += [n for n in current.all_input_nodes if not isinstance(n.meta.get("val"), torch.SymInt)]
    return found


def _may_alias(node: Node) -> bool:
    target = node.target
    if not isinstance(target, torch._ops.OpOverload):
        source = node.args[0] if node.args else None  # of which `node` is an item
        return isinstance(source, Node) and source.op == "call_function" and _may_alias(source)
    if any(result.alias_info is not None for result in target._schema.returns):
        return True
    overload = f".{target._overloadname}" if target._overloadname != "default" else ""
    name = target._schema.name + overload
    implicit = torch._C._dispatch_has_kernel_for_dispatch_key(name, "CompositeImplicitAutograd")
    return implicit and str(target).rpartition(".")[0] not in _FRESH
