"""Names for generated code: what people call their modules may be a keyword, hold a quote or be no ASCII."""

from __future__ import annotations

import copy
import keyword
import re
from collections.abc import Container

import torch
from torch.export.graph_signature import ExportGraphSignature, OutputKind
from torch.fx import Graph, GraphModule

from geocompile.exporters.rewriting import copy_graph, with_graph

MODULE_ATTRIBUTES = frozenset(
    {*dir(torch.nn.Module()), *dir(torch.jit.ScriptModule), *dir(GraphModule(torch.nn.Module(), Graph()))}
)
"""What a generated module has already: no tensor of it can be called so."""


def identifier(name: str, taken: Container[str]) -> str:
    """An ASCII identifier like `name` that is no keyword of Python and not in `taken`: `d.in` becomes `d_in`."""
    name = re.sub(r"\W", "_", name, flags=re.ASCII)
    if not name or name[0].isdigit():
        name = f"_{name}"
    while name in taken or keyword.iskeyword(name):
        name += "_"
    return name


def with_safe_names(
    exported: torch.export.ExportedProgram,
) -> tuple[torch.export.ExportedProgram, dict[str, str]]:
    """A copy whose parameters, buffers and constants are called by identifiers, and their own names by these.

    torch writes `self.<path>` into Python source when it lowers a program; a path is free text.
    """
    safe = _safe_names(exported)
    return with_names(exported, safe), {new: name for name, new in safe.items()}


def with_names(exported: torch.export.ExportedProgram, names: dict[str, str]) -> torch.export.ExportedProgram:
    """A copy whose parameters, buffers and constants are called what `names` says of their present names."""
    signature = copy.deepcopy(exported.graph_signature)
    _rename(signature, names)
    return with_graph(
        exported,
        copy_graph(exported.graph),
        signature,
        {names.get(name, name): value for name, value in exported.state_dict.items()},
        {names.get(name, name): value for name, value in exported.constants.items()},
    )


def _safe_names(exported: torch.export.ExportedProgram) -> dict[str, str]:
    graph = exported.graph
    targets = [spec.target for spec in exported.graph_signature.input_specs if spec.target is not None]
    taken = {node.name for node in graph.nodes} | MODULE_ATTRIBUTES
    taken |= {str(node.target) for node in graph.nodes if node.op == "get_attr"}
    safe: dict[str, str] = {}
    for name in (*targets, *exported.state_dict, *exported.constants):
        if name not in safe:
            safe[name] = identifier(name, taken)
            taken.add(safe[name])
    return safe


def _rename(signature: ExportGraphSignature, names: dict[str, str]) -> None:
    for spec in signature.input_specs:
        if spec.target is not None:
            spec.target = names.get(spec.target, spec.target)
    for result in signature.output_specs:
        if result.target is not None and result.kind is not OutputKind.USER_INPUT_MUTATION:
            result.target = names.get(result.target, result.target)
