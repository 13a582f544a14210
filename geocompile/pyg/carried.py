"""Refuses PyG modules that carry more than options and weights: what a converter does not know would be lost."""

from typing import Any

import torch

_NOTES = {"__overloads__", "_is_torch_compile"}
"""What torch.jit.script and torch.compile write into a module that they are given."""
PYG_LINEAR = "torch_geometric.nn.dense.linear.Linear"


class KeepError(Exception):
    """The module cannot be replaced by one that computes the same; says why."""


def class_path(module: torch.nn.Module) -> str:
    """Where the class of ``module`` is defined; a subclass of a PyG layer is another class."""
    return f"{type(module).__module__}.{type(module).__qualname__}"


def check_layer(
    old: Any,
    aggregations: tuple[str, ...],
    linears: dict[str, tuple[str, ...]],
    *arguments: Any,
    **options: Any,
) -> None:
    """Refuse a message passing layer unless it is as its constructor made it, but for its options and weights.

    Args:
        old: the layer.
        aggregations: the values of ``aggr`` that geocompile's layer has too.
        linears: its linear layers (of a list ``lins.0``), each with the names of the parameters that are carried over.
        *arguments: what its constructor needs; sizes do not matter.
        **options: options on which it depends which modules and parameters the layer has.

    Raises:
        KeepError: it carries something else.
    """
    if not isinstance(old.aggr, str) or old.aggr not in aggregations:
        raise KeepError(f"geocompile's layer of this class has no aggr={old.aggr!r}")
    decomposed = getattr(old, "_decomposed_layers", 1)
    check_with(old, _fresh(old, *arguments, aggr=old.aggr, decomposed_layers=decomposed, **options), linears)


def check_with(old: Any, fresh: Any, linears: dict[str, tuple[str, ...]]) -> None:
    """The same next to a layer as it is made, for one whose ``aggr`` is not a reduction.

    Raises:
        KeepError: it carries something else.
    """
    if getattr(old, "_explain", None):
        raise KeepError("it is being explained: its messages are masked")
    _check_like(old, fresh)
    for name, parameters in linears.items():
        linear = old.get_submodule(name)
        if class_path(linear) != PYG_LINEAR:
            raise KeepError(f"its {name} is a {type(linear).__name__}, not PyG's plain Linear")
        check_shaped(linear.weight, name)
        _check_like(linear, fresh.get_submodule(name), name)
        for parameter, value in linear._parameters.items():
            if value is not None and parameter not in parameters:
                raise KeepError(f"its {name} carries a {parameter} of its own, which would be lost")
    if class_path(old.aggr_module) != class_path(fresh.aggr_module):
        raise KeepError(
            f"its aggr_module is a {type(old.aggr_module).__name__}, which aggr={old.aggr!r} is not"
        )
    _check_like(old.aggr_module, fresh.aggr_module, "aggr_module")


def check_aggregation(old: Any, **options: Any) -> None:
    """The same for an aggregation module; ``options`` as in :func:`check_layer`."""
    check_module(old, **options)


def check_module(old: Any, *arguments: Any, **options: Any) -> None:
    """The same for any other module; ``arguments`` and ``options`` as in :func:`check_layer`."""
    _check_like(old, _fresh(old, *arguments, **options))


def check_part(old: Any, fresh: torch.nn.Module, name: str) -> None:
    """The same for a module inside a layer, next to one as it is made.

    Raises:
        KeepError: it is another class, or carries something else.
    """
    if type(old) is not type(fresh):
        raise KeepError(f"its {name} is a {class_path(old)}, not a {class_path(fresh)}")
    _check_like(old, fresh, name)


def check_shaped(parameter: Any, name: str) -> None:
    """Refuse a parameter whose shape comes with the first input.

    Raises:
        KeepError: it has not come yet.
    """
    if isinstance(parameter, torch.nn.parameter.UninitializedParameter):
        raise KeepError(
            f"the size of its {name} is not known yet; run the model once, on inputs that reach it"
        )


def _fresh(old: Any, *args: Any, **kwargs: Any) -> Any:
    """Another module of this class, which says what this version of PyG puts into one."""
    return type(old)(*args, **kwargs)


def check_parts(old: torch.nn.Module, new: torch.nn.Module) -> None:
    """Refuse to replace a layer by one that lacks what somebody has added to it, or to a part inside it.

    Parts that ``new`` holds keep theirs; those whose sizes no input has brought have never run.

    Raises:
        KeepError: it carries hooks, or a forward of its own.
    """
    held = {id(part) for part in new.modules()}
    for name, part in old.named_modules():
        never_ran = any(map(torch.nn.parameter.is_lazy, part._parameters.values()))
        its = f"its {name}" if name else "it"
        if id(part) not in held and not never_ran:
            if any("state_dict" not in hooks for hooks in _hooks(part)):
                raise KeepError(f"{its} carries hooks, which would be lost")
            if "forward" in vars(part):
                raise KeepError(f"{its} carries forward, set from outside, which would be lost")


def _hooks(module: torch.nn.Module) -> dict[str, int]:
    """How many hooks of each kind a module has, PyG's kinds too."""
    kinds = {name: value for name, value in vars(module).items() if name.endswith("_hooks")}
    return {name: len(hooks) for name, hooks in kinds.items() if hooks}


def _means_nothing(module: Any, value: Any) -> bool:
    """What explaining a layer leaves behind: masks of None, and its own ``propagate``."""
    function = getattr(value, "__func__", value)
    return function is None or any(
        function is getattr(type(module), name, None) for name in ("_orig_propagate", "_jinja_propagate")
    )


def _check_like(old: Any, fresh: Any, name: str = "") -> None:
    its = f"its {name}" if name else "it"
    own = _hooks(fresh)
    if any(count > own.get(hooks, 0) for hooks, count in _hooks(old).items()):
        raise KeepError(f"{its} carries hooks, which would be lost")
    for found, expected in (
        (vars(old), vars(fresh)),
        (old._parameters, fresh._parameters),
        (old._buffers, fresh._buffers),
        (old._modules, fresh._modules),
    ):
        there = {key for key, value in found.items() if not _means_nothing(old, value)}
        more = sorted(there - expected.keys() - _NOTES)
        if more:
            raise KeepError(f"{its} carries {', '.join(more)}, set from outside, which would be lost")
