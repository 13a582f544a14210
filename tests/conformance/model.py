"""A case as a model that can be compiled: float32, tensors in, one argument for each side of a pair."""

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from tests.conformance.case import LayerCase

Examples = Callable[[tuple[int, int]], tuple[Tensor, ...]]
SIDES = ("", "_target")
KNOWN_AS = {"index": "batch"}  # the compiler tells from a name what an argument counts


def positional(layer: torch.nn.Module, inputs: dict[str, Any]) -> tuple[Any, ...]:
    """Named inputs in the order of forward, as far as they reach; arguments left out between them by their default."""
    parameters = list(inspect.signature(layer.forward).parameters.values())
    last = max((k for k, p in enumerate(parameters) if p.name in inputs), default=-1)
    return tuple(inputs.get(p.name, p.default) for p in parameters[: last + 1])


def dynamic_shapes_of(value: Any) -> Any:
    """Every dimension of every tensor may vary, as far as the program lets it; integers too."""
    if isinstance(value, tuple):
        return tuple(map(dynamic_shapes_of, value))
    if isinstance(value, Tensor):
        return dict.fromkeys(range(value.dim()), torch.export.Dim.AUTO)
    return torch.export.Dim.AUTO if type(value) is int else None


def as_model(case: LayerCase) -> tuple[torch.nn.Module, Examples]:
    """The layer in a module whose forward takes tensors only, and its inputs for a size of graph."""
    layer = case.make().float().eval()
    example = case.draw(case.sizes[0])
    parameters, arguments = [], []
    for name, value in example.items():
        if isinstance(value, tuple):
            parts = [
                f"{name}{side}" if part is not None else "None"
                for side, part in zip(SIDES, value, strict=True)
            ]
            parameters += [part for part in parts if part != "None"]
            arguments.append(f"{name}=({', '.join(parts)})")
        elif isinstance(value, Tensor):
            parameters.append(KNOWN_AS.get(name, name))
            arguments.append(f"{name}={parameters[-1]}")
        else:
            arguments.append(f"{name}={value!r}")
    return _module(layer, parameters, arguments), lambda size: _tensors(case.draw(size))


def _module(layer: torch.nn.Module, parameters: list[str], arguments: list[str]) -> torch.nn.Module:
    names: dict[str, Any] = {}
    exec(f"def forward(self, {', '.join(parameters)}):\n    return self.layer({', '.join(arguments)})", names)
    model = type("Model", (torch.nn.Module,), {"forward": names["forward"]})()
    model.layer = layer
    return model.eval()


def _tensors(inputs: dict[str, Any]) -> tuple[Tensor, ...]:
    flat = [part for value in inputs.values() for part in (value if isinstance(value, tuple) else (value,))]
    return tuple(t.float() if t.is_floating_point() else t for t in flat if isinstance(t, Tensor))
