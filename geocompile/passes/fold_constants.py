"""fold_constants: what depends on parameters and constants only is computed now, a fixed graph's CSR included."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.fx import Node

from geocompile.passes.framework import Editor, Pass, is_pure, target_name

MAX_BYTES = 64 * 2**20
"""Results larger than this, and larger than what they are made from, stay computed: an engine should not swell."""

# rearrangements of a stored tensor cost nothing at run time, and a copy would be stored twice
_VIEWS = {
    "aten.t.default", "aten.transpose.int", "aten.permute.default", "aten.view.default", "aten.reshape.default",
    "aten.select.int", "aten.slice.Tensor", "aten.unsqueeze.default", "aten.squeeze.dim", "aten.expand.default",
    "aten.alias.default", "aten.detach.default", "aten.clone.default", "aten.contiguous.default",
}  # fmt: skip


def _fold(editor: Editor) -> list[str]:
    known: dict[Node, Any] = {}
    for node in editor.graph.nodes:
        stored = editor.stored_tensor(node)
        if stored is not None:
            known[node] = stored.detach()
        elif _is_computable(node, known):
            known[node] = _compute(node, known)
    details = []
    for node, value in known.items():
        if _is_worth_storing(node, value, known):
            constant = editor.add_constant(f"folded_{node.name}", value.contiguous(), node)
            details.append(f"{node.name} ({target_name(node)}) {list(value.shape)}")
            editor.replace(node, constant)
    return details


def _is_computable(node: Node, known: dict[Node, Any]) -> bool:
    if not is_pure(node) or target_name(node).startswith("aten.sym_"):
        return False
    inputs = [source for source in node.all_input_nodes if source not in _shape_only(node)]
    if not inputs or any(source not in known for source in inputs):
        return False
    if any(isinstance(size, torch.SymInt) for tensor in _results(node) for size in tensor.shape):
        return target_name(node) == "geocompile.batch_ptr.default"
    return all(not isinstance(source.meta["val"].shape[0], torch.SymInt) for source in _shape_only(node))


def _shape_only(node: Node) -> list[Node]:
    """Arguments of which only the shape or dtype is read: unknown values do not matter."""
    position = {"geocompile.csr_from_coo.default": 1, "geocompile.gcn_norm.default": 2}.get(target_name(node))
    source = node.args[position] if position is not None else None
    return [source] if isinstance(source, Node) else []


def _compute(node: Node, known: dict[Node, Any]) -> Any:
    def value_of(source: Node) -> Any:
        if source in known:
            return known[source]
        like = source.meta["val"]
        size = like.shape[0] if isinstance(like.shape[0], int) else 0
        return torch.zeros(size, dtype=like.dtype, device=like.device)

    args, kwargs = torch.fx.node.map_arg((node.args, node.kwargs), value_of)
    with torch.no_grad():
        return node.target(*args, **kwargs)  # type: ignore[operator]


def _results(node: Node) -> list[Tensor]:
    value = node.meta.get("val")
    values = value if isinstance(value, (list, tuple)) else [value]
    return [item for item in values if isinstance(item, Tensor)]


def _is_worth_storing(node: Node, value: Any, known: dict[Node, Any]) -> bool:
    used_outside = any(user not in known for user in node.users)
    if node.op == "placeholder" or not isinstance(value, Tensor) or not used_outside:
        return False
    if target_name(node) in _VIEWS and all(source.op == "placeholder" for source in node.all_input_nodes):
        return False
    if any(isinstance(size, torch.SymInt) for size in node.meta["val"].shape):
        return False
    made_from = sum(_bytes(known[source]) for source in node.all_input_nodes if source in known)
    return _bytes(value) <= max(MAX_BYTES, made_from)


def _bytes(value: Any) -> int:
    return value.numel() * value.element_size() if isinstance(value, Tensor) else 0


FOLD_CONSTANTS = Pass("fold_constants", "the folded nodes are pure and all that they read is stored", _fold)
