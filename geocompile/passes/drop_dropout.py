"""drop_dropout: operators that do nothing in eval mode disappear."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.fx import Node

from geocompile.passes.framework import Editor, Pass, target_name

_DROPOUT = {"aten.dropout.default", "aten.feature_dropout.default", "aten.alpha_dropout.default"}
_DROPOUT |= {"aten.feature_alpha_dropout.default"}
_IDENTITY = {
    "aten.detach.default",
    "aten.alias.default",
    "aten.clone.default",
    "aten.lift_fresh_copy.default",
}
_CASTS = {"aten.to.dtype", "aten._to_copy.default", "aten.type_as.default"}
_RESHAPES = {"aten.view.default", "aten.reshape.default", "aten.expand.default"}
# results of these may be views with any strides, or come from a caller
_MAY_BE_STRIDED = (
    "view",
    "select",
    "slice",
    "t",
    "transpose",
    "permute",
    "expand",
    "unbind",
    "split",
    "narrow",
    "T",
)


def _drop(editor: Editor) -> list[str]:
    details = []
    for node in list(editor.graph.nodes):
        if node.op == "call_function" and _does_nothing(node):
            source = node.args[0]
            assert isinstance(source, Node)
            details.append(f"{node.name} ({target_name(node)})")
            editor.replace(node, source)
    return details


def _does_nothing(node: Node) -> bool:
    name = target_name(node)
    if name in _DROPOUT:
        probability, training = node.args[1], node.args[2]
        return training is False or (isinstance(probability, float) and probability == 0.0)
    if name in _IDENTITY:
        return not node.kwargs
    if name in _CASTS:
        return _same_kind(node)
    if name in _RESHAPES:
        return _same_shape(node)
    return name == "aten.contiguous.default" and not node.kwargs and _is_dense(node.args[0])


def _same_kind(node: Node) -> bool:
    source, result = node.args[0].meta["val"], node.meta["val"]  # type: ignore[union-attr]
    assert isinstance(source, Tensor)
    assert isinstance(result, Tensor)
    return source.dtype == result.dtype and node.kwargs.get("memory_format") is None


def _same_shape(node: Node) -> bool:
    before, after = node.args[0].meta["val"].shape, node.meta["val"].shape  # type: ignore[union-attr]
    return len(before) == len(after) and all(
        _expression(a) == _expression(b) for a, b in zip(before, after, strict=True)
    )


def _expression(size: int | torch.SymInt) -> object:
    return size.node.expr if isinstance(size, torch.SymInt) else size


def _is_dense(source: object) -> bool:
    """Whether a tensor is fresh from an operator that writes it contiguously."""
    if not isinstance(source, Node) or source.op != "call_function":
        return False
    name = target_name(source)
    overload = name.split(".")[1] if name.count(".") == 2 else name
    fresh = name.startswith(("geocompile.", "aten.linear", "aten.mm", "aten.addmm", "aten.cat"))
    return fresh and overload not in _MAY_BE_STRIDED


DROP_DROPOUT = Pass("drop_dropout", "the model was captured in eval mode", _drop)
