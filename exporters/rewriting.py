"""Exported programs with another graph: a copy that may be changed, and the valid program of it again."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.export.graph_signature import ExportGraphSignature
from torch.fx import Graph, GraphModule

from geocompile.exporters.quiet import quiet


def copy_graph(graph: Graph) -> Graph:
    """A copy with the same names; fx alone would rename an input that is called `torch` or `inf`."""
    copied = copy.deepcopy(graph)
    for node, original in zip(copied.nodes, graph.nodes, strict=True):
        node.name = original.name
    return copied


def with_graph(
    exported: torch.export.ExportedProgram,
    graph: Graph,
    signature: ExportGraphSignature,
    state_dict: dict[str, Tensor] | None = None,
    constants: dict[str, Any] | None = None,
) -> torch.export.ExportedProgram:
    """The program of a changed graph, checked by torch's verifier; what is not given stays as in `exported`."""
    with quiet():  # torch warns of its own use of tree specifications
        return torch.export.ExportedProgram(
            GraphModule(nn.Module(), graph),
            graph,
            signature,
            exported.state_dict if state_dict is None else state_dict,
            dict(exported.range_constraints),
            copy.deepcopy(exported.module_call_graph),
            exported.example_inputs,
            exported.constants if constants is None else constants,
            verifiers=exported.verifiers,
        )
