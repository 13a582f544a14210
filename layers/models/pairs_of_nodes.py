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
    number = _non_edges(taken, ranks)
    return torch.stack([number // max(num_nodes, 1), number % max(num_nodes, 1)]).to(edge_index.dtype)


def sample_non_neighbours(
    edge_index: Tensor, num_nodes: int, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """For each edge (i, j) a node k without an edge (i, k); i itself counts as any other node.

    Returns:
        Which edges have such a node, bool ``[num_edges]``, and a node for each of those that do.
    """
    source = edge_index[0].long()
    taken = (source * num_nodes + edge_index[1].long()).unique()  # type: ignore[no-untyped-call]
    start = torch.searchsorted(taken, source * num_nodes)
    free = num_nodes - (torch.searchsorted(taken, (source + 1) * num_nodes) - start)
    found = free > 0
    source, start, free = source[found], start[found], free[found]
    drawn = torch.rand(free.shape, dtype=torch.float64, generator=generator).to(free.device)
    ranks = source * num_nodes - start + (drawn * free).long()
    return found, _non_edges(taken, ranks) - source * num_nodes


def _non_edges(taken: Tensor, ranks: Tensor) -> Tensor:
    """The numbers of the pairs of those ranks among all that are not ``taken``, which are sorted."""
    before = taken - torch.arange(taken.numel(), device=taken.device)
    return ranks + torch.searchsorted(before, ranks, right=True)


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
