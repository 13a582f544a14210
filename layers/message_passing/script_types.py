"""Which TorchScript type each argument of ``propagate`` has: from annotations, a comment, or what the calls pass."""

import ast
import functools
import inspect
import operator
import re
import textwrap
import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Union

from torch import Tensor

from geocompile.layers.message_passing.hooks import EMPTY, Argument, Hooks, base_class, type_hints

OPTIONAL_TENSOR: Any = Tensor | None
_COMMENT = re.compile(r"#\s*propagate_type:\s*\((.*)\)")


@dataclass(frozen=True)
class Kwarg:
    """A keyword argument of the generated ``propagate``; ``default`` is EMPTY where every call gives it."""

    name: str
    type: Any
    default: Any


def propagate_kwargs(cls: type, hooks: Hooks, calls: "Calls") -> list[Kwarg]:
    """The keyword arguments that the hooks of ``cls`` need and its calls of ``propagate`` pass, with their types.

    Raises:
        TypeError: two sources give one argument different types.
    """
    arguments: dict[str, list[Argument]] = {name: [] for name in calls.types}
    for argument in (*hooks.lifted, *(a for hook in hooks.called.values() for a in hook)):
        if argument.base not in hooks.special:
            arguments.setdefault(argument.base, []).append(argument)
    return [_kwarg(cls, name, asked, calls) for name, asked in arguments.items()]


def _kwarg(cls: type, name: str, asked: list[Argument], calls: "Calls") -> Kwarg:
    kind = canonical(calls.comments[name]) if name in calls.comments else None
    if kind is None:
        kind = _one_type(cls, name, [a.annotation for a in asked if not a.is_lifted])
    if kind is None:
        kind = _one_type(cls, name, calls.types.get(name, []))
    if kind is None:
        kind = _one_type(cls, name, [a.annotation for a in asked])
    default = next((a.default for a in asked if a.default is not EMPTY), EMPTY)
    if kind is None:
        kind = Tensor if default is EMPTY else OPTIONAL_TENSOR if default is None else type(default)
    always_given = calls.count > 0 and len(calls.types.get(name, [])) == calls.count
    if always_given:
        return Kwarg(name, kind, EMPTY)
    needed = any(a.default is EMPTY for a in asked)
    if needed:
        return Kwarg(name, kind, EMPTY)
    if default is EMPTY or default is None:
        return Kwarg(name, as_optional(kind), None)
    return Kwarg(name, kind, default)


def _one_type(cls: type, name: str, found: list[Any]) -> Any:
    """The type that all of ``found`` agree on, None where they say nothing; a tensor that may be None is Optional."""
    kinds = {canonical(kind) for kind in found if kind is not EMPTY and kind is not None}
    if kinds == {Tensor, OPTIONAL_TENSOR}:
        return OPTIONAL_TENSOR
    if len(kinds) > 1:
        raise TypeError(
            f"geocompile.{cls.__name__}: argument {name} of propagate is {' and '.join(sorted(map(render, kinds)))}, "
            "but TorchScript gives it one type; pass the same type everywhere, under two names if need be, or write "
            f"# propagate_type: ({name}: ...)"
        )
    return kinds.pop() if kinds else None


def as_optional(kind: Any) -> Any:
    """``kind``, or None."""
    return kind if type(None) in typing.get_args(kind) else kind | None


def canonical(kind: Any) -> Any:
    """One spelling of a type: ``tuple`` for ``Tuple``, ``X | None`` for ``Optional[X]``."""
    origin, arguments = typing.get_origin(kind), tuple(canonical(a) for a in typing.get_args(kind))
    if _is_union(kind):
        return functools.reduce(operator.or_, arguments)
    return origin[arguments] if origin in (list, tuple, dict) else kind


def is_optional_tensor(kind: Any) -> bool:
    """Whether it is a tensor that may be None."""
    return bool(kind is not EMPTY and canonical(kind) == OPTIONAL_TENSOR)


def is_pair(kind: Any) -> bool:
    """Whether it is a pair of (optional) tensors: the features of a bipartite graph."""
    arguments = typing.get_args(kind)
    if typing.get_origin(kind) is list:
        return arguments[0] is Tensor
    return (
        typing.get_origin(kind) is tuple
        and len(arguments) == 2
        and all(a is Tensor or is_optional_tensor(a) for a in arguments)
    )


def render(kind: Any) -> str:
    """A type as TorchScript source writes it; a class by its name."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if _is_union(kind):
        members = [render(a) for a in arguments if a is not type(None)]
        inner = members[0] if len(members) == 1 else f"Union[{', '.join(members)}]"
        return f"Optional[{inner}]" if type(None) in arguments else inner
    if origin in (list, tuple, dict):
        return f"{origin.__name__.capitalize()}[{', '.join(map(render, arguments))}]"
    return str(getattr(kind, "__name__", kind))


def _is_union(kind: Any) -> bool:
    return typing.get_origin(kind) in (Union, types.UnionType)


class Calls:
    """What the methods of a class say about their calls of ``self.propagate``.

    Attributes:
        comments: types from ``# propagate_type: (x: Tensor)``.
        types: name -> for each call that passes it its type, None where the code does not tell.
        count: how many calls there are.
        size_is_list: a call gives ``size`` as a list.
        size_is_positional: a call gives ``size`` without its name.
    """

    def __init__(self, cls: type) -> None:
        self.comments: dict[str, Any] = {}
        self.types: dict[str, list[Any]] = {}
        self.count = 0
        self.size_is_list = False
        self.size_is_positional = False
        for function in methods_of(cls):
            try:
                source = textwrap.dedent(inspect.getsource(function))
            except OSError:
                continue  # without source there is nothing to compile either; torch.jit.script says so
            if ".propagate(" in source:
                self._read(function, source)

    def _read(self, function: types.FunctionType, source: str) -> None:
        for comment in _COMMENT.findall(source):
            self.comments.update(_parse_comment(comment, function))
        tree = ast.parse(source).body[0]
        guess = _Guess(tree, type_hints(function))
        for call in ast.walk(tree):
            if isinstance(call, ast.Call) and ast.unparse(call.func) == "self.propagate":
                self.count += 1
                self.size_is_positional |= len(call.args) > 1
                self.size_is_list |= any(isinstance(size, ast.List) for size in _sizes(call))
                for keyword in call.keywords:
                    if keyword.arg not in (None, "size", "edge_index"):
                        self.types.setdefault(str(keyword.arg), []).append(guess.type_of(keyword.value))


class _Guess:
    """Types of expressions, as far as annotations and literals tell them."""

    def __init__(self, tree: ast.AST, hints: dict[str, Any]) -> None:
        self.hints = hints
        self.assigned: dict[str, list[Any]] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                self.assigned.setdefault(node.id, [])
            if (
                isinstance(node, ast.Assign)
                and len(node.targets) == 1
                and isinstance(node.targets[0], ast.Name)
            ):
                self.assigned[node.targets[0].id] = [*self.assigned.get(node.targets[0].id, []), node.value]

    def type_of(self, value: ast.expr) -> Any:
        if isinstance(value, ast.Constant):
            return OPTIONAL_TENSOR if value.value is None else type(value.value)
        if isinstance(value, ast.Tuple):
            return types.GenericAlias(tuple, tuple(self.type_of(item) or Tensor for item in value.elts))
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):
            return int if value.func.attr in ("size", "dim", "numel") and len(value.args) < 2 else None
        if isinstance(value, ast.Name):
            return self._type_of_name(value.id)
        return None

    def _type_of_name(self, name: str) -> Any:
        hint = self.hints.get(name)
        if name not in self.assigned:
            return hint if not _is_union(hint) or is_optional_tensor(hint) else None
        values = self.assigned[name]
        if len(values) != 1 or not isinstance(values[0], ast.Tuple):
            return None
        # ``if isinstance(x, Tensor): x = (x, x)`` leaves the pair that the annotation names beside Tensor.
        pairs = [member for member in typing.get_args(hint) if is_pair(member)]
        return pairs[0] if pairs else self.type_of(values[0])


def methods_of(cls: type) -> Iterator[types.FunctionType]:
    """The methods in use that ``cls`` and its parents below MessagePassing wrote."""
    seen: set[str] = set()
    for base in cls.__mro__:
        if base is base_class(cls):
            return
        for name, member in vars(base).items():
            if isinstance(member, types.FunctionType) and name not in seen:
                seen.add(name)
                yield member


def _sizes(call: ast.Call) -> list[ast.expr]:
    return [k.value for k in call.keywords if k.arg == "size"] + call.args[1:2]


def _parse_comment(comment: str, function: types.FunctionType) -> dict[str, Any]:
    """``x: Tensor, w: OptTensor`` as types; names are looked up where ``function`` stands."""
    names = {**vars(typing), "Tensor": Tensor, "OptTensor": OPTIONAL_TENSOR, **function.__globals__}
    names.setdefault("OptPairTensor", tuple[Tensor, Tensor | None])
    names.setdefault("PairTensor", tuple[Tensor, Tensor])
    signature = ast.parse(f"def f({comment}): pass").body[0]
    assert isinstance(signature, ast.FunctionDef)
    found = {}
    for argument in (*signature.args.args, *signature.args.kwonlyargs):
        if argument.annotation is not None:
            found[argument.arg] = eval(ast.unparse(argument.annotation), names)
    return found
