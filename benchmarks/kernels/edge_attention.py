"""Dot-product, additive and cosine attention over edges, beside the propagation of PyG's layers that do the same."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from benchmarks.kernels.section import LARGE, SMALL, Goal, Limit, Maker, features, graph, size_name
from benchmarks.kernels.work import counted

TITLE = "Edge attention, 8 heads x 16 channels, CSR at hand"
HEADS, CHANNELS, EDGE_CHANNELS = 8, 16, 16
KINDS = (
    *("dot", "dot, edge features", "additive", "additive, edge features", "cosine, one head"),
    *("dot with gradients", "additive with gradients"),
)
SETTINGS = {f"{kind}, {size_name(size)}": (kind, size) for size in (SMALL, LARGE) for kind in KINDS}
OURS, PYG = "geocompile", "PyG's propagate"
MEASURES_MEMORY = True


def contenders(setting: str) -> dict[str, Maker]:
    kind, size = SETTINGS[setting]
    with_edges = "edge" in kind
    make = _dot if kind.startswith("dot") else _additive if kind.startswith("additive") else _cosine
    run = _with_gradients if kind.endswith("gradients") else _without_gradients

    ours, pyg, reads = make(size, with_edges)
    multiply_adds = _multiply_adds(kind, *size) * (3 if kind.endswith("gradients") else 1)
    return {OURS: counted(run(*ours), *reads, multiply_adds=multiply_adds), PYG: lambda: run(*pyg)}


def _multiply_adds(kind: str, nodes: int, edges: int) -> int:
    """Of a forward pass: a score and a weighted row for each edge. A gradient has two products for each of them."""
    rows = 2 * edges * HEADS * CHANNELS
    if "edge features" not in kind:
        return rows
    if kind.startswith("additive"):
        return rows + edges * HEADS * CHANNELS * EDGE_CHANNELS
    return rows + 2 * edges * HEADS * EDGE_CHANNELS + 2 * nodes * HEADS * CHANNELS * EDGE_CHANNELS


Call = tuple[Callable[..., Tensor], list[Tensor]]  # a function and what it has gradients of
Contest = tuple[Call, Call, list[Tensor | None]]  # ours, PyG's and all that ours reads


def _without_gradients(call: Callable[..., Tensor], inputs: list[Tensor]) -> Callable[[], object]:
    return torch.inference_mode()(lambda: call(*inputs))  # type: ignore[no-any-return]


def _with_gradients(call: Callable[..., Tensor], inputs: list[Tensor]) -> Callable[[], object]:
    leaves = [t.clone().requires_grad_() for t in inputs]
    return lambda: torch.autograd.grad(call(*leaves).sum(), leaves)


def _dot(size: tuple[int, int], with_edges: bool) -> Contest:
    from torch_geometric.nn import TransformerConv

    from geocompile.custom_ops import dot_attention

    g, scale = graph(*size), CHANNELS**-0.5
    nodes = [features(size[0], HEADS, CHANNELS, seed=seed) for seed in (2, 3, 4)]
    conv = TransformerConv(1, CHANNELS, HEADS, edge_dim=EDGE_CHANNELS if with_edges else None)
    edge = features(g.num_edges, EDGE_CHANNELS, seed=5) if with_edges else None
    weight = conv.lin_edge.weight.detach().view(HEADS, CHANNELS, EDGE_CHANNELS) if with_edges else None
    sorted_edge = None if edge is None else edge.index_select(0, g.perm)

    def ours(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        if weight is None:
            return dot_attention(query, key, value, g.rowptr, g.col, scale)[0]
        edge_query = torch.einsum("nhc,hcp->nhp", query, weight)
        out, edge_out = dot_attention(query, key, value, g.rowptr, g.col, scale, edge_query, sorted_edge)
        return out + torch.einsum("nhp,hcp->nhc", edge_out, weight)

    def pyg(query: Tensor, key: Tensor, value: Tensor) -> Any:
        return conv.propagate(g.edge_index, query=query, key=key, value=value, edge_attr=edge)

    return (ours, nodes), (pyg, nodes), [*nodes, g.rowptr, g.col, sorted_edge, weight]


def _additive(size: tuple[int, int], with_edges: bool) -> Contest:
    from torch_geometric.nn import GATv2Conv

    from geocompile.custom_ops import additive_attention

    g = graph(*size)
    nodes = [features(size[0], HEADS, CHANNELS, seed=seed) for seed in (2, 3)]
    conv = GATv2Conv(1, CHANNELS, HEADS, edge_dim=EDGE_CHANNELS if with_edges else None)
    edge = features(g.num_edges, EDGE_CHANNELS, seed=5) if with_edges else None
    weight = conv.lin_edge.weight.detach().view(HEADS, CHANNELS, EDGE_CHANNELS) if with_edges else None
    sorted_edge, att = None if edge is None else edge.index_select(0, g.perm), conv.att[0].detach()

    def ours(target: Tensor, source: Tensor) -> Tensor:
        return additive_attention(target, source, att, g.rowptr, g.col, 0.2, sorted_edge, weight)

    def pyg(target: Tensor, source: Tensor) -> Any:
        alpha = conv.edge_updater(g.edge_index, x=(source, target), edge_attr=edge)
        return conv.propagate(g.edge_index, x=(source, target), alpha=alpha)

    return (ours, nodes), (pyg, nodes), [*nodes, att, g.rowptr, g.col, sorted_edge, weight]


def _cosine(size: tuple[int, int], with_edges: bool) -> Contest:
    from torch_geometric.nn import AGNNConv

    from geocompile.custom_ops import cosine_attention

    g, x = graph(*size), features(size[0], HEADS * CHANNELS)
    conv = AGNNConv(requires_grad=False, add_self_loops=False)

    def ours(x: Tensor) -> Tensor:
        return cosine_attention(x, g.rowptr, g.col, conv.beta)

    def pyg(x: Tensor) -> Any:
        return conv(x, g.edge_index)

    return (ours, [x]), (pyg, [x]), [x, g.rowptr, g.col]


def goals(setting: str) -> list[Goal | Limit]:
    return [Goal(OURS, (PYG,), 3.0), Goal(OURS, (PYG,), 4.0, of="memory")]
