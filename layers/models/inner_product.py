"""InnerProductDecoder: an edge is as probable as its ends' embeddings are alike."""

import torch
from torch import Tensor

from geocompile.layers.common.checks import check_edge_index
from geocompile.layers.common.node_numbers import check_numbers


class InnerProductDecoder(torch.nn.Module):
    r"""Edge probabilities of embeddings, :math:`\sigma(\mathbf{Z} \mathbf{Z}^\top)`.

    Equal to PyG 2.8.1's InnerProductDecoder.

    Source: Kipf and Welling, "Variational graph auto-encoders" (2016).

    >>> z = torch.tensor([[1.0, 0.0], [0.0, 1.0], [2.0, 0.0]])
    >>> InnerProductDecoder()(z, torch.tensor([[0, 0], [1, 2]]), sigmoid=False)
    tensor([0., 2.])
    """

    def forward(self, z: Tensor, edge_index: Tensor, sigmoid: bool = True) -> Tensor:
        r"""The probability :math:`\sigma(\mathbf{z}_i^\top \mathbf{z}_j)` of each pair of nodes.

        Args:
            z: ``[num_nodes, channels]``.
            edge_index: ``[2, num_pairs]`` int64 or int32.
            sigmoid: False: the products themselves.

        Returns:
            ``[num_pairs]``.

        Raises:
            TypeError, ValueError: ``edge_index`` has the wrong dtype or shape, ``z`` is no matrix.
            IndexError: a node number is out of range.
        """
        check_edge_index("InnerProductDecoder", edge_index)
        _check_embeddings(z)
        check_numbers("InnerProductDecoder", "edge_index", edge_index, z.size(0))
        value = (z.index_select(0, edge_index[0]) * z.index_select(0, edge_index[1])).sum(dim=1)
        return torch.sigmoid(value) if sigmoid else value

    @torch.jit.export
    def forward_all(self, z: Tensor, sigmoid: bool = True) -> Tensor:
        """The probability of every pair of nodes, ``[num_nodes, num_nodes]``; arguments as in :meth:`forward`."""
        _check_embeddings(z)
        value = torch.matmul(z, z.t())
        return torch.sigmoid(value) if sigmoid else value


def _check_embeddings(z: Tensor) -> None:
    if z.dim() != 2:
        raise ValueError(
            f"geocompile.InnerProductDecoder: z must have shape [num_nodes, channels], got {list(z.shape)}"
        )
