"""Functions from generated source text that :mod:`inspect`, tracebacks and TorchScript can read."""

import ast
import inspect
import linecache
import re
import textwrap
import typing
from collections.abc import Callable
from typing import Any

from torch import Tensor

from geocompile.layers.message_passing.script_types import render


def compile_source(cls: type, name: str, source: str, names: dict[str, Any]) -> Callable[..., Any]:
    """The function ``name`` that ``source`` defines; ``names`` are its globals.

    The source is kept in :mod:`linecache`, under a file name that says which class it was written for.
    """
    filename = f"<geocompile: {cls.__module__}.{cls.__qualname__}.{name}>"
    if filename in linecache.cache:  # another class of this name, in another function or notebook cell
        filename = f"{filename[:-1]} {id(cls)}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    namespace = {**names, "__name__": cls.__module__}
    exec(compile(source, filename, "exec"), namespace)
    function: Callable[..., Any] = namespace[name]
    return function


def with_annotations(cls: type, hook: str, name: str, missing: dict[str, Any]) -> Callable[..., Any]:
    """A copy of a hook under another name, with the annotations that its author left out.

    Raises:
        TypeError: the source of the hook cannot be read.
    """
    function = getattr(cls, hook)
    try:
        source = textwrap.dedent(inspect.getsource(function))
    except OSError as error:
        raise TypeError(
            f"geocompile.{cls.__name__}: the source of {hook} cannot be read; write the class in a file, or annotate "
            f"{', '.join(f'{argument}: {render(kind)}' for argument, kind in missing.items())}"
        ) from error
    names = {**vars(typing), "Tensor": Tensor, **function.__globals__}
    names.update(inspect.getclosurevars(function).nonlocals)
    for kind in missing.values():
        names.update(names_in(kind))
    return compile_source(cls, name, _annotate(source, name, missing), names)


def _annotate(source: str, name: str, missing: dict[str, Any]) -> str:
    """The text of a function with annotations put in and nothing else touched, so that errors show the user's lines."""
    tree = ast.parse(source).body[0]
    assert isinstance(tree, ast.FunctionDef)
    lines = source.splitlines(keepends=True)
    arguments = [*tree.args.posonlyargs, *tree.args.args, *tree.args.kwonlyargs]
    for argument in reversed(arguments):
        if argument.arg in missing:
            row, column = (argument.end_lineno or 1) - 1, argument.end_col_offset or 0
            text = lines[row].encode()  # ast counts columns in bytes
            lines[row] = (
                text[:column] + f": {render(missing[argument.arg])}".encode() + text[column:]
            ).decode()
    head = tree.lineno - 1
    lines[head] = re.sub(rf"def\s+{tree.name}", f"def {name}", lines[head], count=1)
    return "".join(lines[head:])


def names_in(kind: Any) -> dict[str, type]:
    """The classes that a type mentions, by the name under which :func:`render` writes them."""
    found: dict[str, type] = {}
    pending: tuple[Any, ...] = (kind,)
    while pending:
        first, *rest = pending
        pending = (*rest, *typing.get_args(first))
        if isinstance(first, type) and not typing.get_args(first):
            found[first.__name__] = first
    return found
