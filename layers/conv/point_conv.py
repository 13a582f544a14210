"""PointConv: a network on each neighbour and where it lies, then the maximum."""

from torch import Tensor

from geocompile.layers.common.points import PointPair, opened_points, points_grouped
from geocompile.layers.conv.point_networks import PointNetworks


class PointConv(PointNetworks):
    r"""The PointNet set layer.

    .. math::
        \mathbf{x}'_i = \gamma_\Theta\left(\max_{j \in \mathcal{N}(i) \cup \{i\}} h_\Theta(\mathbf{x}_j,
        \mathbf{p}_j - \mathbf{p}_i)\right)

    A node counts once among its neighbours, however many self-loops the graph has. Equal to PyG 2.8.1's PointNetConv
    (PointConv), state dict included, except that the constructor leaves the weights of the networks as they are, and
    that of two clouds no node is the other's: there node k of one is a neighbour of node k of the other, as here with
    ``add_self_loops=True``.

    Args:
        local_nn: :math:`h_\Theta`, a module that maps [num_edges, in_channels + dim] to [num_edges, channels]; None:
            the identity.
        global_nn: :math:`\gamma_\Theta`, a module that maps [num_targets, channels] to [num_targets, out_channels];
            None: the identity.
        add_self_loops: every node is its own neighbour; None: where ``pos`` is one tensor.
        aggr: ``"max"``, ``"add"``, ``"mean"``, ``"min"`` or ``"mul"``.
        sender_first: a pair is sending and receiving points whatever the flow, as in PyG 2.8.1; default: element k
            belongs to ``edge_index[k]``.
        flow: as in :class:`MessagePassing`.

    Shapes:
        ``x`` [num_nodes, in_channels], None for no features, or a pair of such, of which only the sending one counts;
        ``pos`` [num_nodes, dim], or a pair ([num_sources, dim], [num_targets, dim]); ``edge_index`` [2, num_edges]
        (int64 or int32); result [num_targets, out_channels].

    Raises:
        TypeError, ValueError: an argument has the wrong type, dtype, shape or device.
        IndexError: a node number is negative or too large.

    Source: Qi et al., "PointNet: deep learning on point sets for 3D classification and segmentation" (2016);
    Qi et al., "PointNet++: deep hierarchical feature learning on point sets in a metric space" (2017).

    >>> import torch
    >>> conv = PointConv()
    >>> pos = torch.tensor([[0.0, 0.0], [1.0, -2.0]])
    >>> conv(torch.tensor([[5.0], [4.0]]), pos, torch.tensor([[1], [0]]))
    tensor([[5., 1., 0.],
            [4., 0., 0.]])
    """

    def forward(
        self,
        x: Tensor | tuple[Tensor | None, Tensor | None] | None,
        pos: Tensor | tuple[Tensor, Tensor],
        edge_index: Tensor,
    ) -> Tensor:
        """The features of every target node after the convolution; see the class for shapes and errors."""
        points: PointPair = opened_points("PointConv", x, pos, edge_index, self.flow, self.sender_first)
        loops = self.add_self_loops
        rowptr, rows, col = points_grouped(
            "PointConv", edge_index, self.flow, points, not points.is_pair if loops is None else loops
        )
        h = points.source.index_select(0, col) - points.target.index_select(0, rows)
        return self._through_networks(points.x, h, rowptr, col)
