"""Runs torch.export on a model, and keeps watch over what the trace takes for granted."""

from __future__ import annotations

import copy
import inspect
import logging
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx.experimental import _config as symbolic_config
from torch.fx.experimental.symbolic_shapes import ShapeEnv

from geocompile.capture.blame import Place, called_from_torch, user_frame

_TRACING = threading.Lock()  # torch.export and the hooks below change state of the whole process


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
    error: Exception | None = None
    branches: list[Branch] = field(default_factory=list)


def trace(model: nn.Module, inputs: dict[str, Tensor], dims: dict[str, dict[int, str]]) -> Trace:
    """Exports `model`, in eval mode, as a function of exactly `inputs`; the model is left as it was."""
    symbols = {name: torch.export.Dim(name, min=0) for named in dims.values() for name in named.values()}
    shapes = tuple({k: symbols[symbol] for k, symbol in dims[name].items()} for name in inputs)
    result = Trace()
    with ExitStack() as stack:
        stack.enter_context(_TRACING)
        stack.enter_context(_evaluating(model))
        stack.enter_context(symbolic_config.patch(backed_size_oblivious=True))
        stack.enter_context(_watching(result.branches))
        stack.enter_context(_quiet())
        try:
            result.exported = torch.export.export(
                _as_function_of(model, list(inputs)), tuple(inputs.values()), dynamic_shapes=shapes, strict=False
            )
        except Exception as error:  # whatever stopped the trace is explained by the caller
            result.error = error
    return result


def _as_function_of(model: nn.Module, names: list[str]) -> nn.Module:
    """The same module (same parameters, same submodules) whose forward takes just `names`, positionally.

    Optional arguments that no example gives thereby vanish, and an engine's inputs are a plain list.
    """
    view = copy.copy(model)
    forward = model.forward

    def call(*args: Tensor) -> Any:
        return forward(**dict(zip(names, args, strict=True)))

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    call.__signature__ = inspect.Signature([inspect.Parameter(name, kind) for name in names])  # type: ignore[attr-defined]
    view.__dict__["forward"] = call
    return view


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

    `backed_size_oblivious` answers a plain `if x.size(0) == 0` with no, and leaves no trace of it.
    """
    plain_bool, plain_evaluate = torch.SymBool.__bool__, ShapeEnv.evaluate_expr

    def watched_bool(self: torch.SymBool) -> bool:
        answer = plain_bool(self)
        frame = sys._getframe(1)
        if not called_from_torch(frame):
            branches.append(Branch(self.node.expr, answer, user_frame(frame), self.node.shape_env))
        return answer

    def watched_evaluate(self: ShapeEnv, expression: Any, *args: Any, **kwargs: Any) -> Any:
        known = len(self.guards)
        answer = plain_evaluate(self, expression, *args, **kwargs)
        if len(self.guards) > known:
            branches.append(Branch(self.guards[-1].expr, True, user_frame(sys._getframe(1)), self))
        return answer

    with _replaced(torch.SymBool, "__bool__", watched_bool), _replaced(ShapeEnv, "evaluate_expr", watched_evaluate):
        yield


@contextmanager
def _replaced(owner: Any, name: str, value: Callable[..., Any]) -> Iterator[None]:
    plain = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, plain)


@contextmanager
def _quiet() -> Iterator[None]:
    """torch logs and prints pages about an error that is reported in three lines here."""
    logger = logging.getLogger("torch")
    disabled = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)
        logger.disabled = False
