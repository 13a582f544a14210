"""PPFConv: a network on each neighbour and how two oriented points lie to each other, then the maximum."""

import torch
from torch import Tensor

from geocompile.layers.common.points import PointPair, opened_points, other_side, points_grouped
from geocompile.layers.conv.point_networks import PointNetworks


class PPFConv(PointNetworks):
    r"""The PPFNet operator.

    .. math::
        \mathbf{x}'_i = \gamma_\Theta\left(\max_{j \in \mathcal{N}(i) \cup \{i\}} h_\Theta(\mathbf{x}_j, \|\mathbf{d}\|,
        \angle(\mathbf{n}_i, \mathbf{d}), \angle(\mathbf{n}_j, \mathbf{d}), \angle(\mathbf{n}_i, \mathbf{n}_j))\right),
        \qquad \mathbf{d} = \mathbf{p}_j - \mathbf{p}_i

    with :math:`\angle(\mathbf{a}, \mathbf{b}) = \mathrm{atan2}(\|\mathbf{a} \times \mathbf{b}\|, \mathbf{a} \cdot
    \mathbf{b})` in [0, π], 0 where a vector is zero. A node counts once among its neighbours, however many self-loops
    the graph has. Equal to PyG 2.8.1's PPFConv, state dict included, except that the constructor leaves the weights of
    the networks as they are, that ``norm`` is called ``normal`` there, and that of two clouds no node is the other's:
    there node k of one is a neighbour of node k of the other, as here with ``add_self_loops=True``.

    Args:
        local_nn: :math:`h_\Theta`, a module that maps [num_edges, in_channels + 4] to [num_edges, channels]; None: the
            identity.
        global_nn: :math:`\gamma_\Theta`, a module that maps [num_targets, channels] to [num_targets, out_channels];
            None: the identity.
        add_self_loops: every node is its own neighbour; None: where ``pos`` is one tensor.
        aggr: ``"max"``, ``"add"``, ``"mean"``, ``"min"`` or ``"mul"``.
        sender_first: a pair is sending and receiving points whatever the flow, as in PyG 2.8.1; default: element k
            belongs to ``edge_index[k]``.
        flow: as in :class:`MessagePassing`.

    Shapes:
        ``x`` [num_nodes, in_channels], None for no features, or a pair of such, of which only the sending one counts;
        ``pos`` and ``norm`` [num_nodes, 3], or a pair ([num_sources, 3], [num_targets, 3]); ``edge_index``
        [2, num_edges] (int64 or int32); result [num_targets, out_channels].

    Raises:
        TypeError, ValueError: an argument has the wrong type, dtype, shape or device.
        IndexError: a node number is negative or too large.

    Source: Deng et al., "PPFNet: global context aware local features for robust 3D point matching" (2018).

    >>> conv = PPFConv()
    >>> pos, norm = torch.tensor([[0.0, 0.0, 0.0], [0.0, 3.0, 4.0]]), torch.tensor([[1.0, 0.0, 0.0]] * 2)
    >>> conv(None, pos, norm, torch.tensor([[1], [0]]))
    tensor([[5.0000, 1.5708, 1.5708, 0.0000],
            [0.0000, 0.0000, 0.0000, 0.0000]])
    """

    def forward(
        self,
        x: Tensor | tuple[Tensor | None, Tensor | None] | None,
        pos: Tensor | tuple[Tensor, Tensor],
        norm: Tensor | tuple[Tensor, Tensor],
        edge_index: Tensor,
    ) -> Tensor:
        """The features of every target node after the convolution; see the class for shapes and errors."""
        points: PointPair = opened_points("PPFConv", x, pos, edge_index, self.flow, self.sender_first)
        if points.source.size(1) != 3:
            raise ValueError(
                f"geocompile.PPFConv: pos must have shape [num_nodes, 3], got {list(points.source.shape)}"
            )
        sent, received = other_side("PPFConv", "norm", norm, points, self.flow, self.sender_first)
        loops = self.add_self_loops
        rowptr, rows, col = points_grouped(
            "PPFConv", edge_index, self.flow, points, not points.is_pair if loops is None else loops
        )
        h = point_pair_features(
            points.source.index_select(0, col) - points.target.index_select(0, rows),
            received.index_select(0, rows),
            sent.index_select(0, col),
        )
        return self._through_networks(points.x, h, rowptr, col)


def point_pair_features(d: Tensor, normal_i: Tensor, normal_j: Tensor) -> Tensor:
    """``[num_edges, 4]``: the length of ``d`` [num_edges, 3] and the angles between it and the normals."""
    length = d.norm(p=2, dim=1)
    return torch.stack([length, _angle(normal_i, d), _angle(normal_j, d), _angle(normal_i, normal_j)], dim=1)


def _angle(a: Tensor, b: Tensor) -> Tensor:
    """Between rows, in [0, π]. Of a zero vector it is 0, of either sign: atan2(0, -0) were π, and has no gradient."""
    height, along = _cross(a, b).norm(p=2, dim=1), (a * b).sum(1)
    return torch.atan2(height, along.masked_fill((height == 0) & (along == 0), 1.0))


def _cross(a: Tensor, b: Tensor) -> Tensor:
    first, second = a[:, [1, 2, 0]], a[:, [2, 0, 1]]
    return first * b[:, [2, 0, 1]] - second * b[:, [1, 2, 0]]
