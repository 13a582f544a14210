"""After a trace: is everything that was meant to vary still free, and can an engine do the same?"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import sympy  # type: ignore[import-untyped]
import torch
from torch.fx.experimental.symbolic_shapes import ShapeEnv

from geocompile.capture.blame import explain, place_of_node
from geocompile.capture.tracing import Branch, Trace
from geocompile.errors import CaptureError

_ADVICE = (
    "every graph takes the same path through an engine: write it without the branch (an empty sum is 0, "
    "torch.where, clamp), or take it out of forward"
)
_ROUNDING_ADVICE = (
    "int(...) of a fraction of a size fixes it: count in whole numbers, `(n + 1) // 2` for `int(ceil(0.5 * n))`, "
    "`n // 2` for `int(0.5 * n)`"
)


def names_of_symbols(shape_env: ShapeEnv, sizes: dict[int, str]) -> dict[Any, Any]:
    """Tracer symbol -> sympy symbol of the dimension's name. Each dimension was traced with a size of its own."""
    hints = getattr(shape_env, "backed_var_to_val", None)
    if hints is None:
        hints = shape_env.var_to_val
    return {
        symbol: sympy.Symbol(sizes[int(hint)], integer=True, nonnegative=True)
        for symbol, hint in hints.items()
        if int(hint) in sizes
    }


def raise_if_failed(trace: Trace, sizes: dict[int, str], model_name: str) -> torch.export.ExportedProgram:
    """The exported program, if it is one that holds for all sizes.

    Args:
        trace: What came of the trace.
        sizes: The size each varying dimension had in the trace -> its name.
        model_name: For the message.

    Raises:
        CaptureError: The trace failed, a dimension was fixed, or a branch on a size remains.
    """
    if isinstance(trace.error, CaptureError):
        raise trace.error
    frozen = next((text for branch in trace.branches if (text := _assumption(branch, sizes))), None)
    constrained = trace.error is None or type(trace.error).__name__ in (
        "UserError",
        "ConstraintViolationError",
    )
    if frozen is not None and constrained:
        advice = (
            _ROUNDING_ADVICE if re.search(r"(ceil|floor|int|round)\(", frozen.partition("\n")[0]) else _ADVICE
        )
        raise CaptureError(
            f"geocompile.capture: {model_name} cannot be captured: {frozen}\n  {advice}"
        ) from trace.error
    if trace.exported is None:
        assert trace.error is not None
        text = explain(trace.error, model_name)
        text = re.sub(r"\bs\d+\b", lambda match: trace.names.get(match[0], match[0]), text)
        raise CaptureError(_with_names(text, sizes)) from trace.error
    _refuse_mutation(trace.exported, model_name)
    _refuse_randomness(trace.exported, model_name)
    return trace.exported


def refuse_hooks(model: torch.nn.Module) -> None:
    """Hooks of the model itself are no part of its forward; those of its submodules are captured with it.

    Raises:
        CaptureError: The model has a forward hook.
    """
    if model._forward_hooks or model._forward_pre_hooks:
        name = type(model).__name__
        raise CaptureError(
            f"geocompile.capture: {name} has a forward hook, and its forward alone is captured\n  remove the hook "
            f"(`handle.remove()`), or compile a module whose forward calls this {name}: there the hook is captured"
        )


def refuse_scripts(model: torch.nn.Module) -> None:
    """A part that is TorchScript already hides its weights from torch.export.

    Raises:
        CaptureError: There is one, with weights.
    """
    for path, module in model.named_modules():
        if isinstance(module, torch.jit.ScriptModule) and any(True for _ in module.parameters()):
            raise CaptureError(
                f"geocompile.capture: {type(model).__name__} cannot be captured: {path or 'it'} is TorchScript\n"
                "  put the module there that torch.jit.script or torch.jit.trace was given"
            )


def refuse_names(names: Iterable[str], model_name: str) -> None:
    """The inputs of an engine are called as the parameters of forward; not every runtime knows names that are no ASCII.

    Raises:
        CaptureError: A name holds other letters.
    """
    for name in names:
        if not name.isascii():
            raise CaptureError(
                f"geocompile.capture: {model_name}.forward calls an input '{name}', and engines take ASCII letters, "
                "digits and '_' alone\n  rename that parameter of forward"
            )


def _assumption(branch: Branch, sizes: dict[int, str]) -> str | None:
    """What the branch takes for granted, in words; None if it holds for all sizes."""
    names = names_of_symbols(branch.symbols, sizes)
    condition = sympy.sympify(branch.condition)
    if not condition.free_symbols or not condition.free_symbols <= names.keys():
        return None  # sizes that depend on values: torch refuses branches on those itself
    condition = sympy.simplify(condition.xreplace(names))
    if condition in (sympy.true, sympy.false):
        return None
    held = condition if branch.answer else sympy.Not(condition)
    where = f"\n  at {branch.place}" if branch.place else ""
    return f"a decision on a size would be frozen, as if always {_readable(held)}{where}"


def _readable(condition: Any) -> str:
    if isinstance(condition, (sympy.Eq, sympy.Ne)):
        sign = "==" if isinstance(condition, sympy.Eq) else "!="
        return f"{_plain(condition.lhs)} {sign} {_plain(condition.rhs)}"
    return _plain(condition)


def _plain(expression: Any) -> str:
    """`ceil(0.5*num_nodes)` where torch has `CeilToInt(0.5*ToFloat(num_nodes))`."""
    text = re.sub(r"ToFloat\((\w+)\)", r"\1", str(expression))
    for theirs, plain in (
        ("CeilToInt", "ceil"),
        ("FloorToInt", "floor"),
        ("TruncToInt", "int"),
        ("RoundToInt", "round"),
    ):
        text = text.replace(theirs, plain)
    return text


def _with_names(message: str, sizes: dict[int, str]) -> str:
    traced = ", ".join(f"{name}={size}" for size, name in sizes.items())
    return f"{message}\n  (the capture runs forward on a graph with {traced})"


def _refuse_mutation(exported: torch.export.ExportedProgram, model_name: str) -> None:
    signature = exported.graph_signature
    changed = [*signature.buffers_to_mutate.values(), *signature.user_inputs_to_mutate.values()]
    changed += list(getattr(signature, "parameters_to_mutate", {}).values())
    if changed:
        raise CaptureError(
            f"geocompile.capture: {model_name} cannot be captured: forward changes '{changed[0]}' in place\n"
            "  an engine has no state and leaves its inputs alone: write `x = x + 1` instead of `x += 1`, and update "
            "buffers in training mode only"
        )


def _refuse_randomness(exported: torch.export.ExportedProgram, model_name: str) -> None:
    drawing = next((node for node in exported.graph.nodes if node.users and _draws(node)), None)
    if drawing is None:
        return
    name = drawing.target._schema.name.removeprefix("aten::")
    place = place_of_node(drawing)
    advice = (
        "capture runs in eval mode, but this dropout is told to train: use nn.Dropout, or pass training=self.training "
        "(and call model.eval() where you compare)"
        if "dropout" in name
        else "an engine gives the same result for the same graph: draw the numbers outside and pass them in, or draw "
        "only `if self.training`"
    )
    raise CaptureError(
        f"geocompile.capture: {model_name} cannot be captured: {name} draws random numbers"
        + (f"\n  at {place}" if place else "")
        + f"\n  {advice}"
    )


def _draws(node: torch.fx.Node) -> bool:
    """Whether an operator makes random numbers; dropout and what contains it do so in training only."""
    if not isinstance(node.target, torch._ops.OpOverload):
        return False
    if torch.Tag.nondeterministic_seeded not in node.target.tags:
        return False
    given = {a.name: a.default_value for a in node.target._schema.arguments if a.has_default_value()}
    given |= dict(zip((a.name for a in node.target._schema.arguments), node.args, strict=False)) | node.kwargs
    in_training = given.get("train", given.get("training", True))
    names = ("p", "dropout", "dropout_p") if "bernoulli" not in str(node.target) else ()
    return in_training is not False and not any(given.get(name) == 0.0 for name in names)
