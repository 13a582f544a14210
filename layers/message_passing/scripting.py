"""TorchScript source for message passing classes, generated from the signatures of their hooks.

TorchScript looks a method up on the class, eager code on the instance. A descriptor tells the two apart: an instance
gets the plain Python method, the class gets a function without ``**kwargs`` and with every type written out. So neither
the class nor the model that is scripted is changed. (Returning a new module from ``__prepare_scriptable__`` would
change it: torch puts that into the parent's ``_modules`` in place.)
"""

import functools
import types
import typing
from collections.abc import Callable
from typing import Any

from torch import Tensor

from geocompile.layers.common import propagation
from geocompile.layers.common.checks import check_edge_index
from geocompile.layers.common.node_numbers import check_nodes
from geocompile.layers.message_passing.hooks import EMPTY, Argument, Hooks, base_class, hooks_of
from geocompile.layers.message_passing.script_source import compile_source, names_in, with_annotations
from geocompile.layers.message_passing.script_types import (
    OPTIONAL_TENSOR,
    Calls,
    Kwarg,
    canonical,
    is_optional_tensor,
    is_pair,
    propagate_kwargs,
    render,
)

PREFIX = "_geo_"
"""What the locals and helpers of the generated code begin with, so that no argument of a user's layer hides them."""


class scripted_from_signatures:
    """A method that runs as written in eager and, for TorchScript, is the source that :func:`generate` writes."""

    def __init__(self, method: Callable[..., Any]) -> None:
        self.method = method
        self.__doc__ = method.__doc__

    def __get__(self, instance: Any, owner: type) -> Any:
        if instance is not None:
            # Neither self.method.__get__ (torch 2.10) nor types.MethodType (2.13): torch.compile cannot trace them.
            return functools.partial(self.method, instance)
        if owner is base_class(owner):
            return self.method  # the base class has nothing to generate from
        return generate(owner)[self.method.__name__]


class typed_hook:
    """A hook with every argument annotated, seen by TorchScript only."""

    def __init__(self, hook: str) -> None:
        self.name = typed_name(hook)

    def __get__(self, instance: Any, owner: type) -> Any:
        functions = {} if instance is not None or owner is base_class(owner) else generate(owner)
        if self.name not in functions:
            raise AttributeError(
                f"{owner.__name__} has no attribute {self.name}; it exists in TorchScript only"
            )
        return functions[self.name]


def typed_name(hook: str) -> str:
    """The name of a hook's annotated copy."""
    return f"_typed_{hook}"


@functools.cache
def generate(cls: type) -> dict[str, Callable[..., Any]]:
    """The functions that TorchScript compiles for ``cls`` in place of ``propagate`` and of unannotated hooks.

    Raises:
        TypeError: the hooks and the calls of ``propagate`` do not give every argument one type.
    """
    return _Generator(cls).functions()


class _Generator:
    def __init__(self, cls: type) -> None:
        self.cls = cls
        self.hooks: Hooks = hooks_of(cls)
        self.calls = Calls(cls)
        self.kwargs: dict[str, Kwarg] = {k.name: k for k in propagate_kwargs(cls, self.hooks, self.calls)}
        self.typed: dict[str, Callable[..., Any]] = {}
        self._refuse_reserved_names()

    def _refuse_reserved_names(self) -> None:
        for name in self.kwargs:
            if name.startswith(PREFIX):
                raise TypeError(
                    f"geocompile.{self.cls.__name__}: argument {name} of propagate begins with {PREFIX}, which is "
                    "kept for the TorchScript code that is generated; give it another name"
                )

    def functions(self) -> dict[str, Callable[..., Any]]:
        lines = [f"def propagate({self._signature()}):", *("    " + line for line in self._body())]
        names = {**vars(typing), **_HELPERS, "Tensor": Tensor}
        for kwarg in self.kwargs.values():
            names.update(names_in(kwarg.type))
        propagate = compile_source(self.cls, "propagate", "\n".join(lines) + "\n", names)
        return {"propagate": propagate, **self.typed}

    def _signature(self) -> str:
        size = "List[int]" if self.calls.size_is_list else "Tuple[int, int]"
        always = [f"{k.name}: {render(k.type)}" for k in self.kwargs.values() if k.default is EMPTY]
        at_times = [
            f"{k.name}: {render(k.type)} = {k.default!r}"
            for k in self.kwargs.values()
            if k.default is not EMPTY
        ]
        if self.calls.size_is_positional:
            always.insert(0, f"size: Optional[{size}]")
        else:
            at_times.insert(0, f"size: Optional[{size}] = None")
        # No star before the keyword arguments: TorchScript forgets it when the module is saved.
        return ", ".join(["self", "edge_index: Tensor", *always, *at_times])

    def _body(self) -> list[str]:
        lines = [
            f"_geo_check_edge_index({self.cls.__name__!r}, edge_index)",
            "_geo_i, _geo_j = _geo_ends(self.flow)",
            "_geo_sizes = _geo_initial_sizes(size)",
        ]
        if self.calls.size_is_list:
            lines[-1] = "_geo_sizes = _geo_initial_sizes(None if size is None else (size[0], size[1]))"
        lines += self._note_sizes()
        counts = f"_geo_node_counts(_geo_sizes, _geo_i, {self.hooks.counts_receiving})"
        lines.append(f"_geo_check_nodes({self.cls.__name__!r}, 'edge_index', edge_index, {counts})")
        if self.hooks.is_identity or self.hooks.is_fused:
            lines.append(
                "_geo_rowptr, _geo_col, _geo_perm = _geo_group_edges("
                "edge_index[_geo_i], edge_index[_geo_j], _geo_count_at(_geo_sizes, _geo_i))"
            )
        if self.hooks.is_identity:
            source = self._end_of("x", "_geo_j", "x_j")
            lines.append(
                f"_geo_out = _geo_gather_reduce({source}, _geo_rowptr, _geo_col, None, self.node_dim, self._reduce)"
            )
        elif self.hooks.is_fused:
            lines.append(f"_geo_out = {self._call('message_and_aggregate')}")
        else:
            lines.append(f"_geo_messages = {self._call('message')}")
            lines.append(f"_geo_out = {self._call('aggregate', '_geo_messages')}")
        return [*lines, f"return {self._call('update', '_geo_out')}"]

    def _note_sizes(self) -> list[str]:
        lines: dict[str, None] = {}  # a set that keeps the order
        for argument in self.hooks.lifted:
            name, kind = argument.base, self.kwargs[argument.base].type
            if is_pair(kind):
                for end in (0, 1):
                    lines[self._note_size(name, str(end), f"{name}[{end}]")] = None
            elif kind is Tensor or is_optional_tensor(kind):
                lines[self._note_size(name, f"_geo_{argument.name[-1]}", name)] = None
        return list(lines)

    @staticmethod
    def _note_size(name: str, end: str, features: str) -> str:
        return f"_geo_note_size({name!r}, _geo_sizes, {end}, {features}, self.node_dim)"

    def _call(self, hook: str, *first: str) -> str:
        """The call of a hook, on a copy with annotations where the user's own leaves out a type that is not Tensor."""
        passed, missing = list(first), {}
        for argument in self.hooks.called[hook]:
            expression, kind = self._value(argument)
            passed.append(f"{argument.name}={expression}")
            if argument.annotation is EMPTY and kind is not Tensor:
                missing[argument.name] = kind
        if not missing:
            return f"self.{hook}({', '.join(passed)})"
        self.typed[typed_name(hook)] = with_annotations(self.cls, hook, typed_name(hook), missing)
        return f"self.{typed_name(hook)}({', '.join(passed)})"

    def _value(self, argument: Argument) -> tuple[str, Any]:
        """The expression that a hook is given for one argument, and its type."""
        name = argument.name
        if name in ("size_i", "size_j", "dim_size"):
            end = "_geo_j" if name == "size_j" else "_geo_i"
            if argument.annotation is not EMPTY and canonical(argument.annotation) == int | None:
                return f"_geo_count_at(_geo_sizes, {end})", argument.annotation
            return f"_geo_known_count({name!r}, _geo_sizes, {end})", int
        if name in self.hooks.special:
            return _SPECIAL[name]
        kind = self.kwargs[argument.base].type
        if not argument.is_lifted or not (is_pair(kind) or kind is Tensor or is_optional_tensor(kind)):
            return argument.base, kind
        end = f"_geo_{name[-1]}"
        at_end = f"edge_index[{end}], self.node_dim"
        if is_optional_tensor(argument.annotation) or (
            is_optional_tensor(kind) and argument.annotation is EMPTY
        ):
            base = argument.base
            source = f"_geo_end_of({base}[0], {base}[1], {end})" if is_pair(kind) else base
            return f"_geo_lift_optional({source}, {at_end})", OPTIONAL_TENSOR
        return f"_geo_lift({self._end_of(argument.base, end, name)}, {at_end})", Tensor

    def _end_of(self, base: str, end: str, asked: str) -> str:
        """The features ``base`` at one end, an error where they are None."""
        kind = self.kwargs[base].type
        if is_pair(kind):
            return f"_geo_pick_end({asked!r}, {base}[0], {base}[1], {end})"
        return f"_geo_pick_end({asked!r}, {base}, {base}, {end})" if is_optional_tensor(kind) else base


_HELPERS: dict[str, Callable[..., Any]] = {
    PREFIX + name: function
    for name, function in {
        **vars(propagation),
        "check_edge_index": check_edge_index,
        "check_nodes": check_nodes,
    }.items()
    if isinstance(function, types.FunctionType) and function.__module__.startswith("geocompile.layers")
}
_SPECIAL = {
    "edge_index": ("edge_index", Tensor),
    "edge_index_i": ("edge_index[_geo_i]", Tensor),
    "edge_index_j": ("edge_index[_geo_j]", Tensor),
    "index": ("edge_index[_geo_i]", Tensor),
    "ptr": ("None", OPTIONAL_TENSOR),
    "size": ("_geo_sizes", list[int | None]),
    "rowptr": ("_geo_rowptr", Tensor),
    "col": ("_geo_col", Tensor),
    "perm": ("_geo_perm", Tensor),
}
