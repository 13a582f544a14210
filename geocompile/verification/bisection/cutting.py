"""A piece of a captured graph: the nodes between values that are given and one value that is wanted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.fx import Node

from geocompile.exporters.program import CapturedProgram
from geocompile.verification.bisection.nodes import is_tensor, nodes_by_name, stored_tensors


@dataclass(frozen=True)
class Piece:
    """Part of a graph.

    Attributes:
        nodes: What it computes, in order.
        inputs: The nodes whose values are given.
        weights: The stored tensors that it reads.
        output: The node that is wanted.
        dynamic: Per input the dimensions that vary, by a name that equal sizes share.
    """

    nodes: tuple[Node, ...]
    inputs: tuple[Node, ...]
    weights: tuple[Node, ...]
    output: Node
    dynamic: dict[str, dict[int, str]]


def one_node(program: CapturedProgram, name: str) -> Piece:
    """The node alone: every tensor that it reads is given; sizes are computed from these."""
    return _cut(program, name, lambda node: is_tensor(node) and node.name != name)


def one_layer(program: CapturedProgram, name: str, region: tuple[str, ...]) -> Piece:
    """The nodes of a region up to this one: every tensor from outside is given."""
    return _cut(program, name, lambda node: is_tensor(node) and node.name not in region)


def from_inputs(program: CapturedProgram, name: str) -> Piece:
    """Everything from the model's inputs to the node."""
    return _cut(program, name, lambda node: False)


def _cut(program: CapturedProgram, name: str, is_given: Callable[[Node], bool]) -> Piece:
    """Walk back from the node until values that are given, weights, and the model's inputs."""
    nodes, stored = nodes_by_name(program), stored_tensors(program)
    output = nodes[name]
    needed: set[Node] = {output}
    pending = [output]
    while pending:
        node = pending.pop()
        if node.op == "placeholder" or (node is not output and is_given(node)):
            continue
        fresh = [source for source in node.all_input_nodes if source not in needed]
        needed.update(fresh)
        pending += fresh
    ordered = [node for node in program.exported.graph.nodes if node in needed]
    weights = [node for node in ordered if node.name in stored]
    given = [
        node
        for node in ordered
        if node not in weights and (node.op == "placeholder" or (node is not output and is_given(node)))
    ]
    computed = [node for node in ordered if node not in weights and node not in given]
    return Piece(tuple(computed), tuple(given), tuple(weights), output, _dynamic(given))


def _dynamic(inputs: list[Node]) -> dict[str, dict[int, str]]:
    """The symbolic dimensions; sizes that the tracer knows to be equal get one name."""
    names: dict[object, str] = {}
    found: dict[str, dict[int, str]] = {}
    for node in inputs:
        found[node.name] = {}
        for axis, size in enumerate(node.meta["val"].shape):
            if isinstance(size, torch.SymInt):
                found[node.name][axis] = names.setdefault(size.node.expr, f"n{len(names)}")
    return found
