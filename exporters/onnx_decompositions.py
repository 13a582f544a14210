"""Operators of float64 spelled out in simpler ones: in ONNX their constants are float32, or ONNX Runtime lacks them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from geocompile.exporters import float64_functions as functions
from geocompile.exporters.quiet import quiet

_aten = torch.ops.aten


def spelled_out(exported: torch.export.ExportedProgram) -> torch.export.ExportedProgram:
    """The program with those of its operators of float64 in simpler ones that would lose digits; itself without any."""
    table = _table()
    if not any(node.target in table and _is_wide(node.meta.get("val")) for node in exported.graph.nodes):
        return exported
    with quiet():
        changed: torch.export.ExportedProgram = exported.run_decompositions(table)
    return changed


def _table() -> dict[Any, Callable[..., Any]]:
    """Torch overload -> the same in simpler operators."""
    formulas: dict[Any, Callable[..., Any]] = {
        _aten.layer_norm.default: _layer_norm,
        _aten.batch_norm.default: _batch_norm,
        _aten._native_batch_norm_legit_no_training.default: _native_batch_norm,  # what torch makes of it first
        _aten.group_norm.default: _group_norm,
        _aten.instance_norm.default: _instance_norm,
        _aten.gelu.default: _gelu,
        _aten.prelu.default: _prelu,
        _aten.linalg_vector_norm.default: _vector_norm,
        _aten.addmm.default: _added(torch.mm),
        _aten.addmv.default: _added(torch.mv),
        _aten.baddbmm.default: _added(torch.bmm),
        _aten.fill.Scalar: torch.full_like,
        _aten.deg2rad.default: lambda x: x * (math.pi / 180),
        _aten.rad2deg.default: lambda x: x * (180 / math.pi),
        _aten.sinc.default: _sinc,
        **{getattr(_aten, name).default: getattr(functions, name) for name in functions.__all__},
    }
    return {overload: _of_float64(formula) for overload, formula in formulas.items()}


def _of_float64(formula: Callable[..., Any]) -> Callable[..., Any]:
    def decomposition(x: Tensor, *args: Any, **kwargs: Any) -> Any:
        return formula(x, *args, **kwargs) if _is_wide(x) else NotImplemented

    return decomposition


def _is_wide(value: Any) -> bool:
    return isinstance(value, Tensor) and value.dtype == torch.float64


def _layer_norm(
    x: Tensor,
    normalized_shape: list[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    *_: Any,
) -> Tensor:
    normalised = _normalised(x, list(range(-len(normalized_shape), 0)), eps)
    normalised = normalised if weight is None else normalised * weight
    return normalised if bias is None else normalised + bias


def _batch_norm(
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    mean: Tensor | None,
    variance: Tensor | None,
    use_own: bool,
    momentum: float,
    eps: float,
    *_: Any,
) -> Tensor:
    if use_own or mean is None or variance is None:
        own = _normalised(x, [dim for dim in range(x.dim()) if dim != 1], eps)
        return _per_channel(own, weight, bias)
    factor = 1 / torch.sqrt(variance + eps)
    factor = factor if weight is None else factor * weight
    shift = -mean * factor
    return _per_channel(x, factor, shift if bias is None else shift + bias)


def _native_batch_norm(
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    mean: Tensor,
    variance: Tensor,
    momentum: float,
    eps: float,
) -> tuple[Tensor, Tensor, Tensor]:
    empty = x.new_empty(0)
    return _batch_norm(x, weight, bias, mean, variance, False, momentum, eps), empty, empty


def _group_norm(
    x: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    *_: Any,
) -> Tensor:
    groups = x.reshape(x.size(0), num_groups, x.size(1) // num_groups, *x.shape[2:])
    normalised = _normalised(groups, list(range(2, groups.dim())), eps)
    return _per_channel(normalised.flatten(1, 2), weight, bias)


def _instance_norm(
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    mean: Tensor | None,
    variance: Tensor | None,
    use_own: bool,
    momentum: float,
    eps: float,
    *_: Any,
) -> Tensor:
    if not use_own:
        return _batch_norm(x, weight, bias, mean, variance, False, momentum, eps)
    return _per_channel(_normalised(x, list(range(2, x.dim())), eps), weight, bias)


def _normalised(x: Tensor, dims: list[int], eps: float) -> Tensor:
    centred = x - x.mean(dims, keepdim=True)
    return centred / torch.sqrt((centred * centred).mean(dims, keepdim=True) + eps)


def _per_channel(x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    x = x if weight is None else x * _along_channels(weight, x)
    return x if bias is None else x + _along_channels(bias, x)


def _along_channels(values: Tensor, x: Tensor) -> Tensor:
    return values.reshape(-1, *[1] * (x.dim() - 2))


def _gelu(x: Tensor, approximate: str = "none") -> Tensor:
    if approximate == "none":
        return x * 0.5 * (1 + functions.erf(x * math.sqrt(0.5)))
    return x * 0.5 * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)))


def _prelu(x: Tensor, weight: Tensor) -> Tensor:
    slope = _along_channels(weight, x) if x.dim() > 1 else weight.reshape([1] * x.dim())
    return torch.where(x > 0, x, slope * x)


def _vector_norm(
    x: Tensor,
    order: float = 2,
    dim: list[int] | None = None,
    keepdim: bool = False,
    dtype: torch.dtype | None = None,
) -> Any:
    if dtype is not None or order in (0, 1, 2) or math.isinf(order):
        return NotImplemented
    dims = list(range(x.dim())) if dim is None else dim
    return (x.abs() ** order).sum(dims, keepdim=keepdim) ** (1 / order)


def _added(product: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Any]:
    """Gemm has its factors as attributes, which are float32."""

    def added(x: Tensor, a: Tensor, b: Tensor, *, beta: float = 1, alpha: float = 1) -> Any:
        return NotImplemented if beta == alpha == 1 else x * beta + product(a, b) * alpha

    return added


def _sinc(x: Tensor) -> Tensor:
    angle = x * math.pi
    return torch.where(x == 0, 1.0, torch.sin(angle) / angle)
