"""After a trace: is everything that was meant to vary still free, and can an engine do the same?"""

from __future__ import annotations

from typing import Any

import sympy  # type: ignore[import-untyped]
import torch
from torch.fx.experimental.symbolic_shapes import ShapeEnv

from geocompile.capture.blame import explain
from geocompile.capture.tracing import Branch, Trace
from geocompile.errors import CaptureError

_ADVICE = (
    "every graph takes the same path through an engine: write it without the branch (an empty sum is 0, "
    "torch.where, clamp), or take it out of forward"
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
        raise CaptureError(
            f"geocompile.capture: {model_name} cannot be captured: {frozen}\n  {_ADVICE}"
        ) from trace.error
    if trace.exported is None:
        assert trace.error is not None
        raise CaptureError(_with_names(explain(trace.error, model_name), sizes)) from trace.error
    _refuse_mutation(trace.exported, model_name)
    return trace.exported


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
        return f"{condition.lhs} {'==' if isinstance(condition, sympy.Eq) else '!='} {condition.rhs}"
    return str(condition)


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
