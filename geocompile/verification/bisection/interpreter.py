"""Runs a captured program node by node and keeps every value, in its own precision or in float64."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.export.graph_signature import InputKind
from torch.fx import Interpreter, Node

from geocompile.exporters.program import CapturedProgram
from geocompile.verification.bisection.nodes import stored_tensors
from geocompile.verification.inputs import Array

# checks of dtypes and sizes that capture saw: in float64 they would fail, and they compute nothing
_CHECKS = ("aten._assert", "aten.sym_constrain_range", "aten._functional_assert")


class NodeError(RuntimeError):
    """A node raised; `node` is its name."""

    def __init__(self, node: str, error: Exception) -> None:
        super().__init__(f"{type(error).__name__}: {_own_text(error)}")
        self.node = node


def run_nodes(
    program: CapturedProgram,
    inputs: Mapping[str, Array],
    double: bool = False,
    moved: np.random.Generator | None = None,
) -> dict[str, Array]:
    """The value of every node on one graph, by name; sizes are int64 scalars, several results are left to their items.

    Args:
        program: The program.
        inputs: The model's inputs by name.
        double: Whether every float32 is a float64 instead.
        moved: Where given, floats of inputs and parameters are moved by half a rounding of their own precision,
            with these random signs; constants are not, since a model may ask whether one is exactly 1.

    Raises:
        NodeError: A node raised.
    """
    stored = stored_tensors(program)
    arguments = []
    for spec in program.exported.graph_signature.input_specs:
        name = spec.arg.name
        tensor = stored[name] if name in stored else torch.tensor(inputs[name])
        is_moved = spec.kind in (InputKind.PARAMETER, InputKind.USER_INPUT)
        arguments.append(_prepared(tensor, double, moved if is_moved else None))
    recorder = _Recorder(program.exported.graph_module, double)
    with torch.no_grad():
        recorder.run(*arguments, enable_io_processing=False)
    return recorder.values


class _Recorder(Interpreter):
    def __init__(self, module: torch.fx.GraphModule, double: bool) -> None:
        super().__init__(module)
        self.values: dict[str, Array] = {}
        self._double = double

    def run_node(self, n: Node) -> Any:
        try:
            result = super().run_node(n)
        except Exception as error:  # whatever an operator of a wrong graph raises
            raise NodeError(n.name, error) from error
        if n.op != "output" and isinstance(result, (Tensor, int)):
            self.values[n.name] = as_array(result)
        return result

    def call_function(self, target: Any, args: Any, kwargs: Any) -> Any:
        if self._double:
            if str(target).startswith(_CHECKS):
                return None
            args, kwargs = _widened(args), _widened(kwargs)
        return super().call_function(target, args, kwargs)


def as_array(value: Tensor | int) -> Array:
    """The value as an array of its own; bfloat16, which numpy does not have, as float32."""
    if not isinstance(value, Tensor):
        return np.asarray(value, dtype=bool if isinstance(value, bool) else np.int64)
    tensor = value.detach().float() if value.dtype == torch.bfloat16 else value.detach()
    return np.array(tensor.cpu().numpy())


def _prepared(tensor: Tensor, double: bool, moved: np.random.Generator | None) -> Tensor:
    if not tensor.is_floating_point():
        return tensor
    wide = tensor.double() if double else tensor
    if moved is None:
        return wide
    signs = torch.from_numpy(np.asarray(moved.integers(0, 2, size=tuple(tensor.shape)) * 2 - 1))
    unit = torch.finfo(tensor.dtype).eps / (2 if wide.dtype != tensor.dtype else 1)
    return wide * (1 + signs.to(wide.dtype) * unit)


def _widened(value: Any) -> Any:
    """The same arguments with float64 for float32."""
    if value is torch.float32:
        return torch.float64
    if isinstance(value, (list, tuple)):
        return type(value)(_widened(item) for item in value)
    if isinstance(value, dict):
        return {name: _widened(item) for name, item in value.items()}
    return value


def _own_text(error: Exception) -> str:
    """The error's first line, without what the interpreter adds."""
    text = str(error).partition("\n\nWhile executing")[0].strip()
    return text.splitlines()[0] if text else "no reason given"
