"""What a node of a captured graph is called, which layer it comes from, and what kind of value it has."""

from __future__ import annotations

import torch
from torch.fx import Node

from geocompile.exporters.program import CapturedProgram


def operator_name(node: Node) -> str:
    """`aten.sub.Tensor`, `geocompile.csr_from_coo.default`, `getitem`."""
    if node.op != "call_function":
        return node.op
    if isinstance(node.target, torch._ops.OpOverload):
        return str(node.target)
    return getattr(node.target, "__name__", str(node.target))


def described(node: Node) -> tuple[str, str]:
    """Name and operator; an item of an operator's results goes by that operator."""
    source = node.args[0] if operator_name(node) == "getitem" else None
    if isinstance(source, Node) and not isinstance(source.meta.get("val"), torch.Tensor):
        return source.name, f"{operator_name(source)}, result {node.args[1]}"
    return node.name, operator_name(node)


def layer_of(node: Node) -> str:
    """The innermost module whose code made the node, by path and class: `convs.1 (GCNConv)`.

    A node that a pass made comes from no module: it goes by the first of its users, then of its arguments, that does.
    """
    for candidate in (node, *node.users, *node.all_input_nodes):
        stack = candidate.meta.get("nn_module_stack")
        if stack:
            path, kind = list(stack.values())[-1]
            name = kind.__name__ if isinstance(kind, type) else str(kind).rpartition(".")[2]
            return f"{path} ({name})" if path else f"the model itself ({name})"
    return ""


def same_layer(program: CapturedProgram, name: str) -> tuple[str, ...]:
    """The nodes of the module call that made this node, those of the modules within included."""
    stack = nodes_by_name(program)[name].meta.get("nn_module_stack") or {}
    innermost = next(reversed(stack), None)
    nodes = program.exported.graph.nodes
    return tuple(node.name for node in nodes if innermost in (node.meta.get("nn_module_stack") or {}))


def is_tensor(node: Node) -> bool:
    """Whether the node's value is one tensor."""
    return isinstance(node.meta.get("val"), torch.Tensor)


def computed_tensors(program: CapturedProgram) -> list[Node]:
    """The nodes that compute one tensor, in the order in which they run."""
    return [node for node in program.exported.graph.nodes if node.op == "call_function" and is_tensor(node)]


def nodes_by_name(program: CapturedProgram) -> dict[str, Node]:
    """Every node of the graph."""
    return {node.name: node for node in program.exported.graph.nodes}


def stored_tensors(program: CapturedProgram) -> dict[str, torch.Tensor]:
    """The parameters, buffers and constants by the name of their placeholder."""
    exported = program.exported
    found = {}
    for spec in exported.graph_signature.input_specs:
        value = exported.state_dict.get(spec.target) if spec.target is not None else None
        if value is None and spec.target is not None:
            value = exported.constants.get(spec.target)
        if isinstance(value, torch.Tensor):
            found[spec.arg.name] = value.detach()
    return found
