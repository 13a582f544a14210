"""Choosing nodes graph by graph: where graphs begin, the best nodes of each, and the edges among the chosen."""

import torch
from torch import Tensor

from geocompile.custom_ops.operators.csr import row_of_each_edge
from geocompile.custom_ops.operators.library import same_device
from geocompile.custom_ops.registry import Operator, register


def graph_ptr(batch: Tensor, like: Tensor | None = None) -> Tensor:
    """Where each graph of a sorted batch vector begins: graph ``g`` has the nodes ``ptr[g]`` to ``ptr[g + 1] - 1``.

    Args:
        batch: ``[num_nodes]`` int64 or int32, the graph of each node, at least 0 and never falling.
        like: ``[num_graphs, *]``, any dtype, only its first size is used; None: ``max(batch) + 1`` graphs, none if
            there are no nodes.

    Returns:
        ``ptr [num_graphs + 1]``, dtype of `batch`. A graph without nodes is ordinary.

    Raises:
        ValueError: For a wrong dtype or shape, or a batch vector that is not sorted; names the first place.
        IndexError: For a negative graph number, one that `like` has not, or without `like` one above 2^26 that is
            above 64 for each node too.
    """
    return torch.ops.geocompile.graph_ptr(batch, like)  # type: ignore[no-any-return]


def topk(
    x: Tensor,
    ratio: int | float | None,
    batch: Tensor | None = None,
    min_score: float | None = None,
    tol: float = 1e-7,
) -> Tensor:
    """The nodes of the highest score of each graph.

    A graph of ``n`` nodes keeps ``ceil(ratio n)`` (computed in float32), at most all. Ties go to the node that comes
    first, NaN is above every number. With `min_score` the nodes above ``min(max score of the graph - tol, min_score)``
    are kept instead, and in any case those of the graph's highest score unless that is -inf (PyG loses them where
    subtracting `tol` is lost in rounding); a graph with a NaN keeps none.

    Args:
        x: ``[num_nodes]`` scores, float32, float64, float16 or bfloat16.
        ratio: Below 1 the share of each graph that is kept, from 1 on the number of nodes. Ignored with `min_score`.
        batch: ``[num_nodes]`` int64 or int32, sorted, the graph of each node; None: all nodes are one graph.
        min_score: The score that a node must exceed.
        tol: How far below its graph's maximum a node is kept in any case.

    Returns:
        ``perm``, int64: the nodes kept, graph by graph, the highest first; with `min_score` in their own order.

    Raises:
        ValueError: For a wrong dtype, shape or ratio, or a batch vector that is not sorted.
        IndexError: For a negative graph number.

    Source: Gao and Ji, "Graph U-Nets" (2019); ``torch_geometric.nn.pool.select.topk``.
    """
    if batch is not None and (batch.dim() != 1 or x.dim() != 1 or batch.size(0) != x.size(0)):
        raise ValueError(
            f"geocompile.topk: 'x' and 'batch' must be vectors of one length, got shapes {list(x.shape)} and "
            f"{list(batch.shape)}"
        )
    if x.dim() != 1 or not x.is_floating_point():
        raise ValueError(
            f"geocompile.topk: 'x' must be a vector of scores in floats, got {x.dtype} of shape {list(x.shape)}"
        )
    ptr = torch.arange(2, device=x.device) * x.size(0) if batch is None else graph_ptr(batch)
    if min_score is not None:
        highest = torch.ops.geocompile.segment_reduce(x, ptr, None, "max")
        highest_of_node = highest.expand(x.size(0)) if batch is None else highest.index_select(0, batch)
        above = x > (highest_of_node - tol).clamp(max=min_score)
        kept: Tensor = above | ((x == highest_of_node) & (x > -float("inf")))
        return kept.nonzero().view(-1)
    if ratio is None:
        raise ValueError("geocompile.topk: give 'ratio' or 'min_score'")
    return torch.ops.geocompile.topk(x, ptr, float(ratio))  # type: ignore[no-any-return]


def filter_edges(edge_index: Tensor, perm: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
    """The edges among chosen nodes, which are numbered anew: ``out[:, u] = place in perm of edge_index[:, edges[u]]``.

    An edge stays if both of its ends are in `perm`; what stays keeps its order. Of an edge attribute,
    ``edge_attr[edges]`` goes with the result.

    Args:
        edge_index: ``[2, num_edges]`` int64 or int32.
        perm: ``[num_kept]`` int64, the nodes that are kept, as `topk` gives them.
        like: ``[num_nodes, *]``, any dtype; only its first size is used.

    Returns:
        ``out [2, num_kept_edges]``, dtype of `edge_index`, and ``edges [num_kept_edges]``, int64.

    Raises:
        ValueError: For a wrong dtype or shape.
        IndexError: For an index out of range.

    Source: ``torch_geometric.nn.pool.connect.filter_edges.filter_adj``.
    """
    return torch.ops.geocompile.filter_edges(edge_index, perm, like)  # type: ignore[no-any-return]


def graph_ptr_reference(batch: Tensor, like: Tensor | None = None) -> Tensor:
    """The meaning of `graph_ptr`."""
    num_graphs = like.size(0) if like is not None else int(batch.max()) + 1 if batch.numel() else 0
    return torch.searchsorted(batch, torch.arange(num_graphs + 1, dtype=batch.dtype)).to(batch.dtype)


def topk_reference(score: Tensor, ptr: Tensor, ratio: float) -> Tensor:
    """The meaning of `topk`: a stable sort by score, then by graph, and the first of each."""
    sizes = ptr.diff().long()
    wanted = torch.full_like(sizes, int(ratio)) if ratio >= 1 else (ratio * sizes.float()).ceil().long()
    graph = row_of_each_edge(ptr, score)
    by_score = score.argsort(descending=True, stable=True)
    by_graph = by_score[graph[by_score].argsort(stable=True)]
    place = torch.arange(score.size(0)) - ptr[graph]
    return by_graph[place < wanted[graph]]


def filter_edges_reference(edge_index: Tensor, perm: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
    """The meaning of `filter_edges`."""
    none, places = perm.size(0), torch.arange(perm.size(0))
    place = torch.full((like.size(0),), none).scatter_reduce(0, perm, places, "amin")
    ends = place[edge_index.long()]
    edges = (ends < none).all(0).nonzero().view(-1)
    return ends[:, edges].to(edge_index.dtype), edges


def _fake_graph_ptr(batch: Tensor, like: Tensor | None = None) -> Tensor:
    same_device("graph_ptr", batch=batch, like=like)
    if like is not None:
        return batch.new_empty(like.size(0) + 1)
    # torch.export finds the new size only as a plain size of an output: num_graphs + 1 is the symbol itself
    return batch.new_empty(torch.library.get_ctx().new_dynamic_size(min=1))


def _fake_topk(score: Tensor, ptr: Tensor, ratio: float) -> Tensor:
    same_device("topk", score=score, ptr=ptr)
    return score.new_empty(torch.library.get_ctx().new_dynamic_size(), dtype=torch.long)


def _fake_filter_edges(edge_index: Tensor, perm: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
    same_device("filter_edges", edge_index=edge_index, perm=perm, like=like)
    num_kept = torch.library.get_ctx().new_dynamic_size()
    return edge_index.new_empty(2, num_kept), edge_index.new_empty(num_kept, dtype=torch.long)


torch.library.register_fake("geocompile::graph_ptr", _fake_graph_ptr)
torch.library.register_fake("geocompile::topk", _fake_topk)
torch.library.register_fake("geocompile::filter_edges", _fake_filter_edges)
register(Operator("graph_ptr", graph_ptr_reference, False, ("GraphPtr", "GraphPtrLike"), {"batch": None}))
register(Operator("topk", topk_reference, False, ("GraphTopK",)))
register(
    Operator(
        "filter_edges",
        filter_edges_reference,
        False,
        ("FilterEdges",),
        {"edge_index": "like", "perm": "like"},
    )
)
