"""Methods that take whatever a part of the model takes: variadic in eager, with named arguments for everyone else.

TorchScript has no ``*args``, and who compiles a model asks for the names of its inputs. Both ask Python for the
method's signature or source, which follow ``__wrapped__``: there stands the method written out for the part that
the model has.
"""

import inspect
import re
import types
import typing
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from geocompile.layers.message_passing.script_source import compile_source, names_in
from geocompile.layers.message_passing.script_types import canonical, render

_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class follows:
    """A method with the arguments of a part's forward.

    Args:
        part: The attribute that holds the part, a module.
        script: The method's body for TorchScript. ``{name}`` stands for those arguments that ``self.name`` takes,
            ``{name:1}`` for those it takes after its first.

    A part whose forward takes ``*args`` itself leaves the method as it is written.
    """

    def __init__(self, part: str, script: str) -> None:
        self.part, self.script = part, script

    def __call__(self, method: Callable[..., Any]) -> "follows":
        self.method = method
        self.__doc__ = method.__doc__
        return self

    def __get__(self, instance: Any, owner: type) -> Any:
        if instance is None:
            return self.method
        written = _written_out(self, instance)
        if written is None:
            return types.MethodType(self.method, instance)
        # A function of its own, with the types that the text names among its globals.
        method: Any = self.method
        function: Any = types.FunctionType(method.__code__, written.__globals__, method.__name__)
        function.__doc__, function.__wrapped__ = method.__doc__, written
        return types.MethodType(torch.jit.export(function), instance)


_CACHE: dict[tuple[Any, ...], Any] = {}


def _written_out(method: follows, instance: Any) -> Any:
    """The method with named arguments; None where the part does not name them."""
    forward = getattr(getattr(instance, method.part), "forward", None)
    if not callable(forward):
        return None
    parameters = list(inspect.signature(forward).parameters.values())
    if any(p.kind in _VARIADIC for p in parameters):
        return None
    types_of = _types(forward)
    body = _with_arguments(method.script, instance, [p.name for p in parameters])
    owner, name = type(instance), method.method.__name__
    signature = tuple((p.name, str(types_of.get(p.name)), repr(p.default)) for p in parameters)
    key = (owner, name, body, signature)
    if key not in _CACHE:
        _CACHE[key] = _compiled(owner, method.method, body, parameters, types_of)
    return _CACHE[key]


def _compiled(
    owner: type,
    method: Any,
    body: str,
    parameters: list[inspect.Parameter],
    types_of: dict[str, Any],
) -> Any:
    names: dict[str, Any] = {**method.__globals__, **vars(typing), "Tensor": Tensor}
    written = ["self"]
    for p in parameters:
        text = p.name
        if p.name in types_of:
            names.update(names_in(types_of[p.name]))
            text += f": {render(types_of[p.name])}"
        if p.default is not p.empty:
            names[f"_default_{p.name}"] = p.default
            text += f" = _default_{p.name}"
        written.append(text)
    source = f"def {method.__name__}({', '.join(written)}):\n{body}\n"
    return compile_source(owner, method.__name__, source, names)


def _types(forward: Any) -> dict[str, Any]:
    """The annotations of a method; of one that cannot be resolved none."""
    try:
        hints = typing.get_type_hints(getattr(forward, "__func__", forward))
    except Exception:  # an annotation may be any expression, and eager code does without
        return {}
    return {name: canonical(kind) for name, kind in hints.items() if name != "return"}


def _with_arguments(script: str, instance: Any, names: list[str]) -> str:
    def arguments(match: "re.Match[str]") -> str:
        return ", ".join(names[: _taken(getattr(instance, match[1]), int(match[2] or 0))])

    body = re.sub(r"\{(\w+)(?::(\d))?\}", arguments, script)
    return "\n".join("    " + line for line in body.strip().splitlines())


def _taken(part: Any, first: int) -> int | None:
    """How many arguments a module or function takes after the first ones; None: any number."""
    called = part.forward if isinstance(part, torch.nn.Module) else part
    parameters = inspect.signature(called).parameters.values()
    return None if any(p.kind in _VARIADIC for p in parameters) else len(parameters) - first
