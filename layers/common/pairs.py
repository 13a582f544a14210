"""Features at the two ends of a graph's edges: one tensor for both, or a pair for a bipartite graph. Scriptable."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.jit import is_scripting  # type: ignore[attr-defined]

from geocompile.layers.common.checks import check_edge_index, check_pair
from geocompile.layers.common.propagation import count_at, end_of, ends, initial_sizes, note_size, pick_end


class Pair(NamedTuple):
    """The features of both ends, as a layer was given them."""

    source: Tensor  # of the nodes that send
    target: Tensor | None  # of those that receive; of one graph's own nodes the same tensor
    num_receiving: int
    is_pair: bool  # two sides, not one graph's own nodes


def opened(
    layer: str,
    x: Tensor | tuple[Tensor, Tensor | None],
    edge_index: Tensor,
    size: tuple[int, int] | None,
    flow: str,
    sender_first: bool,
    node_dim: int,
) -> Pair:
    """What a layer's ``x`` and ``edge_index`` say: who sends, who receives, how many.

    Raises:
        TypeError, ValueError: ``edge_index`` is none, ``x`` is neither a tensor nor a pair, the sending features are
            None, or sizes contradict each other.
    """
    check_edge_index(layer, edge_index)
    is_pair = not isinstance(x, Tensor)
    if isinstance(x, Tensor):
        x = (x, x)
    if not is_scripting():
        check_pair(layer, x)
    sender = sending_end(flow, sender_first)
    source, target = pick_end("x", x[0], x[1], sender), end_of(x[0], x[1], 1 - sender)
    count = count_receiving(source, target, size, sender, flow, node_dim)
    return Pair(source, target, count, is_pair)


def sending_end(flow: str, sender_first: bool) -> int:
    """Which element of a pair of features sends; the other one receives.

    ``x[k]`` belongs to the nodes of ``edge_index[k]``, except under ``sender_first``: there the sending features come
    first whatever the flow, as in PyG 2.8.1.
    """
    if sender_first:
        return 0
    return ends(flow)[1]


def count_receiving(
    source: Tensor, target: Tensor | None, size: tuple[int, int] | None, sender: int, flow: str, node_dim: int
) -> int:
    """The number of nodes that receive: from ``size``, the features at that end, or else as many as send.

    With ``flow="target_to_source"`` and the sender first, the nodes of ``edge_index[0]`` receive but ``x[0]`` has
    their number, as in PyG 2.8.1: both elements of the pair then need as many rows where :func:`with_own` adds one to
    the result; where edges alone read it, :func:`as_many_rows` brings it to that number.

    Raises:
        ValueError: the features and ``size`` contradict each other.
    """
    sizes = initial_sizes(size)
    note_size("x", sizes, sender, source, node_dim)
    note_size("x", sizes, 1 - sender, target, node_dim)
    count = count_at(sizes, ends(flow)[0])
    assert count is not None  # the sending features have told one of the two
    return count


def as_many_rows(x: Tensor, count: int, flow: str, sender_first: bool) -> Tensor:
    """What the nodes of the result receive with, ``[count, *]``, from that of a pair's receiving element.

    Where :func:`count_receiving` gives another number of nodes than that element has rows, rows are cut off, or
    zeros, which no edge may read, stand for those that are missing.
    """
    if flow == "target_to_source" and sender_first:
        return torch.nn.functional.pad(x, [0, 0] * (x.dim() - 1) + [0, count])[:count]
    return x


def with_own(layer: str, out: Tensor, own: Tensor) -> Tensor:
    """What nodes have from their neighbours and of their own, added; one row of either is added to all, as in PyG.

    Raises:
        ValueError: a pair has not as many rows at both ends where :func:`count_receiving` needs that.
    """
    if is_scripting() or not torch.compiler.is_compiling():
        for size, other in zip(out.shape, own.shape):  # noqa: B905  (TorchScript knows no strict)
            if size != 1 and other != 1:
                check_rows(layer, size, other)
    return out + own


def check_rows(layer: str, num_receiving: int, num_rows: int) -> None:
    """Refuse receiving features that have not as many rows as the result.

    Raises:
        ValueError: they are more or less.
    """
    if num_receiving != num_rows:
        raise ValueError(
            f"geocompile.{layer}: with flow='target_to_source' and sender_first=True both elements of the pair x must "
            f"have as many rows, got {num_receiving} that send and {num_rows} that receive"
        )


def smaller(first: int, second: int) -> int:
    """The smaller of two sizes, without a decision that export would fix."""
    if is_scripting():
        return min(first, second)
    else:  # noqa: RET505  (TorchScript compiles what stands behind a return)
        size: int = torch.sym_min(first, second)  # type: ignore[no-untyped-call]
        return size
