"""remove_dead_code: results that nobody uses, tautological assertions and unused weights disappear."""

from __future__ import annotations

import torch
from torch.fx import Node

from geocompile.passes.framework import Editor, Pass, is_pure, target_name


def _remove(editor: Editor) -> list[str]:
    details = []
    for node in reversed(list(editor.graph.nodes)):
        if node.users:
            continue
        if is_pure(node) or _says_nothing(node):
            if target_name(node) != "getitem" and not isinstance(node.meta.get("val"), torch.SymInt):
                details.append(f"{node.name} ({target_name(node)})")
            editor.graph.erase_node(node)
        elif node.op == "placeholder" and editor.stored_tensor(node) is not None:
            details.append(f"{node.name} (unused weight)")
            editor.remove_stored(node)
    return details


def _says_nothing(node: Node) -> bool:
    """Assertions on dtypes that capture has seen, and on sizes that are so anyway."""
    name = target_name(node)
    if name in ("aten._assert_tensor_metadata.default", "aten.sym_constrain_range_for_size.default"):
        return True
    if name != "aten._assert_scalar.default" or not isinstance(node.args[0], Node):
        return False
    condition = node.args[0]
    if target_name(condition) == "eq" and condition.args[0] is condition.args[1]:
        return True  # two sizes that became one by merging
    if target_name(condition) != "ge" or condition.args[1] not in (0, 1):
        return False
    size = condition.args[0]
    return (
        isinstance(size, Node) and target_name(size) == "aten.sym_size.int" and _is_made_by_us(size.args[0])
    )


def _is_made_by_us(node: object) -> bool:
    if not isinstance(node, Node) or target_name(node) != "getitem":
        return False
    return isinstance(node.args[0], Node) and target_name(node.args[0]).startswith("geocompile.")


REMOVE_DEAD_CODE = Pass("remove_dead_code", "none", _remove)
