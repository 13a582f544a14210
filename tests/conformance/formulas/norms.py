"""GraphNorm, LayerNorm, BatchNorm as they are written, graph by graph and node by node."""

import torch
from torch import Tensor

from geocompile.layers import BatchNorm, GraphNorm, LayerNorm
from tests.conformance.formulas.pools import members


def graph_norm(
    norm: GraphNorm, x: Tensor, batch: Tensor | None = None, batch_size: int | None = None
) -> Tensor:
    out = torch.empty_like(x)
    for group in members(x.size(0), batch, batch_size):
        for c in range(x.size(1)):
            values = [float(x[n, c]) for n in group]
            centred = [v - float(norm.mean_scale[c]) * sum(values) / len(values) for v in values]
            square = sum(v * v for v in centred) / max(len(values), 1)
            for n, value in zip(group, centred, strict=True):
                out[n, c] = norm.weight[c] * value / (square + norm.eps) ** 0.5 + norm.bias[c]
    return out


def layer_norm(
    norm: LayerNorm, x: Tensor, batch: Tensor | None = None, batch_size: int | None = None
) -> Tensor:
    out = torch.empty_like(x)
    groups = [[n] for n in range(x.size(0))] if norm.mode == "node" else members(x.size(0), batch, batch_size)
    for group in groups:
        values = [float(v) for n in group for v in x[n].flatten()]
        mean = sum(values) / max(len(values), 1)
        variance = sum((v - mean) ** 2 for v in values) / max(len(values), 1)
        is_beside = norm.eps_beside_root and batch is None and norm.mode == "graph"
        divisor = variance**0.5 + norm.eps if is_beside else (variance + norm.eps) ** 0.5
        for n in group:
            row = (x[n] - mean) / divisor
            out[n] = row if norm.weight is None else row * norm.weight + norm.bias
    return out


def batch_norm(norm: BatchNorm, x: Tensor) -> Tensor:
    """In evaluation."""
    module, out = norm.module, torch.empty_like(x)
    for c in range(x.size(1)):
        values = x[:, c].tolist()
        mean = sum(values) / max(len(values), 1)
        variance = sum((v - mean) ** 2 for v in values) / max(len(values), 1)
        if module.running_mean is not None and module.running_var is not None:
            mean, variance = float(module.running_mean[c]), float(module.running_var[c])
        column = (x[:, c] - mean) / (variance + module.eps) ** 0.5
        out[:, c] = column if module.weight is None else column * module.weight[c] + module.bias[c]
    return out
