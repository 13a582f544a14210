"""The steps of message passing as scriptable functions, called by eager and by generated TorchScript code."""

import torch
from torch import Tensor
from torch.jit import is_scripting  # type: ignore[attr-defined]

from geocompile.custom_ops import batch_ptr, csr_from_coo, gather_segment_reduce, segment_reduce


def ends(flow: str) -> tuple[int, int]:
    """The rows ``(i, j)`` of ``edge_index`` that hold the receiving and the sending node."""
    if flow == "source_to_target":
        return 1, 0
    return 0, 1


def dim_of_nodes(x: Tensor, node_dim: int) -> int:
    """``node_dim`` as a number from 0; of a vector, one value per node, it is 0 whatever ``node_dim`` says."""
    return node_dim if node_dim >= 0 else max(node_dim + x.dim(), 0)


def nodes_first(x: Tensor, node_dim: int) -> Tensor:
    """``x`` with its node dimension moved to the front, where every operator wants it."""
    dim = dim_of_nodes(x, node_dim)
    return x if dim == 0 else x.movedim(dim, 0)


def nodes_back(x: Tensor, node_dim: int) -> Tensor:
    """Undo :func:`nodes_first`."""
    dim = dim_of_nodes(x, node_dim)
    # Copied into order: what follows would ask whether it is in order, and export would fix the answer for one node.
    return x if dim == 0 else x.movedim(0, dim).clone(memory_format=torch.contiguous_format)


def initial_sizes(size: tuple[int, int] | None) -> list[int | None]:
    """The two node counts of ``edge_index``, unknown where ``size`` is not given.

    Raises:
        ValueError: ``size`` does not hold two numbers that are at least 0.
    """
    sizes: list[int | None] = [None, None]
    if size is not None:
        if is_scripting() or not torch.compiler.is_compiling():
            _check_size(size)
        sizes[0], sizes[1] = size[0], size[1]
    return sizes


def _check_size(size: tuple[int, int]) -> None:
    if len(size) != 2 or size[0] < 0 or size[1] < 0:
        raise ValueError(
            f"geocompile.MessagePassing: size must be the number of nodes at edge_index[0] and at edge_index[1], "
            f"got {size}"
        )


def note_size(name: str, sizes: list[int | None], end: int, x: Tensor | None, node_dim: int) -> None:
    """Learn the node count of one end from ``x``, or check it against what is known.

    Raises:
        ValueError: ``x`` has another number of nodes than ``size`` or another argument of ``propagate`` says.
    """
    if x is None:
        return
    known = sizes[end]
    count = x.size(dim_of_nodes(x, node_dim))
    if known is None:
        sizes[end] = count
    elif known != count:
        raise ValueError(
            f"geocompile.MessagePassing: argument {name} of propagate has {count} nodes, "
            f"but size or another argument says {known} for row {end} of edge_index"
        )


def lift(x: Tensor, index: Tensor, node_dim: int) -> Tensor:
    """The rows of ``x`` at one end of every edge; :func:`check_nodes` has looked at the numbers."""
    return x.index_select(dim_of_nodes(x, node_dim), index)


def lift_optional(x: Tensor | None, index: Tensor, node_dim: int) -> Tensor | None:
    """:func:`lift` of features that may be absent."""
    if x is None:
        return None
    return lift(x, index, node_dim)


def end_of(first: Tensor | None, second: Tensor | None, end: int) -> Tensor | None:
    """The element of a pair that belongs to one row of ``edge_index``."""
    if end == 0:
        return first
    return second


def pick_end(name: str, first: Tensor | None, second: Tensor | None, end: int) -> Tensor:
    """The features of one end of a bipartite pair.

    Raises:
        ValueError: the pair has None there.
    """
    x = end_of(first, second, end)
    if x is None:
        raise ValueError(
            f"geocompile.MessagePassing: {name} asks for element {end} of a pair of features that is None; "
            "give features there, or annotate the argument Optional[Tensor]"
        )
    return x


def count_at(sizes: list[int | None], end: int) -> int | None:
    """The node count at one end; an unknown one is taken to equal the other's (a square graph)."""
    count = sizes[end]
    if count is None:
        count = sizes[1 - end]
    return count


def node_counts(sizes: list[int | None], receiving: int, is_counted: bool) -> list[int | None]:
    """What ``sizes`` tell, at the receiving end :func:`count_at` where the result has as many rows."""
    counts = [sizes[0], sizes[1]]
    if is_counted:
        counts[receiving] = count_at(sizes, receiving)
    return counts


def known_count(name: str, sizes: list[int | None], end: int) -> int:
    """:func:`count_at` where it must be known.

    Raises:
        ValueError: no argument tells the number of nodes.
    """
    count = count_at(sizes, end)
    if count is None:
        raise ValueError(
            f"geocompile.MessagePassing: {name} is unknown, since no node features were passed; pass size= to propagate"
        )
    return count


def along_nodes(weight: Tensor, x: Tensor, node_dim: int) -> Tensor:
    """``weight`` [num_edges] shaped so that it multiplies ``x`` along its node dimension."""
    shape = [1] * x.dim()
    shape[dim_of_nodes(x, node_dim)] = -1
    return weight.view(shape)


def group_edges(index_i: Tensor, index_j: Tensor, dim_size: int | None) -> tuple[Tensor, Tensor, Tensor]:
    """Edges sorted by receiving node: ``rowptr`` [num_targets + 1], ``col`` and ``perm`` [num_edges]."""
    if dim_size is None:
        rowptr, perm = batch_ptr(index_i)
        return rowptr, index_j.index_select(0, perm), perm
    rowptr, perm, col = csr_from_coo(index_i, index_i.new_empty((dim_size, 0)), index_j)
    return rowptr, col, perm


def row_of_each(rowptr: Tensor, num_edges: int) -> Tensor:
    """The receiving node of every edge in the order of ``rowptr``, of its dtype."""
    # How many rows end at or before an edge: the compressed rows of the places where they end say it.
    num_ended, _, _ = csr_from_coo(rowptr[1:], rowptr.new_empty((num_edges + 1, 0)))
    return num_ended[1 : num_edges + 1]


def reduce_messages(
    messages: Tensor, index: Tensor, dim_size: int | None, node_dim: int, reduce: str
) -> Tensor:
    """Reduce ``messages`` of the edges that share a value of ``index``; a node without an edge gets 0 (mul: 1)."""
    if dim_size is None:
        rowptr, perm = batch_ptr(index)
    else:
        rowptr, perm, _ = csr_from_coo(index, index.new_empty((dim_size, 0)))
    out = segment_reduce(nodes_first(messages, node_dim), rowptr, perm, reduce)
    return nodes_back(out, node_dim)


def gather_reduce(
    x: Tensor,
    rowptr: Tensor,
    col: Tensor,
    weight: Tensor | None,
    node_dim: int,
    reduce: str,
) -> Tensor:
    """``out[i] = reduce_j weight[e] * x[j]`` over edges in CSR order, without an [edges, features] tensor."""
    out = gather_segment_reduce(nodes_first(x, node_dim), rowptr, col, weight, None, reduce)
    return nodes_back(out, node_dim)
