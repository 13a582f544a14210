"""What attention layers share: scores without a projection per edge, self-loops in graphs of two sides. Scriptable."""

import torch
from torch import Tensor


def folded(weight: Tensor, att: Tensor) -> Tensor:
    r"""A linear map and the attention vector behind it as one map, ``[heads, in]``.

    :math:`\langle a_h, W_h x \rangle = \langle W_h^\top a_h, x \rangle`: what only serves a score is never projected
    to [*, heads, channels].

    Args:
        weight: ``[heads * channels, in]``.
        att: ``[1, heads, channels]``.
    """
    heads, channels = att.size(1), att.size(2)
    return torch.bmm(att.transpose(0, 1), weight.view(heads, channels, weight.size(1))).squeeze(1)


def edges_with_loops(
    index_i: Tensor, index_j: Tensor, num_loops: int, num_receiving: int
) -> tuple[Tensor, Tensor]:
    """The edges of a bipartite graph, then a loop for each of the first nodes, which both sides have.

    Loops that are there already are sent to row ``num_receiving``, one more than there is, which nobody reads: the
    number of edges does not depend on how many they are.
    """
    loops = torch.arange(num_loops, dtype=index_i.dtype, device=index_i.device)
    others = index_i.masked_fill(index_i == index_j, num_receiving)
    return torch.cat([others, loops]), torch.cat([index_j, loops])


def listed_with_loops(edge_index: Tensor, alpha: Tensor, loop_alpha: Tensor) -> tuple[Tensor, Tensor]:
    """Edges that are no loops, in their order, then node 0's loop, node 1's, ..., and the coefficients of all.

    Args:
        edge_index: ``[2, num_edges]``.
        alpha: ``[num_edges, heads]``, in the order of ``edge_index``.
        loop_alpha: ``[num_loops, heads]``.
    """
    other = edge_index[0] != edge_index[1]
    loops = torch.arange(loop_alpha.size(0), dtype=edge_index.dtype, device=edge_index.device)
    edges = torch.cat([edge_index[:, other], loops.unsqueeze(0).expand(2, -1)], dim=1)
    return edges, torch.cat([alpha[other], loop_alpha])
