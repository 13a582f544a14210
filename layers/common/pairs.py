"""Features at the two ends of a graph's edges: one tensor for both, or a pair for a bipartite graph. Scriptable."""

import torch
from torch import Tensor
from torch.jit import is_scripting  # type: ignore[attr-defined]

from geocompile.layers.common.propagation import count_at, ends, initial_sizes, note_size


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
    their number, as in PyG 2.8.1: both elements of the pair then need as many rows.

    Raises:
        ValueError: the features and ``size`` contradict each other.
    """
    sizes = initial_sizes(size)
    note_size("x", sizes, sender, source, node_dim)
    note_size("x", sizes, 1 - sender, target, node_dim)
    count = count_at(sizes, ends(flow)[0])
    assert count is not None  # the sending features have told one of the two
    return count


def smaller(first: int, second: int) -> int:
    """The smaller of two sizes, without a decision that export would fix."""
    if is_scripting():
        return min(first, second)
    else:  # noqa: RET505  (TorchScript compiles what stands behind a return)
        size: int = torch.sym_min(first, second)  # type: ignore[no-untyped-call]
        return size
