"""dense_diff_pool: graphs made smaller by a learned soft assignment of nodes to clusters."""

import torch
from torch import Tensor

from geocompile.layers.common.precision import widened
from geocompile.layers.dense.batches import as_batch, as_mask


def dense_diff_pool(
    x: Tensor, adj: Tensor, s: Tensor, mask: Tensor | None = None, normalize: bool = True
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    r"""Differentiable pooling of a batch of dense graphs.

    .. math::
        \mathbf{X}' &= \mathbf{P}^\top \mathbf{X}, \qquad
        \mathbf{A}' = \mathbf{P}^\top \mathbf{A} \mathbf{P}, \qquad \mathbf{P} = \mathrm{softmax}(\mathbf{S}) \\
        \mathcal{L}_{LP} &= \frac{\|\mathbf{A} - \mathbf{P} \mathbf{P}^\top\|_F}{B N^2}, \qquad
        \mathcal{L}_E = \frac{1}{B N} \sum_{n} H(\mathbf{P}_n)

    where the norm is that of the whole batch, and a masked node has a row of zeros in **P** and counts in N. Equal to
    PyG 2.8.1's function. The losses of no nodes are NaN.

    Args:
        x: ``[batch_size, num_nodes, channels]``, or a single graph ``[num_nodes, channels]``.
        adj: ``[batch_size, num_nodes, num_nodes]`` or ``[num_nodes, num_nodes]``.
        s: ``[batch_size, num_nodes, num_clusters]`` or ``[num_nodes, num_clusters]``, before the softmax.
        mask: ``[batch_size, num_nodes]``, 1 for each node that is there; None: all are.
        normalize: divide the first loss by the number of elements of ``adj``, as PyG 1.2.0 and 2.8.1 do; the documents
            of both write the norm alone.

    Returns:
        :math:`\mathbf{X}'` [batch_size, num_clusters, channels], :math:`\mathbf{A}'` [batch_size, num_clusters,
        num_clusters], :math:`\mathcal{L}_{LP}` and :math:`\mathcal{L}_E`.

    Raises:
        TypeError: an argument is not of floating-point dtype.
        ValueError: a shape does not fit.

    Source: Ying et al., "Hierarchical graph representation learning with differentiable pooling" (2018).

    >>> one_cluster_each = 1000 * torch.eye(2)
    >>> x, adj, link_loss, entropy = dense_diff_pool(torch.tensor([[1.0], [2.0]]), torch.eye(2), one_cluster_each)
    >>> x, link_loss, entropy
    (tensor([[[1.],
             [2.]]]), tensor(0.), tensor(0.))
    """
    x, adj, s = (
        as_batch("dense_diff_pool", "x", x),
        as_batch("dense_diff_pool", "adj", adj),
        as_batch("dense_diff_pool", "s", s),
    )
    if adj.size(1) != adj.size(2) or x.shape[:2] != adj.shape[:2] or s.shape[:2] != adj.shape[:2]:
        raise ValueError(
            "geocompile.dense_diff_pool: x, adj and s must have shapes [batch_size, num_nodes, channels], "
            "[batch_size, num_nodes, num_nodes] and [batch_size, num_nodes, num_clusters], "
            f"got {list(x.shape)}, {list(adj.shape)} and {list(s.shape)}"
        )
    s = s.softmax(dim=-1)
    if mask is not None:
        kept = as_mask("dense_diff_pool", mask, x)
        x, s = x * kept, s * kept
    clusters = s.transpose(1, 2)
    out, out_adj = torch.bmm(clusters, x), torch.bmm(torch.bmm(clusters, adj), s)
    link_loss = torch.linalg.vector_norm(adj - torch.bmm(s, clusters))
    if normalize:
        link_loss = link_loss / adj.numel()
    wide = widened(s)
    # PyG adds 1e-15 to what it takes the logarithm of; runtimes take that sum for one with 0 and leave it out.
    terms = -wide * torch.log(wide.clamp(min=1e-15))
    entropy = (terms.sum() / (s.size(0) * s.size(1))).to(s.dtype)
    return out, out_adj, link_loss, entropy
