"""What a captured graph takes and gives: names, dtypes, symbolic shapes, output structure, index ranges."""

from __future__ import annotations

import re
from typing import Any

import sympy
import torch
from torch import Tensor
from torch.export.graph_signature import ConstantArgument, TensorArgument
from torch.fx import Node
from torch.utils import _pytree as pytree

from geocompile.capture.dimensions import NUM_GRAPHS
from geocompile.errors import CaptureError
from geocompile.exporters.program import TensorSpec


class Names:
    """Symbolic sizes of a graph as text a person understands."""

    def __init__(self, exported: torch.export.ExportedProgram, backed: dict[Any, Any]) -> None:
        self._names = dict(backed)
        for number, size in enumerate(_graph_counts(exported)):
            name = NUM_GRAPHS if number == 0 else f"{NUM_GRAPHS}_{number}"
            self._names.setdefault(size, sympy.Symbol(name, integer=True, nonnegative=True) + 1)

    def size(self, size: int | torch.SymInt, fallback: str) -> int | str:
        """A number, a name (`num_nodes`), an expression of names (`num_nodes+1`), or `fallback`."""
        if isinstance(size, int):
            return size
        expression = size.node.expr
        if not expression.free_symbols <= self._names.keys():
            return fallback
        named = sympy.simplify(expression.xreplace(self._names))
        return int(named) if named.is_Integer else str(named).replace(" ", "")

    def spec(self, name: str, value: Tensor, index_of: str | None = None) -> TensorSpec:
        shape = tuple(self.size(size, f"{name}_dim{k}") for k, size in enumerate(value.shape))
        return TensorSpec(name, str(value.dtype).removeprefix("torch."), shape, index_of)


def input_nodes(exported: torch.export.ExportedProgram) -> dict[str, Node]:
    """Input name -> placeholder."""
    wanted = set(exported.graph_signature.user_inputs)
    return {node.name: node for node in exported.graph.nodes if node.op == "placeholder" and node.name in wanted}


def output_structure(exported: torch.export.ExportedProgram, model_name: str) -> dict[str, Any]:
    """How the flat output tensors make up the model's result (see `CapturedProgram`).

    Raises:
        CaptureError: The model returns something that an engine cannot: a number, an object.
    """
    specs = [s.arg for s in exported.graph_signature.output_specs if s.kind.name == "USER_OUTPUT"]
    leaves: list[dict[str, Any]] = []
    count = 0
    for arg in specs:
        if isinstance(arg, TensorArgument):
            leaves.append({"kind": "tensor", "index": count})
            count += 1
        elif isinstance(arg, ConstantArgument) and arg.value is None:
            leaves.append({"kind": "none"})
        else:
            value = getattr(arg, "value", "a number taken from a shape")
            raise CaptureError(
                f"geocompile.capture: {model_name}.forward returns {value!r}; an engine returns tensors. "
                "Return tensors, None, and tuples, lists or dicts of them"
            )
    if count == 0:
        raise CaptureError(f"geocompile.capture: {model_name}.forward returns no tensor")
    tree = pytree.tree_unflatten([_Leaf(leaf) for leaf in leaves], exported.call_spec.out_spec)
    return _structure(tree, model_name)


class _Leaf:
    def __init__(self, json: dict[str, Any]) -> None:
        self.json = json


def _structure(tree: Any, model_name: str) -> dict[str, Any]:
    if isinstance(tree, _Leaf):
        return tree.json
    if isinstance(tree, (tuple, list)):
        kind = "list" if isinstance(tree, list) else "tuple"
        return {"kind": kind, "items": [_structure(item, model_name) for item in tree]}
    if isinstance(tree, dict) and all(isinstance(key, str) for key in tree):
        return {"kind": "dict", "items": {key: _structure(item, model_name) for key, item in tree.items()}}
    raise CaptureError(
        f"geocompile.capture: {model_name}.forward returns a {type(tree).__name__}; expected tensors, None, "
        "and tuples, lists or dicts (with text keys) of them"
    )


def output_names(structure: dict[str, Any], taken: set[str]) -> list[str]:
    """A name per flat output: `output`, the keys of a dict, `output_0`, ... of a tuple; never an input's name."""
    names: dict[int, str] = {}
    _name_leaves(structure, "", names)
    result: list[str] = []
    for index in range(len(names)):
        name = re.sub(r"\W", "_", names[index]) or "output"
        while name in taken:
            name += "_out"
        taken = taken | {name}
        result.append(name)
    return result


def _name_leaves(structure: dict[str, Any], prefix: str, names: dict[int, str]) -> None:
    if structure["kind"] == "tensor":
        names[structure["index"]] = prefix or "output"
    elif structure["kind"] in ("tuple", "list"):
        for position, item in enumerate(structure["items"]):
            _name_leaves(item, f"{prefix or 'output'}_{position}", names)
    elif structure["kind"] == "dict":
        for key, item in structure["items"].items():
            _name_leaves(item, f"{prefix}_{key}" if prefix else key, names)


def output_values(exported: torch.export.ExportedProgram) -> list[Tensor]:
    """The (fake) output tensors, flat."""
    node = next(iter(reversed(exported.graph.nodes)))
    return [arg.meta["val"] for arg in node.args[0] if isinstance(arg, Node) and isinstance(arg.meta["val"], Tensor)]


def _graph_counts(exported: torch.export.ExportedProgram) -> list[Any]:
    """The symbols that stand for the number of graphs plus one, one per `batch_ptr`; equal batches share a name."""
    sizes: dict[str, Any] = {}
    for node in exported.graph.nodes:
        if node.op == "call_function" and str(node.target) == "geocompile.batch_ptr.default":
            sizes[node.name] = node.meta["val"][0].shape[0].node.expr
    return list(sizes.values())
