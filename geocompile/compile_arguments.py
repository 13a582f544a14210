"""What `compile` refuses before any long work: unknown names, models and examples that no engine can be made of."""

import importlib.util
from collections.abc import Mapping, Sequence

import torch

from geocompile.errors import MissingRuntimeError
from geocompile.exporters import EXPORTERS

_HALVES = (torch.float16, torch.bfloat16)


def checked_targets(targets: Sequence[str]) -> tuple[str, ...]:
    """The targets without repeats.

    Raises:
        ValueError: A target is unknown, or there is none.
    """
    names = (targets,) if isinstance(targets, str) else tuple(dict.fromkeys(targets))
    unknown = [name for name in names if name not in EXPORTERS]
    if unknown or not names:
        given = f"unknown target {unknown[0]!r}" if unknown else "no target given"
        raise ValueError(f"geocompile.compile: {given}, choose from: {', '.join(EXPORTERS)}")
    return names


def check_runtimes(targets: Sequence[str]) -> None:
    """Refuse, before any long work, what could be made but not verified here.

    Raises:
        MissingRuntimeError: The ONNX engine is wanted and onnxruntime is not installed.
    """
    if "onnx" in targets and importlib.util.find_spec("onnxruntime") is None:
        raise MissingRuntimeError(
            "geocompile.compile: the onnx engine cannot be verified without onnxruntime: "
            "pip install onnxruntime, or compile with verify=False (--no-verify)"
        )


def check_model(model: object) -> None:
    """Refuse what cannot be compiled.

    Raises:
        TypeError: It is not a module, or one of TorchScript.
        ValueError: A parameter has no shape yet, is not on the CPU, or has half precision.
    """
    if not isinstance(model, torch.nn.Module):
        hint = "; give an instance, not the class" if isinstance(model, type) else ""
        given = model.__name__ if isinstance(model, type) else type(model).__name__
        raise TypeError(f"geocompile.compile: model must be a torch.nn.Module, got {given}{hint}")
    if isinstance(model, torch.jit.ScriptModule):
        raise TypeError(
            "geocompile.compile: model is a TorchScript module; give the Python module it was made from"
        )
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        if torch.nn.parameter.is_lazy(tensor):
            raise ValueError(
                f"geocompile.compile: parameter '{name}' has no shape yet; run the model once on an example"
            )
        _check_tensor(f"parameter '{name}'", tensor, "call model.cpu() first", "call model.float() first")


def check_examples(calls: Sequence[Mapping[str, torch.Tensor]]) -> None:
    """Refuse examples that are not on the CPU or have half precision.

    Raises:
        ValueError: A tensor of an example is.
    """
    for k, call in enumerate(calls):
        for name, tensor in call.items():
            _check_tensor(f"example {k}: '{name}'", tensor, "move it with .cpu()", "convert it with .float()")


def _check_tensor(what: str, tensor: torch.Tensor, move: str, widen: str) -> None:
    if tensor.device.type != "cpu":
        raise ValueError(f"geocompile.compile: {what} is on {tensor.device}, expected the CPU; {move}")
    if tensor.dtype in _HALVES:
        raise ValueError(
            f"geocompile.compile: {what} is {tensor.dtype}, expected float32 or float64; {widen}"
        )
