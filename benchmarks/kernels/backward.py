"""Backward passes beside those of PyG's steps: gradients of features and weights, or of scores."""

from collections.abc import Callable

import torch
from torch import Tensor

from benchmarks.kernels.section import LARGE, SMALL, Goal, Limit, Maker, features, graph, size_name

TITLE = "Backward passes, F=64 (softmax and GAT: 8 heads of 8)"
CASES = ("sum", "mean", "max", "softmax", "GAT")
SETTINGS = {f"{case}, {size_name(size)}": (case, size) for case in CASES for size in (SMALL, LARGE)}
OURS, PYG = "geocompile", "PyG"


def contenders(setting: str) -> dict[str, Maker]:
    case, size = SETTINGS[setting]
    forward = {"softmax": _softmax, "GAT": _attention}.get(case) or (lambda size: _reduction(size, case))
    return {name: _backward(*made) for name, made in forward(size).items()}


def goals(setting: str) -> list[Goal | Limit]:
    return [Goal(OURS, (PYG,), 1.0)]


def _backward(call: Callable[..., Tensor], inputs: list[Tensor]) -> Maker:
    def make() -> object:
        leaves = [tensor.clone().requires_grad_() for tensor in inputs]
        out = call(*leaves)
        grad = torch.ones_like(out)
        return lambda: torch.autograd.grad(out, leaves, grad, retain_graph=True)

    return make


def _reduction(size: tuple[int, int], reduce: str) -> dict[str, tuple[Callable[..., Tensor], list[Tensor]]]:
    from torch_geometric.utils import scatter

    from geocompile.custom_ops import gather_segment_reduce

    g = graph(*size)
    sources, targets = g.edge_index

    def ours(x: Tensor, weight: Tensor) -> Tensor:
        return gather_segment_reduce(x, g.rowptr, g.col, weight, None, reduce)

    def pyg(x: Tensor, weight: Tensor) -> Tensor:
        return scatter(x.index_select(0, sources) * weight.view(-1, 1), targets, 0, g.num_nodes, reduce)

    x = features(size[0], 64)
    return {OURS: (ours, [x, g.sorted_weight]), PYG: (pyg, [x, g.weight])}


def _softmax(size: tuple[int, int]) -> dict[str, tuple[Callable[..., Tensor], list[Tensor]]]:
    from torch_geometric.utils import softmax

    from geocompile.custom_ops import segment_softmax

    g = graph(*size)
    scores = features(g.num_edges, 8)
    return {
        OURS: (lambda s: segment_softmax(s, g.rowptr, g.perm), [scores]),
        PYG: (lambda s: softmax(s, g.edge_index[1], num_nodes=g.num_nodes), [scores]),
    }


def _attention(size: tuple[int, int]) -> dict[str, tuple[Callable[..., Tensor], list[Tensor]]]:
    from torch_geometric.utils import scatter, softmax

    from geocompile.custom_ops import gat_aggregate

    g = graph(*size)
    sources, targets = g.edge_index

    def pyg(x: Tensor, source: Tensor, target: Tensor) -> Tensor:
        score = source.index_select(0, sources) + target.index_select(0, targets)
        alpha = softmax(torch.nn.functional.leaky_relu(score, 0.2), targets, num_nodes=g.num_nodes)
        return scatter(x.index_select(0, sources) * alpha.unsqueeze(-1), targets, 0, g.num_nodes, "sum")

    inputs = [features(size[0], 8, 8), features(size[0], 8, seed=3), features(size[0], 8, seed=4)]
    return {OURS: (lambda x, s, t: gat_aggregate(x, g.rowptr, g.col, s, t), inputs), PYG: (pyg, inputs)}
