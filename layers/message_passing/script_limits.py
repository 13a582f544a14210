"""Refuses, in words, what a user's layer writes that TorchScript cannot compile: ``super().`` and ``**``."""

import ast
import inspect
import textwrap
import types

from torch._jit_internal import is_ignored_fn

from geocompile.layers.message_passing.hooks import hooks_of
from geocompile.layers.message_passing.script_types import methods_of


def refuse_unscriptable(cls: type) -> None:
    """Look through ``forward`` and every method that it reaches.

    Raises:
        TypeError: one of them calls a parent's method, or expands keyword arguments.
    """
    methods = {method.__name__: method for method in methods_of(cls)}
    pending, seen = ["forward"], {"forward", "propagate"}
    while pending:
        method = methods.get(pending.pop())
        if method is None or is_ignored_fn(method):
            continue
        for name in _Look(cls, method).reached:
            found = hooks_of(cls).called if name == "propagate" else (name,)
            pending += [name for name in found if name not in seen]
            seen.update(found)


class _Look(ast.NodeVisitor):
    """One method: which others it reaches; what cannot be compiled is an error."""

    def __init__(self, cls: type, method: types.FunctionType) -> None:
        self.cls, self.method = cls, method
        self.reached: list[str] = []
        try:
            tree = ast.parse(textwrap.dedent(inspect.getsource(method)))
        except (OSError, SyntaxError):
            return  # without source, or for a part of an expression, there is nothing to compile; torch.jit says so
        self.visit(tree)

    def visit_If(self, node: ast.If) -> None:
        """TorchScript compiles one branch only of ``if torch.jit.is_scripting()``."""
        condition = ast.unparse(node.test).replace("torch.jit.", "")
        branches = {"is_scripting()": node.body, "not is_scripting()": node.orelse}.get(condition)
        if branches is None:
            self.generic_visit(node)
        else:
            for statement in branches:
                self.visit(statement)

    def visit_Call(self, node: ast.Call) -> None:
        called = node.func
        if isinstance(called, ast.Attribute) and self._is_parent(called.value, node):
            raise self._refusal(
                node,
                f"calls {ast.unparse(called)}",
                f"write out what it does, or move that into a method or function that {self.method.__name__} and the "
                "parent's both call",
            )
        for keyword in node.keywords:
            if keyword.arg is None:
                raise self._refusal(
                    node,
                    f"passes **{ast.unparse(keyword.value)} to {ast.unparse(called)}",
                    "pass each argument by its name",
                )
        self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if isinstance(node.value, ast.Name) and node.value.id == "self":
            self.reached.append(node.attr)
        self.generic_visit(node)

    def _is_parent(self, owner: ast.expr, call: ast.Call) -> bool:
        """Whether it is ``super()``, or a parent class by name that is given ``self``."""
        if isinstance(owner, ast.Call):
            return isinstance(owner.func, ast.Name) and owner.func.id == "super"
        is_class = isinstance(owner, ast.Name) and owner.id in {base.__name__ for base in self.cls.__mro__}
        return is_class and bool(call.args) and ast.unparse(call.args[0]) == "self"

    def _refusal(self, node: ast.Call, what: str, remedy: str) -> TypeError:
        line = self.method.__code__.co_firstlineno + node.lineno - 1
        return TypeError(
            f"geocompile.{self.cls.__name__}: {self.method.__name__} {what} "
            f"({self.method.__code__.co_filename}:{line}), which TorchScript cannot compile; {remedy}"
        )
