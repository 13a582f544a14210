"""Runs torch.export on a model, and keeps watch over what the trace takes for granted."""

from __future__ import annotations

import copy
import inspect
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import sympy  # type: ignore[import-untyped]
import torch
from torch import Tensor, nn
from torch.fx.experimental import _config as symbolic_config
from torch.fx.experimental.symbolic_shapes import ShapeEnv

from geocompile.capture.blame import Place, called_from_torch, user_place
from geocompile.capture.structure import structure_of
from geocompile.exporters.names import with_names, with_safe_names
from geocompile.exporters.quiet import quiet

_TRACING = threading.Lock()  # torch.export and the hooks below change state of the whole process
_RELATIONS = {
    "__eq__": sympy.Eq,
    "__ne__": sympy.Ne,
    "__lt__": sympy.Lt,
    "__le__": sympy.Le,
    "__gt__": sympy.Gt,
    "__ge__": sympy.Ge,
}


@dataclass(frozen=True)
class Branch:
    """A decision that the trace made about a size, and the line that asked for it."""

    condition: Any  # sympy
    answer: bool
    place: Place | None
    symbols: Any  # the ShapeEnv that knows the condition's symbols


@dataclass
class Trace:
    """What came of a trace: a program or the error, and the decisions made on the way."""

    exported: torch.export.ExportedProgram | None = None
    structure: dict[str, Any] = field(default_factory=dict)
    error: Exception | None = None
    branches: list[Branch] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)  # what the tracer calls a size (`s77`) -> its name


def trace(model: nn.Module, inputs: dict[str, Tensor], dims: dict[str, dict[int, str]]) -> Trace:
    """Exports `model`, in eval mode, as a function of exactly `inputs`; the model is left as it was."""
    symbols = {name: torch.export.Dim(name, min=0) for named in dims.values() for name in named.values()}
    shapes = tuple({k: symbols[symbol] for k, symbol in dims[name].items()} for name in inputs)
    result = Trace()
    with ExitStack() as stack:
        stack.enter_context(_TRACING)
        stack.enter_context(_evaluating(model))
        oblivious = symbolic_config.patch(backed_size_oblivious=True)  # type: ignore[attr-defined]
        stack.enter_context(oblivious)
        stack.enter_context(quiet())
        stack.enter_context(torch.no_grad())
        try:
            with _watching(result.branches):
                exported = torch.export.export(
                    _as_function_of(model, dims, result),
                    tuple(inputs.values()),
                    dynamic_shapes=shapes,
                    strict=False,
                )
            result.exported = _without_mutation(
                exported
            )  # runs torch's own guards: no decisions of the model
        except Exception as error:  # whatever stopped the trace is explained by the caller
            result.error = error
    return result


def _as_function_of(model: nn.Module, dims: dict[str, dict[int, str]], result: Trace) -> nn.Module:
    """The same module (same parameters, same submodules) from just the tensors of `dims` to a flat tuple of tensors.

    Optional arguments that no example gives thereby vanish, and an engine's inputs and outputs are plain lists; how
    the outputs make up the model's result is noted in `result`.
    """
    view = copy.copy(model)
    forward = model.forward
    names = list(dims)

    def call(*args: Tensor) -> tuple[Tensor, ...]:
        for tensor, named in zip(args, dims.values(), strict=True):
            result.names |= {str(tensor.size(k)): symbol for k, symbol in named.items()}
        output = forward(**dict(zip(names, args, strict=True)))
        tensors: list[Tensor] = []
        result.structure = structure_of(output, tensors, type(model).__name__)
        return tuple(tensors)

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    call.__signature__ = inspect.Signature([inspect.Parameter(name, kind) for name in names])  # type: ignore[attr-defined]
    view.__dict__["forward"] = call
    return view


def _without_mutation(exported: torch.export.ExportedProgram) -> torch.export.ExportedProgram:
    """The same program with `y += 1` as `y = y + 1`; what still changes an input or a buffer is then an output."""
    targets = [node.target for node in exported.graph.nodes if isinstance(node.target, torch._ops.OpOverload)]
    if any(target._schema.is_mutable for target in targets):
        safe, own_names = with_safe_names(exported)  # torch writes the names into source on the way
        exported = with_names(safe.run_decompositions({}), own_names)
    return exported


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode


@contextmanager
def _watching(branches: list[Branch]) -> Iterator[None]:
    """Records each decision on a size: guards, and the answers that leave no guard.

    The tracer takes a size to be positive and answers a plain `if x.size(0) == 0` with no, without a trace of it; so
    comparisons are watched where they are made.
    """
    with ExitStack() as stack:
        for name, relation in _RELATIONS.items():
            stack.enter_context(_watched_comparison(name, relation, branches))
        stack.enter_context(_watched_bool(branches))
        stack.enter_context(_watched_guards(branches))
        yield


def _watched_comparison(name: str, relation: Any, branches: list[Branch]) -> AbstractContextManager[None]:
    compare = getattr(torch.SymInt, name)

    def watched(self: torch.SymInt, other: Any) -> Any:
        answer = compare(self, other)
        frame = sys._getframe(1)
        if isinstance(other, (int, torch.SymInt)) and not called_from_torch(frame):
            folded = answer if isinstance(answer, bool) else answer.node.expr
            if folded in (True, False, sympy.true, sympy.false):
                right = other.node.expr if isinstance(other, torch.SymInt) else other
                condition = relation(self.node.expr, right, evaluate=False)
                branches.append(Branch(condition, bool(folded), user_place(frame), self.node.shape_env))
        return answer

    return _replaced(torch.SymInt, name, watched)


@contextmanager
def _watched_bool(branches: list[Branch]) -> Iterator[None]:
    decide: Callable[[torch.SymBool], bool] = torch.SymBool.__bool__
    is_nonzero: Callable[[torch.SymInt], bool] = torch.SymInt.__bool__

    def watched(self: torch.SymBool) -> bool:
        condition = self.node.expr
        answer = decide(self)
        frame = sys._getframe(1)
        if not called_from_torch(frame):
            branches.append(Branch(condition, answer, user_place(frame), self.node.shape_env))
        return answer

    def watched_nonzero(self: torch.SymInt) -> bool:
        answer = is_nonzero(self)
        frame = sys._getframe(1)
        if not called_from_torch(frame):
            condition = sympy.Ne(self.node.expr, 0, evaluate=False)
            branches.append(Branch(condition, answer, user_place(frame), self.node.shape_env))
        return answer

    with _replaced(torch.SymBool, "__bool__", watched), _replaced(torch.SymInt, "__bool__", watched_nonzero):
        yield


def _watched_guards(branches: list[Branch]) -> AbstractContextManager[None]:
    evaluate = ShapeEnv.evaluate_expr

    def watched(self: ShapeEnv, expression: Any, *args: Any, **kwargs: Any) -> Any:
        known = len(self.guards)
        answer = evaluate(self, expression, *args, **kwargs)
        if len(self.guards) > known:
            branches.append(Branch(self.guards[-1].expr, True, user_place(sys._getframe(1)), self))
        return answer

    return _replaced(ShapeEnv, "evaluate_expr", watched)


@contextmanager
def _replaced(owner: Any, name: str, value: Callable[..., Any]) -> Iterator[None]:
    plain = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, plain)
