"""Dot-product, additive and cosine attention over edges, beside the propagation of PyG's layers that do the same."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from benchmarks.kernels.section import LARGE, SMALL, Goal, Limit, Maker, features, graph, size_name

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

    def maker(which: int) -> Maker:
        return lambda: run(*make(size, with_edges)[which])

    return {OURS: maker(0), PYG: maker(1)}


Call = tuple[Callable[..., Tensor], list[Tensor]]  # a function and what it has gradients of


def _without_gradients(call: Callable[..., Tensor], inputs: list[Tensor]) -> object:
    return torch.inference_mode()(lambda: call(*inputs))


def _with_gradients(call: Callable[..., Tensor], inputs: list[Tensor]) -> object:
    leaves = [t.clone().requires_grad_() for t in inputs]
    return lambda: torch.autograd.grad(call(*leaves).sum(), leaves)


def _dot(size: tuple[int, int], with_edges: bool) -> tuple[Call, Call]:
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

    return (ours, nodes), (pyg, nodes)


def _additive(size: tuple[int, int], with_edges: bool) -> tuple[Call, Call]:
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

    return (ours, nodes), (pyg, nodes)


def _cosine(size: tuple[int, int], with_edges: bool) -> tuple[Call, Call]:
    from torch_geometric.nn import AGNNConv

    from geocompile.custom_ops import cosine_attention

    g, x = graph(*size), features(size[0], HEADS * CHANNELS)
    conv = AGNNConv(requires_grad=False, add_self_loops=False)

    def ours(x: Tensor) -> Tensor:
        return cosine_attention(x, g.rowptr, g.col, conv.beta)

    def pyg(x: Tensor) -> Any:
        return conv(x, g.edge_index)

    return (ours, [x]), (pyg, [x])


def goals(setting: str) -> list[Goal | Limit]:
    return [Goal(OURS, (PYG,), 3.0), Goal(OURS, (PYG,), 4.0, of="memory")]


def traffic(setting: str) -> int:
    """Bytes of a forward pass if no row of keys, values or sources is ever found in a cache."""
    kind, (nodes, edges) = SETTINGS[setting]
    row = 4 * HEADS * CHANNELS
    gathered = row if kind.startswith("additive") else 2 * row  # additive attention sums what it compares
    edge = 4 * EDGE_CHANNELS if "edge" in kind else 0
    return edges * (gathered + edge + 8) + nodes * (2 * row + 8)
