"""From what stands on the command line to Python objects: `module:callable`, a model with its weights, examples."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geocompile.cli.outcome import EXTRAS, InputError

if TYPE_CHECKING:
    from torch import nn


def resolve(reference: str) -> Any:
    """The object that `module:name` means; modules of the current folder are found.

    Raises:
        InputError: The text has another form, the module cannot be imported, or it has no such name.
    """
    module_name, colon, path = reference.partition(":")
    if not colon or not module_name or not path:
        raise InputError(f"'{reference}' must be MODULE:CALLABLE, such as train:make_model")
    if module_name.endswith(".py") or "/" in module_name:
        suggestion = module_name.removesuffix(".py").strip("./").replace("/", ".")
        raise InputError(f"'{reference}' names a file; give the module instead: {suggestion}:{path}")
    value = _import(module_name)
    for name in path.split("."):
        if not hasattr(value, name):
            raise InputError(f"'{reference}': module {module_name} has no '{path}'")
        value = getattr(value, name)
    return value


def load_model(reference: str, weights: Path | None) -> nn.Module:
    """The model that `module:callable` makes, with the weights of a file, in eval mode.

    Raises:
        InputError: It is no `nn.Module`, or the weights do not fit it.
    """
    from torch import nn

    model = _call(reference)
    if not isinstance(model, nn.Module):
        raise InputError(f"'{reference}' gave a {type(model).__name__}, expected a torch.nn.Module")
    if weights is not None:
        _load_weights(model, weights)
    return model.eval()


def load_examples(references: list[str]) -> list[Any]:
    """The example calls of all `--example` options: files give one each, functions one or a list.

    Raises:
        InputError: One of them is neither a file nor a callable.
        ValueError: A file cannot be read.
    """
    from geocompile.examples import read_examples

    calls: list[Any] = []
    for reference in references:
        if reference.endswith((".npz", ".safetensors")):
            calls.append(read_examples(reference))
            continue
        if ":" not in reference:
            raise InputError(f"example '{reference}' must be a .npz or .safetensors file, or MODULE:CALLABLE")
        result = _call(reference)
        calls.extend(result if isinstance(result, list) else [result])
    return calls


def _import(name: str) -> Any:
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name in EXTRAS:
            raise
        if error.name is not None and (name == error.name or name.startswith(error.name + ".")):
            raise InputError(
                f"there is no module '{name}' here ({os.getcwd()}) or among the installed packages"
            ) from error
        raise InputError(f"module '{name}' cannot be imported: {error}") from error
    except Exception as error:  # user code may raise anything while it is imported
        raise InputError(
            f"module '{name}' fails when it is imported: {type(error).__name__}: {error}"
        ) from error


def _call(reference: str) -> Any:
    """The object itself, or what it returns if it is a function or a class."""
    value = resolve(reference)
    if not callable(value) or _is_module(value):
        return value
    try:
        return value()
    except Exception as error:  # user code may raise anything
        raise InputError(
            f"{reference}() fails, called without arguments: {type(error).__name__}: {error}"
        ) from error


def _is_module(value: Any) -> bool:
    from torch import nn

    return isinstance(value, nn.Module)


def _load_weights(model: nn.Module, path: Path) -> None:
    state = _read_state(path)
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        problems = [line.strip() for line in str(error).splitlines()[1:] if line.strip()]
        more = f" (and {len(problems) - 1} more problems)" if len(problems) > 1 else ""
        raise InputError(
            f"{path} does not fit {type(model).__name__}: {problems[0] if problems else error}{more}"
        ) from error


def _read_state(path: Path) -> Mapping[str, Any]:
    import torch

    if not path.is_file():
        raise InputError(f"there is no weights file {path}")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # each reader has its own exceptions for a file that it cannot read
        first_line = str(error).splitlines()[0] if str(error) else type(error).__name__
        expected = ".safetensors, or torch.save(model.state_dict(), file)"
        raise InputError(
            f"{path} holds no readable weights ({first_line[:200]}); expected {expected}"
        ) from error
    if not isinstance(state, Mapping) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise InputError(f"{path} is no state dict; write it with torch.save(model.state_dict(), file)")
    return state
