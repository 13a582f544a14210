"""Node numbers that do not exist: refused by the layer, which knows what they number. Scriptable.

The operators refuse them too, naming themselves and their own arguments; a captured program leaves it to them, and so
does a GPU, where a look at values waits for all work that is queued.
"""

import torch
from torch import Tensor
from torch.jit import is_scripting  # type: ignore[attr-defined]

from geocompile.layers.common.propagation import ends, group_edges


def check_numbers(layer: str, name: str, numbers: Tensor, count: int) -> None:
    """Refuse numbers of nodes, relations, ... outside ``[0, count)``.

    Raises:
        IndexError: with the value that is wrong.
    """
    if is_scripting() or not torch.compiler.is_compiling():
        _check_values(layer, name, numbers, count)


def _check_values(layer: str, name: str, numbers: Tensor, count: int) -> None:
    if numbers.device.type != "cpu" or numbers.numel() == 0:
        return
    low, high = _range(numbers) if is_scripting() else _range_or_nothing(numbers)
    if low < 0 or high >= count:
        raise IndexError(
            f"geocompile.{layer}: {name} holds {low if low < 0 else high}, but its values must lie in [0, {count})"
        )


def _range(numbers: Tensor) -> tuple[int, int]:
    smallest, largest = torch.aminmax(numbers)
    return int(smallest), int(largest)


def _range_or_nothing(numbers: Tensor) -> tuple[int, int]:
    """A range that is right anywhere for a tensor without values: fake, or traced by ``make_fx`` or ``vmap``."""
    try:
        return _range(numbers)
    except RuntimeError:
        return 0, -1


def check_nodes(layer: str, name: str, edge_index: Tensor, sizes: list[int | None]) -> None:
    """:func:`check_numbers` of both rows of ``edge_index``, whose node counts are ``sizes``, None where unknown.

    Raises:
        IndexError: a node number is negative or too large.
    """
    if is_scripting() or not torch.compiler.is_compiling():
        first, second = sizes[0], sizes[1]
        if first is not None and second is not None and first == second:
            _check_values(layer, name, edge_index, first)
            return
        if first is not None:
            _check_values(layer, name, edge_index[0], first)
        if second is not None:
            _check_values(layer, name, edge_index[1], second)


def check_ends(
    layer: str,
    name: str,
    edge_index: Tensor,
    flow: str,
    num_sending: int,
    num_receiving: int,
    num_read: int | None = None,
) -> None:
    """:func:`check_nodes` of the nodes that send and receive; see :func:`sorted_edges` for the arguments."""
    if is_scripting() or not torch.compiler.is_compiling():
        sizes: list[int | None] = [num_sending, num_sending]
        sizes[ends(flow)[0]] = num_receiving if num_read is None else min(num_read, num_receiving)
        check_nodes(layer, name, edge_index, sizes)


def sorted_edges(
    layer: str,
    edge_index: Tensor,
    flow: str,
    num_sending: int,
    num_receiving: int,
    num_read: int | None = None,
    name: str = "edge_index",
) -> tuple[Tensor, Tensor, Tensor]:
    """Edges by receiving node, as :func:`group_edges` gives them, their node numbers looked at before.

    Args:
        layer: for messages.
        edge_index: ``[2, num_edges]``.
        flow: which row sends.
        num_sending: number of nodes that send.
        num_receiving: number of nodes that receive.
        num_read: how many of these have features that an edge reads; None: all.
        name: what the layer calls ``edge_index``.

    Raises:
        IndexError: a node number is negative or too large.
    """
    i, j = ends(flow)
    check_ends(layer, name, edge_index, flow, num_sending, num_receiving, num_read)
    return group_edges(edge_index[i], edge_index[j], num_receiving)
