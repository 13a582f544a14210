"""The spectrum of a signed graph."""

import torch
from torch import Tensor

_ITERATIONS = 128  # as many as PyG asks scikit-learn for
_OVERSAMPLED = 10


def spectral_features(
    pos_edge_index: Tensor, neg_edge_index: Tensor, num_nodes: int | None, count: int
) -> Tensor:
    """See :meth:`SignedGCN.create_spectral_features`."""
    edges = torch.cat([pos_edge_index, neg_edge_index], dim=1).long().cpu()
    if num_nodes is None:
        num_nodes = int(edges.max()) + 1 if edges.numel() else 0
    if count > num_nodes:
        raise ValueError(
            f"geocompile.SignedGCN: {num_nodes} nodes have no {count} spectral features; "
            "in_channels must be at most the number of nodes"
        )
    if edges.numel() and (int(edges.min()) < 0 or int(edges.max()) >= num_nodes):
        raise IndexError(
            f"geocompile.SignedGCN: node numbers must be from 0 to {num_nodes - 1}, "
            f"got {int(edges.min())} to {int(edges.max())}"
        )
    signs = signs_of(edges, pos_edge_index.size(1), num_nodes)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        size = min(num_nodes, count + _OVERSAMPLED)
        vectors = torch.svd_lowrank(signs, q=size, niter=_ITERATIONS)[2][:, :count]
    largest = vectors.gather(0, vectors.abs().argmax(dim=0, keepdim=True))
    return (vectors * largest.sign()).float().to(pos_edge_index.device)


def signs_of(edges: Tensor, num_positive: int, num_nodes: int) -> Tensor:
    """The symmetric sparse matrix: the sum of 2 for friends and 0 for foes, minus 1, where there are any."""
    value = torch.zeros(edges.size(1), dtype=torch.float64)
    value[:num_positive] = 2
    index, value = torch.cat([edges, edges.flip(0)], dim=1), torch.cat([value, value])
    shape = (num_nodes, num_nodes)
    signs = torch.sparse_coo_tensor(index, value, shape, check_invariants=False).coalesce()
    signs.values().sub_(1)
    return signs
