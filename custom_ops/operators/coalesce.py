"""Edges without duplicates, numbers without gaps, and edges under new numbers of their nodes."""

import torch
from torch import Tensor

from geocompile.custom_ops.operators.csr import rows_of
from geocompile.custom_ops.operators.library import same_device
from geocompile.custom_ops.registry import Operator, register


def coalesce(
    edge_index: Tensor,
    edge_attr: Tensor | None = None,
    num_nodes: int | None = None,
    reduce: str = "sum",
    is_sorted: bool = False,
    sort_by_row: bool = True,
) -> tuple[Tensor, Tensor | None]:
    """Sort edges by row, then column, and make one of those that are equal.

    Differs from PyG in the result, which is a pair in any case, so that it scripts; values of equal edges are reduced
    in their order, so that the same input gives the same bits.

    Args:
        edge_index: ``[2, num_edges]`` int64 or int32.
        edge_attr: ``[num_edges, *]`` of the dtypes of `scatter`, or None.
        num_nodes: Number of nodes; None: ``max(edge_index) + 1``.
        reduce: How the values of equal edges become one: ``"sum"``, ``"mean"``, ``"max"``, ``"min"`` or ``"mul"``.
        is_sorted: Accepted as in PyG; sorting takes time in proportion to the edges, sorted or not.
        sort_by_row: Whether rows are sorted first, or columns.

    Returns:
        ``edge_index [2, num_unique]`` and ``edge_attr [num_unique, *]``, None without.

    Raises:
        ValueError: For a wrong dtype, shape, length or reduction.
        IndexError: For a node out of range.

    Source: ``torch_geometric.utils.coalesce``.
    """
    if reduce not in ["sum", "mean", "max", "min", "mul"]:
        raise ValueError(f"geocompile.coalesce: 'reduce' must be sum, mean, max, min or mul, got '{reduce}'")
    if edge_attr is not None:
        _check_attributes(edge_index, edge_attr)
    like = rows_of("coalesce", edge_index, num_nodes)
    keys = edge_index if sort_by_row else edge_index.flip(0)
    unique, ptr, perm = torch.ops.geocompile.coalesce(keys, like)
    unique = unique if sort_by_row else unique.flip(0)
    if edge_attr is None:
        return unique, None
    if edge_attr.is_floating_point():
        return unique, torch.ops.geocompile.segment_reduce(edge_attr, ptr, perm, reduce)
    return unique, torch.ops.geocompile.scatter(edge_attr, _group_of_edge(ptr, perm), unique[0], 0, reduce)


def _check_attributes(edge_index: Tensor, edge_attr: Tensor) -> None:
    if edge_index.dim() == 2 and (edge_attr.dim() == 0 or edge_attr.size(0) != edge_index.size(1)):
        raise ValueError(
            f"geocompile.coalesce: 'edge_attr' must have shape [{edge_index.size(1)}, ...], one row for each edge, got "
            f"{list(edge_attr.shape)}"
        )


def _group_of_edge(ptr: Tensor, perm: Tensor) -> Tensor:
    """Which of the edges that differ each edge is: at a place of `perm`, as many as have ended there."""
    ended = torch.zeros([perm.size(0) + 1], dtype=torch.long, device=perm.device)
    ended = ended.index_add(0, ptr[1:].long(), torch.ones_like(ptr[1:], dtype=torch.long)).cumsum(0)
    return torch.zeros_like(perm).scatter(0, perm.long(), ended[:-1].to(perm.dtype))


def consecutive(ids: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Number the values of a vector: 0 for the smallest, 1 for the next, ...

    PyG's ``consecutive_cluster`` gives the first and, of the third, the last place of each value instead of its first.

    Args:
        ids: ``[count]`` int64 or int32, any values: clusters, voxels.

    Returns:
        ``inverse [count]`` int64, the number of each element's value; ``unique [num_unique]``, dtype of `ids`, the
        values, ascending; ``first [num_unique]`` int64, the lowest place of each.

    Raises:
        ValueError: For a wrong dtype or shape.
    """
    return torch.ops.geocompile.consecutive(ids)  # type: ignore[no-any-return]


def renumber_edges(edge_index: Tensor, number: Tensor) -> Tensor:
    """Edges under other numbers of their nodes: ``out[r, e] = number[edge_index[r, e]]``.

    Args:
        edge_index: ``[2, num_edges]`` int64 or int32.
        number: ``[num_nodes]``, dtype of `edge_index`: the new number of each node, as `consecutive` gives them.

    Returns:
        ``[2, num_edges]``, dtype of `edge_index`.

    Raises:
        ValueError: For a wrong dtype or shape.
        IndexError: For a node out of range; names the first one.
    """
    return torch.ops.geocompile.renumber_edges(edge_index, number)  # type: ignore[no-any-return]


def coalesce_reference(edge_index: Tensor, like: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The meaning of the operator `coalesce`: edges that differ, and which edges are equal to each."""
    keys = edge_index[0].long() * like.size(0) + edge_index[1]
    perm = torch.argsort(keys, stable=True)
    places = torch.unique_consecutive(keys[perm], return_counts=True)[1].cumsum(0)
    ptr = torch.cat([places.new_zeros(1), places])
    return edge_index[:, perm[ptr[:-1]]], ptr.to(edge_index.dtype), perm.to(edge_index.dtype)


def consecutive_reference(ids: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The meaning of `consecutive`."""
    unique, inverse = torch.unique(ids, sorted=True, return_inverse=True)
    places = torch.arange(ids.size(0))
    first = places.new_full((unique.size(0),), ids.size(0)).scatter_reduce(0, inverse, places, "amin")
    return inverse, unique, first


def renumber_edges_reference(edge_index: Tensor, number: Tensor) -> Tensor:
    """The meaning of `renumber_edges`."""
    return number[edge_index]


def _fake_coalesce(edge_index: Tensor, like: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    same_device("coalesce", edge_index=edge_index, like=like)
    num_unique = torch.library.get_ctx().new_dynamic_size()
    unique, ptr = edge_index.new_empty(2, num_unique), edge_index.new_empty(num_unique + 1)
    return unique, ptr, edge_index.new_empty(edge_index.size(1))


def _fake_consecutive(ids: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    num_unique = torch.library.get_ctx().new_dynamic_size()
    inverse = ids.new_empty(ids.size(0), dtype=torch.long)
    return inverse, ids.new_empty(num_unique), ids.new_empty(num_unique, dtype=torch.long)


def _fake_renumber_edges(edge_index: Tensor, number: Tensor) -> Tensor:
    same_device("renumber_edges", edge_index=edge_index, number=number)
    return edge_index.new_empty(2, edge_index.size(1))


torch.library.register_fake("geocompile::coalesce", _fake_coalesce)
torch.library.register_fake("geocompile::consecutive", _fake_consecutive)
torch.library.register_fake("geocompile::renumber_edges", _fake_renumber_edges)
register(Operator("coalesce", coalesce_reference, False, ("Coalesce",), {"edge_index": "like"}))
register(Operator("consecutive", consecutive_reference, False, ("Consecutive",)))
register(
    Operator("renumber_edges", renumber_edges_reference, False, ("RenumberEdges",), {"edge_index": "number"})
)
