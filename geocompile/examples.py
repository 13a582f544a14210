"""Example graphs: whatever a person has at hand (tuple, dict, PyG data, file) as named tensors of forward."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

_DTYPES = (
    torch.float32,
    torch.float64,
    torch.float16,
    torch.bfloat16,
    torch.int64,
    torch.int32,
    torch.bool,
    torch.uint8,
)
_DATA_CLASSES = {"Data", "Batch", "HeteroData", "DataBatch", "HeteroDataBatch", "TemporalData"}


@dataclass(frozen=True)
class Example:
    """One call of the model: tensors by the name of the forward parameter that takes them, in signature order."""

    tensors: dict[str, Tensor]


def normalize_examples(model: nn.Module, examples: Any) -> list[Example]:
    """Turns any accepted form of examples into a list of `Example`.

    Args:
        model: The model whose `forward` signature names the inputs.
        examples: One call, or a list of calls. A call is a tuple of tensors (positional), a dict (by name), a single
            tensor, an `Example`, or a PyG `Data`/`Batch`, whose attributes are matched to forward's parameter names.

    Raises:
        TypeError: A value is not a tensor, or the model takes a whole PyG object.
        ValueError: Names do not match the signature, or the examples disagree in names, dtype or rank.
    """
    calls = examples if isinstance(examples, list) else [examples]
    if not calls:
        raise ValueError(
            "geocompile: no example graph given; capture needs at least one call of the model, "
            "best two of different size"
        )
    signature = _parameters(model)
    result = [_to_example(call, signature, f"example {k}") for k, call in enumerate(calls)]
    _check_agreement(result)
    return result


def read_examples(path: str | Path) -> dict[str, Tensor]:
    """Reads one call of a model from a `.npz` or `.safetensors` file whose keys are forward's parameter names.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The suffix is another one, or the file cannot be read as what its suffix says.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"geocompile: example file '{path}' does not exist")
    if path.suffix not in (".npz", ".safetensors"):
        raise ValueError(
            f"geocompile: example file '{path}' must be .npz or .safetensors, got '{path.suffix}'"
        )
    try:
        return _read_npz(path) if path.suffix == ".npz" else _read_safetensors(path)
    except Exception as error:  # the readers raise a dozen types for a damaged file; all mean the same here
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"geocompile: example file '{path}' cannot be read: {reason}") from error


def _read_npz(path: Path) -> dict[str, Tensor]:
    with np.load(path, allow_pickle=False) as file:
        return {name: torch.from_numpy(np.asarray(file[name], order="C")) for name in file.files}


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors.torch import load_file

    return dict(load_file(str(path)))


def _parameters(model: nn.Module) -> list[inspect.Parameter]:
    parameters = list(inspect.signature(model.forward).parameters.values())
    for parameter in parameters:
        annotation = getattr(parameter.annotation, "__name__", str(parameter.annotation))
        whole = parameter.name == "data" or annotation.strip("'\"").rpartition(".")[2] in _DATA_CLASSES
        if whole and parameter.kind is not parameter.VAR_KEYWORD:
            raise TypeError(
                f"geocompile: {type(model).__name__}.forward takes a whole PyG object ('{parameter.name}'); an "
                "engine takes tensors. Give forward tensor parameters, e.g. forward(self, x, edge_index, batch=None)"
            )
    return [p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]


def _to_example(call: Any, signature: list[inspect.Parameter], where: str) -> Example:
    if isinstance(call, Example):
        named: dict[str, Any] = dict(call.tensors)
    elif isinstance(call, Mapping):
        named = dict(call)
    elif isinstance(call, (Tensor, np.ndarray)):
        named = _by_position((call,), signature, where)
    elif type(call).__name__ in _DATA_CLASSES:
        named = _from_data(call, signature, where)
    elif isinstance(call, Sequence) and not isinstance(call, str):
        named = _by_position(call, signature, where)
    else:
        raise TypeError(
            f"geocompile: {where} is a {type(call).__name__}; expected a tuple of tensors, a dict, or a PyG Data/Batch"
        )
    return Example(_checked(named, signature, where))


def _by_position(call: Sequence[Any], signature: list[inspect.Parameter], where: str) -> dict[str, Any]:
    positional = [p.name for p in signature if p.kind is not p.KEYWORD_ONLY]
    if len(call) > len(positional):
        raise ValueError(
            f"geocompile: {where} has {len(call)} values, but forward takes {len(positional)}: {', '.join(positional)}"
        )
    return dict(zip(positional, call, strict=False))


def _from_data(data: Any, signature: list[inspect.Parameter], where: str) -> dict[str, Any]:
    if "Hetero" in type(data).__name__:
        raise TypeError(
            f"geocompile: {where} is a {type(data).__name__}, which has tensors per node and edge type; "
            "give a dict of the tensors that forward takes"
        )
    return {p.name: value for p in signature if (value := getattr(data, p.name, None)) is not None}


def _checked(named: dict[str, Any], signature: list[inspect.Parameter], where: str) -> dict[str, Tensor]:
    names = [p.name for p in signature]
    unknown = [name for name in named if name not in names]
    if unknown:
        raise ValueError(
            f"geocompile: {where} has '{unknown[0]}', which forward does not take; it takes {', '.join(names)}"
        )
    given = {name: _tensor(name, named[name], where) for name in names if named.get(name) is not None}
    missing = [p.name for p in signature if p.name not in given and p.default is p.empty]
    if missing:
        raise ValueError(f"geocompile: {where} lacks '{missing[0]}', which forward requires")
    if not given:
        raise ValueError(
            f"geocompile: {where} holds no tensor; a model without tensor input cannot become an engine"
        )
    return given


def _tensor(name: str, value: Any, where: str) -> Tensor:
    if isinstance(value, np.ndarray):
        value = torch.from_numpy(np.asarray(value, order="C"))
    if not isinstance(value, Tensor):
        raise TypeError(
            f"geocompile: {where}: '{name}' is a {type(value).__name__}, expected a tensor; "
            "bind settings that are not tensors in the model's constructor"
        )
    if value.layout != torch.strided:
        raise TypeError(
            f"geocompile: {where}: '{name}' is a sparse tensor; give edge_index (and edge_weight) instead"
        )
    if value.dtype not in _DTYPES:
        raise TypeError(
            f"geocompile: {where}: '{name}' has dtype {value.dtype}, "
            "expected one of float32, float64, int64, int32, bool"
        )
    if name.endswith("edge_index") and (value.dim() != 2 or value.size(0) != 2 or value.is_floating_point()):
        raise ValueError(
            f"geocompile: {where}: '{name}' must be an integer tensor of shape [2, num_edges], "
            f"got {value.dtype} {list(value.shape)}"
        )
    return value.detach()


def _check_agreement(examples: list[Example]) -> None:
    first = examples[0].tensors
    for k, example in enumerate(examples[1:], start=1):
        differing = sorted(first.keys() ^ example.tensors.keys())
        if differing:
            raise ValueError(
                f"geocompile: '{differing[0]}' is a tensor in some examples and None in others (example 0 and {k}); "
                "an engine has one set of inputs: give it in all examples or in none"
            )
        for name, tensor in example.tensors.items():
            _check_alike(name, first[name], tensor, k)


def _check_alike(name: str, first: Tensor, other: Tensor, k: int) -> None:
    if first.dtype != other.dtype:
        raise ValueError(
            f"geocompile: '{name}' is {first.dtype} in example 0 and {other.dtype} in example {k}; use one dtype"
        )
    if first.dim() != other.dim():
        raise ValueError(
            f"geocompile: '{name}' has {first.dim()} dimensions in example 0 and {other.dim()} in example {k}; "
            "use one rank"
        )
