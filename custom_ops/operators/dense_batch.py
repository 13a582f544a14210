"""A batch of graphs as one dense tensor: a row of slots for each graph, its nodes in the first of them; and back."""

from typing import Any

import torch
from torch import Tensor

from geocompile.custom_ops.operators.csr import row_of_each_edge
from geocompile.custom_ops.operators.library import same_device
from geocompile.custom_ops.operators.selection import graph_ptr
from geocompile.custom_ops.registry import Operator, register

_ops = torch.ops.geocompile


def to_dense_batch(
    x: Tensor,
    batch: Tensor | None = None,
    fill_value: float = 0.0,
    max_num_nodes: int | None = None,
    batch_size: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Node features of a batch of graphs as ``dense[g, s] = x[i]``, node i being the s-th of graph g.

    Args:
        x: ``[num_nodes, *]`` float32, float64, float16, bfloat16, int32 or int64.
        batch: ``[num_nodes]`` int64 or int32, sorted, the graph of each node; None: all nodes are one graph.
        fill_value: What a slot without a node holds.
        max_num_nodes: The number of slots of a graph; nodes beyond it are left out. None: the largest graph's.
        batch_size: The number of graphs; None: ``max(batch) + 1``.

    Returns:
        ``dense [batch_size, max_num_nodes, *]``, dtype of `x`, and ``mask [batch_size, max_num_nodes]``, bool: which
        slots have a node.

    Raises:
        ValueError: For a wrong dtype or shape, or a batch vector that is not sorted.
        IndexError: For a graph number that is negative or not below `batch_size`.

    Source: ``torch_geometric.utils.to_dense_batch``.
    """
    if x.dim() == 0:
        raise ValueError("geocompile.to_dense_batch: 'x' must have at least one dimension, got a scalar")
    if max_num_nodes is not None and max_num_nodes < 0:
        raise ValueError(
            f"geocompile.to_dense_batch: 'max_num_nodes' must not be negative, got {max_num_nodes}"
        )
    ptr = _ptr_of(x, batch, batch_size)
    slots = _ops.slots(ptr, x) if max_num_nodes is None else x.new_empty([max_num_nodes, 0])
    dense = _ops.to_dense(x, ptr, slots, fill_value)  # which refuses what does not fit into memory
    numbers = torch.arange(dense.size(1), device=x.device)
    return dense, numbers < ptr.diff().unsqueeze(1)


def from_dense_batch(dense: Tensor, batch: Tensor) -> Tensor:
    """`to_dense_batch` undone: ``x[i] = dense[g, s]``, node i being the s-th of graph g; 0 where there is no such slot.

    Args:
        dense: ``[num_graphs, num_slots, *]`` float32, float64, float16, bfloat16, int32 or int64.
        batch: ``[num_nodes]`` int64 or int32, sorted, the graph of each node.

    Returns:
        ``[num_nodes, *]``, dtype of `dense`.

    Raises:
        ValueError: For a wrong dtype or shape, or a batch vector that is not sorted.
        IndexError: For a graph number that is negative or that `dense` has not.
    """
    return _ops.from_dense(dense, graph_ptr(batch, dense), batch)  # type: ignore[no-any-return]


def slots(ptr: Tensor, like: Tensor) -> Tensor:
    """``[0, 1, ...]``, one number for each node of the largest graph: the slots that a dense batch needs.

    Args:
        ptr: ``[num_graphs + 1]`` int64 or int32, where each graph begins; from `graph_ptr`.
        like: ``[num_nodes, *]``, any dtype; only its first size is used.

    Returns:
        ``[num_slots]`` int64.

    Raises:
        ValueError: For a wrong dtype or shape.
        IndexError: For a `ptr` that falls, or does not end at the number of nodes.
    """
    return _ops.slots(ptr, like)  # type: ignore[no-any-return]


def to_dense(x: Tensor, ptr: Tensor, slots: Tensor, fill_value: float = 0.0) -> Tensor:
    """``dense[g, s] = x[ptr[g] + s]`` for the nodes of graph g, `fill_value` in the slots that are left.

    Args:
        x: ``[num_nodes, *]`` float32, float64, float16, bfloat16, int32 or int64.
        ptr: ``[num_graphs + 1]`` int64 or int32, where each graph begins; from `graph_ptr`.
        slots: ``[num_slots, *]``, any dtype; only its first size is used. Nodes beyond it are left out.
        fill_value: What a slot without a node holds.

    Returns:
        ``[num_graphs, num_slots, *]``, dtype of `x`.

    Raises:
        ValueError: For a wrong dtype or shape.
        IndexError: For a `ptr` that falls, or does not end at the number of nodes.
    """
    return _ops.to_dense(x, ptr, slots, fill_value)  # type: ignore[no-any-return]


def from_dense(dense: Tensor, ptr: Tensor, like: Tensor) -> Tensor:
    """`to_dense` undone: ``x[ptr[g] + s] = dense[g, s]``; a node without a slot gets 0.

    Args:
        dense: ``[num_graphs, num_slots, *]`` float32, float64, float16, bfloat16, int32 or int64.
        ptr: ``[num_graphs + 1]`` int64 or int32, where each graph begins; from `graph_ptr`.
        like: ``[num_nodes, *]``, any dtype; only its first size is used.

    Returns:
        ``[num_nodes, *]``, dtype of `dense`.

    Raises:
        ValueError: For a wrong dtype or shape.
        IndexError: For a `ptr` that falls, or does not end at the number of nodes.
    """
    return _ops.from_dense(dense, ptr, like)  # type: ignore[no-any-return]


def _ptr_of(x: Tensor, batch: Tensor | None, batch_size: int | None) -> Tensor:
    if batch_size is not None and batch_size < 0:
        raise ValueError(f"geocompile.to_dense_batch: 'batch_size' must not be negative, got {batch_size}")
    if batch is None:
        if batch_size is None:
            return torch.arange(2, device=x.device) * x.size(0)
        if batch_size == 0:
            raise ValueError(
                "geocompile.to_dense_batch: without 'batch' there is one graph, got a 'batch_size' of 0"
            )
        batch = torch.zeros(x.size(0), dtype=torch.long, device=x.device)
    if batch.dim() != 1 or batch.size(0) != x.size(0):
        raise ValueError(
            f"geocompile.to_dense_batch: 'batch' must have shape [{x.size(0)}], one graph number for each node of "
            f"'x', got {list(batch.shape)}"
        )
    return graph_ptr(batch, None if batch_size is None else batch.new_empty([batch_size, 0]))


def slots_reference(ptr: Tensor, like: Tensor) -> Tensor:
    """The meaning of `slots`."""
    return torch.arange(int(ptr.diff().max()) if ptr.size(0) > 1 else 0)


def to_dense_reference(x: Tensor, ptr: Tensor, slots: Tensor, fill_value: float = 0.0) -> Tensor:
    """The meaning of `to_dense`."""
    graph = row_of_each_edge(ptr, x)
    slot = torch.arange(x.size(0)) - ptr[graph]
    dense = x.new_full((ptr.size(0) - 1, slots.size(0), *x.shape[1:]), fill_value)
    fits = slot < slots.size(0)
    return dense.index_put((graph[fits], slot[fits]), x[fits])


def from_dense_reference(dense: Tensor, ptr: Tensor, like: Tensor) -> Tensor:
    """The meaning of `from_dense`."""
    graph = row_of_each_edge(ptr, like)
    slot = torch.arange(like.size(0)) - ptr[graph]
    fits = slot < dense.size(1)
    x = dense.new_zeros(like.size(0), *dense.shape[2:])
    return x.index_put((fits.nonzero().view(-1),), dense[graph[fits], slot[fits]])


def _save_to_dense(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, ptr, _slots, _fill_value = inputs
    ctx.save_for_backward(ptr, x.new_empty(x.size(0), 0))


def _to_dense_backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    ptr, like = ctx.saved_tensors
    return _ops.from_dense(grad, ptr, like), None, None, None


def _save_from_dense(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    dense, ptr, _like = inputs
    ctx.save_for_backward(ptr, dense.new_empty(dense.size(1), 0))


def _from_dense_backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    ptr, slots = ctx.saved_tensors
    return _ops.to_dense(grad, ptr, slots), None, None


def _fake_slots(ptr: Tensor, like: Tensor) -> Tensor:
    same_device("slots", ptr=ptr, like=like)
    return ptr.new_empty(torch.library.get_ctx().new_dynamic_size(), dtype=torch.long)


def _fake_to_dense(x: Tensor, ptr: Tensor, slots: Tensor, fill_value: float = 0.0) -> Tensor:
    same_device("to_dense", x=x, ptr=ptr, slots=slots)
    return x.new_empty([ptr.size(0) - 1, slots.size(0), *x.shape[1:]])


def _fake_from_dense(dense: Tensor, ptr: Tensor, like: Tensor) -> Tensor:
    same_device("from_dense", dense=dense, ptr=ptr, like=like)
    return dense.new_empty([like.size(0), *dense.shape[2:]])


torch.library.register_fake("geocompile::slots", _fake_slots)
torch.library.register_fake("geocompile::to_dense", _fake_to_dense)
torch.library.register_fake("geocompile::from_dense", _fake_from_dense)
torch.library.register_autograd("geocompile::to_dense", _to_dense_backward, setup_context=_save_to_dense)
torch.library.register_autograd(
    "geocompile::from_dense", _from_dense_backward, setup_context=_save_from_dense
)
register(Operator("slots", slots_reference, False, ("Slots",)))
register(Operator("to_dense", to_dense_reference, True, ("ToDense",)))
register(Operator("from_dense", from_dense_reference, True, ("FromDense",)))
