"""What a message passing class asks for: its hooks, their arguments, and which of them run."""

import functools
import inspect
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

SPECIAL_ARGUMENTS = frozenset(
    ("edge_index", "edge_index_i", "edge_index_j", "index", "ptr", "size", "size_i", "size_j", "dim_size")
)
"""Names that ``propagate`` itself supplies to a hook."""
SORTED_EDGES = frozenset(("rowptr", "col", "perm"))
"""What it supplies to ``message_and_aggregate`` besides."""

EMPTY: Any = inspect.Parameter.empty


@dataclass(frozen=True)
class Argument:
    """One argument of a hook; ``annotation`` and ``default`` are EMPTY where there is none."""

    name: str
    annotation: Any
    default: Any

    @property
    def is_lifted(self) -> bool:
        """Whether it asks for node features at one end of every edge."""
        return self.name[-2:] in ("_i", "_j") and self.name not in SPECIAL_ARGUMENTS

    @property
    def base(self) -> str:
        """The name under which ``propagate`` is given it."""
        return self.name[:-2] if self.is_lifted else self.name


@dataclass(frozen=True)
class Hooks:
    """The hooks of one class, those that run first.

    Attributes:
        called: hook name -> arguments that it takes beside the messages or the aggregate.
        lifted: every argument that names node features, also those of a ``message`` that does not run.
        is_identity: neither ``message`` nor ``aggregate`` is overridden: one fused operator does both.
        is_fused: ``message_and_aggregate`` runs in place of ``message`` and ``aggregate``.
    """

    called: dict[str, tuple[Argument, ...]]
    lifted: tuple[Argument, ...]
    is_identity: bool
    is_fused: bool

    @property
    def counts_receiving(self) -> bool:
        """Whether the number of nodes that receive is that of the rows of the result."""
        return "aggregate" not in self.called or any(a.name == "dim_size" for a in self.called["aggregate"])

    @property
    def special(self) -> frozenset[str]:
        """The names that ``propagate`` supplies itself."""
        return SPECIAL_ARGUMENTS | SORTED_EDGES if self.is_fused else SPECIAL_ARGUMENTS


@functools.cache
def hooks_of(cls: type) -> Hooks:
    """Read the hooks of ``cls``.

    ``message_and_aggregate`` runs if it asks for ``rowptr`` (PyG's own form of it wants a sparse matrix and is never
    called for edge indices, there as here), unless a subclass of its class overrides ``message`` or ``aggregate``.
    """
    is_fused = _fuses(cls)
    is_identity = not (is_fused or overrides(cls, "message") or overrides(cls, "aggregate"))
    message = arguments_of(cls, "message", skip=1)
    called = {"update": arguments_of(cls, "update", skip=2)}
    if is_fused:
        called["message_and_aggregate"] = arguments_of(cls, "message_and_aggregate", skip=1)
    elif not is_identity:
        called["message"] = message
        called["aggregate"] = arguments_of(cls, "aggregate", skip=2)
    lifted = tuple(a for arguments in (message, *called.values()) for a in arguments if a.is_lifted)
    return Hooks(called, lifted, is_identity, is_fused)


def arguments_of(cls: type, hook: str, skip: int) -> tuple[Argument, ...]:
    """The arguments of a hook without the first ``skip`` (self, and the messages or the aggregate)."""
    function = getattr(cls, hook)
    parameters = list(inspect.signature(function).parameters.values())[skip:]
    for parameter in parameters:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise TypeError(
                f"geocompile.{cls.__name__}: {hook} takes {parameter}, but its arguments say what propagate must "
                "collect; name each one"
            )
    hints = type_hints(function)
    return tuple(Argument(p.name, hints.get(p.name, EMPTY), p.default) for p in parameters)


def type_hints(function: Callable[..., Any]) -> dict[str, Any]:
    """Annotations of ``function`` as types, strings resolved.

    Raises:
        TypeError: an annotation names something that cannot be found.
    """
    try:
        return typing.get_type_hints(function, localns=dict(inspect.getclosurevars(function).nonlocals))
    except NameError as error:
        raise TypeError(
            f"geocompile: an annotation of {function.__qualname__} cannot be resolved ({error}); "
            "import its name in the module of the class"
        ) from error


def overridable(hook: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Tell type checkers that a subclass may write this hook with other arguments."""
    return hook


def _fuses(cls: type) -> bool:
    owner = _depth(cls, "message_and_aggregate")
    if owner == _base_depth(cls) or owner > min(_depth(cls, "message"), _depth(cls, "aggregate")):
        return False
    return any(argument.name == "rowptr" for argument in arguments_of(cls, "message_and_aggregate", skip=1))


def _depth(cls: type, hook: str) -> int:
    """How far up the class hierarchy the hook in use was written; 0 is ``cls`` itself."""
    return next(depth for depth, base in enumerate(cls.__mro__) if hook in vars(base))


def overrides(cls: type, hook: str) -> bool:
    """Whether ``cls``, or a parent below MessagePassing, writes the hook itself."""
    return _depth(cls, hook) != _base_depth(cls)


def base_class(cls: type) -> type:
    """MessagePassing: the topmost class that writes ``propagate``."""
    return [base for base in cls.__mro__ if "propagate" in vars(base)][-1]


def _base_depth(cls: type) -> int:
    return cls.__mro__.index(base_class(cls))
