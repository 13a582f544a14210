"""What the layers of a model take and give while eager runs: the values that a captured graph must hold too."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

from geocompile.verification.bisection.interpreter import as_array
from geocompile.verification.inputs import Array


@dataclass
class LayerCall:
    """One call of one module.

    Attributes:
        path: The module's path; empty for the model itself.
        number: Which call of this module, from 0.
        kind: The module's class name.
        parent: The call that made this one; None for the model itself.
        inputs: The tensors that it was given.
        outputs: The tensors that it returned.
    """

    path: str
    number: int
    kind: str
    parent: LayerCall | None
    inputs: list[Array]
    outputs: list[Array] = field(default_factory=list)


@dataclass
class EagerRun:
    """What happened in eager: the calls in the order in which they ended, and every value that any operator made."""

    calls: list[LayerCall] = field(default_factory=list)
    values: list[Array] = field(default_factory=list)


def run_layers(model: nn.Module, inputs: Mapping[str, Array]) -> EagerRun:
    """Run a copy of the model in eval mode on one graph, and note what its modules take and give.

    Raises:
        Exception: Whatever the model raises.
    """
    model = copy.deepcopy(model).eval()
    run, stack = EagerRun(), list[LayerCall]()
    counts: dict[str, int] = {}
    for path, module in model.named_modules():
        module.register_forward_pre_hook(_entering(path, counts, stack), with_kwargs=True)
        module.register_forward_hook(_leaving(run, stack))
    tensors = {name: torch.tensor(array) for name, array in inputs.items()}
    with torch.no_grad(), _Operators(run.values), _Functions(run.values):
        model(**tensors)
    return run


def _entering(path: str, counts: dict[str, int], stack: list[LayerCall]) -> Any:
    def hook(module: nn.Module, args: Any, kwargs: Any) -> None:
        number = counts[path] = counts.get(path, -1) + 1
        parent = stack[-1] if stack else None
        stack.append(LayerCall(path, number, type(module).__name__, parent, _arrays((args, kwargs))))

    return hook


def _leaving(run: EagerRun, stack: list[LayerCall]) -> Any:
    def hook(module: nn.Module, args: Any, result: Any) -> None:
        call = stack.pop()
        call.outputs = _arrays(result)
        run.calls.append(call)

    return hook


class _Functions(TorchFunctionMode):
    """Notes the results of functions as the model's code calls them (`linear`), as capture does."""

    def __init__(self, values: list[Array]) -> None:
        super().__init__()
        self._values = values

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        self._values += _arrays(result)
        return result


class _Operators(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes the results of the operators that functions are made of."""

    def __init__(self, values: list[Array]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._values = values

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        self._values += _arrays(result)
        return result


def _arrays(value: Any) -> list[Array]:
    leaves = pytree.tree_leaves(value)
    return [as_array(leaf) for leaf in leaves if isinstance(leaf, Tensor) and leaf.layout is torch.strided]
