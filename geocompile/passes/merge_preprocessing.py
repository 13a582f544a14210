"""merge_preprocessing: what is computed twice from the same inputs is computed once, above all the CSR of a graph."""

from __future__ import annotations

from typing import Any, TypeGuard

import torch
from torch.fx import Node
from torch.fx.experimental.symbolic_shapes import free_unbacked_symbols

from geocompile.passes.framework import Editor, Pass, is_pure, target_name


def _merge(editor: Editor) -> list[str]:
    first: dict[Any, Node] = {}
    details = _read_rows_from_inputs(editor)
    for node in list(editor.graph.nodes):
        if not is_pure(node):
            continue
        key = _key(node)
        if key not in first:
            first[key] = node
            continue
        kept = first[key]
        if target_name(node) != "getitem" and not isinstance(node.meta.get("val"), torch.SymInt):
            details.append(f"{node.name} = {kept.name} ({target_name(node)})")
        _equate_new_sizes(node, kept)
        editor.replace(node, kept)
    return details


def _read_rows_from_inputs(editor: Editor) -> list[str]:
    """`csr_from_coo` reads but the number of rows of `like`: an input of so many rows serves, and is there at once.

    A tensor that was only made to say how many rows there are (`x.new_empty(n, 0)`) is then not needed any more.
    """
    inputs = [
        n for n in editor.graph.nodes if n.op == "placeholder" and n.name in editor.signature.user_inputs
    ]
    inputs = [n for n in inputs if n.meta["val"].dim() > 0 and n.meta["val"].is_floating_point()]
    details = []
    for node in editor.graph.nodes:
        if target_name(node) != "geocompile.csr_from_coo.default" or node.args[1] in inputs:
            continue
        rows = _argument(_like(node, 1).shape[0])
        source = next((n for n in inputs if _argument(n.meta["val"].shape[0]) == rows), None)
        if source is not None:
            details.append(f"{node.name} reads its number of rows from {source.name}")
            node.update_arg(1, source)
    return details


def _key(node: Node) -> Any:
    """Nodes with equal keys have equal results."""
    value = node.meta.get("val")
    if _is_plain_size(value):
        return ("size", value.node.expr)  # however it was computed
    name = target_name(node)
    arguments = [_argument(arg) for arg in node.args]
    if name == "geocompile.csr_from_coo.default":
        arguments[1] = _argument(_like(node, 1).shape[0])  # the number of rows is all that it reads of `like`
    elif name == "geocompile.gcn_norm.default":
        like = _like(node, 2)
        arguments[2] = (like.dtype, like.device)
    return (
        node.target,
        tuple(arguments),
        tuple((key, _argument(arg)) for key, arg in sorted(node.kwargs.items())),
    )


def _argument(arg: Any) -> Any:
    if isinstance(arg, (list, tuple)):
        return tuple(_argument(item) for item in arg)
    if isinstance(arg, torch.SymInt):
        return ("size", arg.node.expr)
    if isinstance(arg, slice):
        return (slice, _argument(arg.start), _argument(arg.stop), _argument(arg.step))
    if isinstance(arg, Node):
        value = arg.meta.get("val")
        return ("size", value.node.expr) if _is_plain_size(value) else arg
    return (
        type(arg),
        repr(arg) if isinstance(arg, float) else arg,
    )  # 1, 1.0 and True differ, and so do 0.0 and -0.0


def _is_plain_size(value: Any) -> TypeGuard[torch.SymInt]:
    """A size made of input sizes. Merging changes what data-dependent sizes are called: these go by their node."""
    return isinstance(value, torch.SymInt) and not free_unbacked_symbols(value)


def _like(node: Node, position: int) -> torch.Tensor:
    return node.args[position].meta["val"]  # type: ignore[no-any-return,union-attr]


def _equate_new_sizes(node: Node, kept: Node) -> None:
    """Data-dependent sizes of a merged node are those of the kept one; the shapes after it are told so."""
    for mine, other in zip(_tensors(node), _tensors(kept), strict=True):
        for size, same in zip(mine.shape, other.shape, strict=True):
            if isinstance(size, torch.SymInt) and free_unbacked_symbols(size):
                torch._check(size == same)


def _tensors(node: Node) -> list[torch.Tensor]:
    value = node.meta.get("val")
    values = value if isinstance(value, (list, tuple)) else [value]
    return [item for item in values if isinstance(item, torch.Tensor)]


MERGE_PREPROCESSING = Pass(
    "merge_preprocessing", "merged nodes are pure: no random numbers, no mutation", _merge
)
