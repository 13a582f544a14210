"""Cases as tensors: arguments in, outputs and gradients out, the same for the peers and for us."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tests.peers.case import Case

Outputs = dict[str, Tensor]


def answer(function: Callable[..., Outputs], case: Case, signed: bool = True) -> dict[str, np.ndarray]:
    """What `function` gives on the case: outputs by name, and gradients of ``out`` as ``grad.<argument>``.

    What the gradients are taken of has positive weights only where it is not `signed`.
    """
    arguments = {name: _tensor(value, case.dtype) for name, value in case.arguments.items()}
    for name in case.differentiate:
        arguments[name].requires_grad_()
    outputs = function(**arguments)
    if case.differentiate:
        wanted = [arguments[name] for name in case.differentiate]
        cotangent = _cotangent(outputs["out"])
        gradients = torch.autograd.grad(outputs["out"], wanted, cotangent if signed else cotangent.abs())
        outputs |= {f"grad.{n}": g for n, g in zip(case.differentiate, gradients, strict=True)}
    return {name: array(output) for name, output in outputs.items()}


def array(tensor: Tensor) -> np.ndarray:
    """As numpy; float16 and bfloat16 as float32, which holds both."""
    halves = (torch.float16, torch.bfloat16)
    return (tensor.float() if tensor.dtype in halves else tensor).detach().numpy()


def _tensor(value: Any, dtype: str) -> Any:
    if not isinstance(value, np.ndarray):
        return value
    tensor = torch.from_numpy(value.copy())
    return tensor.to(getattr(torch, dtype)) if dtype and tensor.is_floating_point() else tensor


def _cotangent(out: Tensor) -> Tensor:
    return ((torch.arange(out.numel()) % 7 - 3) / 4).reshape(out.shape).to(out.dtype)
