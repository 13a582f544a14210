"""Random pairs of nodes that are no edges, drawn uniformly without a matrix of all pairs."""

import torch
from torch import Tensor


def sample_non_edges(
    edge_index: Tensor, num_nodes: int, count: int, generator: torch.Generator | None = None
) -> Tensor:
    """``count`` different ordered pairs, ``[2, count]``, that are not in ``edge_index``; all if there are fewer.

    A pair is known by its number ``row * num_nodes + column``. The number of the r-th pair that is no edge is r plus
    the edges before it, which a binary search among the sorted edges tells. A node with itself counts as a pair.
    """
    device = edge_index.device
    taken = (edge_index[0].long() * num_nodes + edge_index[1].long()).unique()  # type: ignore[no-untyped-call]
    ranks = _distinct(num_nodes * num_nodes - taken.numel(), count, generator).to(device)
    before = taken - torch.arange(taken.numel(), device=device)
    number = ranks + torch.searchsorted(before, ranks, right=True)
    return torch.stack([number // max(num_nodes, 1), number % max(num_nodes, 1)]).to(edge_index.dtype)


def _distinct(total: int, count: int, generator: torch.Generator | None) -> Tensor:
    """``count`` different numbers below ``total``, in random order."""
    count = min(count, total)
    if total <= 4 * count:
        return torch.randperm(total, generator=generator)[:count]
    found = torch.empty(0, dtype=torch.long)
    while found.numel() < count:
        drawn = torch.randint(total, (2 * count,), generator=generator)
        found = torch.cat([found, drawn]).unique()  # type: ignore[no-untyped-call]
    return found[torch.randperm(found.numel(), generator=generator)[:count]]
