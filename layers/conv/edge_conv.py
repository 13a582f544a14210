"""EdgeConv and DynamicEdgeConv: a network on a node and the difference to each of its neighbours."""

import torch
from torch import Tensor
from torch.jit import is_scripting  # type: ignore[attr-defined]

from geocompile.custom_ops import knn, segment_reduce
from geocompile.layers.common.checks import check_count, check_matrix, check_module
from geocompile.layers.common.linear import reset
from geocompile.layers.common.networks import check_network
from geocompile.layers.common.node_numbers import sorted_edges
from geocompile.layers.common.pairs import opened
from geocompile.layers.common.propagation import ends, group_edges
from geocompile.layers.message_passing import MessagePassing


class EdgeConv(MessagePassing):
    r"""The edge convolution.

    .. math::
        \mathbf{x}'_i = \max_{j \in \mathcal{N}(i)} h_\Theta(\mathbf{x}_i \, \Vert \, \mathbf{x}_j - \mathbf{x}_i)

    or with another reduction. Equal to PyG 2.8.1's EdgeConv, state dict included, except that the constructor leaves
    the weights of ``nn`` as they are (there it draws them anew). PyG 1.2.0 aggregated at ``edge_index[0]``. The
    network runs on every edge: [num_edges, 2 * in_channels] is what it is given.

    Args:
        nn: :math:`h_\Theta`, a module that maps [num_edges, 2 * in_channels] to [num_edges, out_channels].
        aggr: ``"max"``, ``"add"``, ``"mean"``, ``"min"`` or ``"mul"``.
        sender_first: a pair is sending and receiving features whatever the flow, as in PyG 2.8.1; default: ``x[k]``
            belongs to ``edge_index[k]``.
        flow: as in :class:`MessagePassing`.

    Shapes:
        ``x`` [num_nodes, in_channels] or a pair ([num_sources, in_channels], [num_targets, in_channels]),
        ``edge_index`` [2, num_edges] (int64 or int32); result [num_targets, out_channels].

    Raises:
        TypeError, ValueError: an argument has the wrong type, dtype, shape or device.
        IndexError: a node number is negative or too large.

    Source: Wang et al., "Dynamic graph CNN for learning on point clouds" (2018).

    >>> conv = EdgeConv(torch.nn.Identity())
    >>> conv(torch.tensor([[1.0], [2.0], [6.0]]), torch.tensor([[1, 2], [0, 0]]))
    tensor([[1., 5.],
            [0., 0.],
            [0., 0.]])
    """

    computes_in_forward = True

    def __init__(
        self,
        nn: torch.nn.Module,
        aggr: str = "max",
        *,
        sender_first: bool = False,
        flow: str = "source_to_target",
    ) -> None:
        super().__init__(aggr, flow, node_dim=0)
        check_module("EdgeConv", "nn", nn)
        self.nn = nn
        self.sender_first = sender_first

    def reset_parameters(self) -> None:
        """Draw the weights of ``nn`` anew."""
        reset(self.nn)

    def forward(self, x: Tensor | tuple[Tensor, Tensor], edge_index: Tensor) -> Tensor:
        """The features of every target node after the convolution; see the class for shapes and errors."""
        source, target, count, _ = opened("EdgeConv", x, edge_index, None, self.flow, self.sender_first, 0)
        if target is None:
            raise ValueError("geocompile.EdgeConv: x needs the features of the receiving nodes too, got None")
        check_matrix("EdgeConv", source, edge_index, source, -1)
        check_matrix("EdgeConv", target, edge_index, source, source.size(1))
        if not is_scripting():
            check_network("EdgeConv", "nn", self.nn, "x", source, 2 * source.size(1))
        i, _ = ends(self.flow)
        rowptr, col, perm = sorted_edges(
            "EdgeConv", edge_index, self.flow, source.size(0), count, target.size(0)
        )
        messages = self.nn(_with_difference(source, target, edge_index[i].index_select(0, perm), col))
        return segment_reduce(messages, rowptr, None, self._reduce)


class DynamicEdgeConv(MessagePassing):
    r""":class:`EdgeConv` on the graph of the k nearest neighbours in feature space, found anew in every call.

    A node is its own nearest neighbour. Equal to PyG 2.8.1's DynamicEdgeConv, state dict included, except that the
    constructor leaves the weights of ``nn`` as they are (there it draws them anew); of nodes at the same distance the
    lower number is nearer.

    Args:
        nn: a module that maps [num_edges, 2 * in_channels] to [num_edges, out_channels].
        k: the number of neighbours; all nodes of a graph that has fewer.
        aggr: ``"max"``, ``"add"``, ``"mean"``, ``"min"`` or ``"mul"``.
        num_workers: accepted as in PyG; the threads are torch's.

    Shapes:
        ``x`` [num_nodes, in_channels] or a pair ([num_sources, in_channels], [num_targets, in_channels]), ``batch``
        [num_nodes] (int64 or int32, ascending) the graph of each node, a pair for a pair; None: one graph;
        result [num_targets, out_channels].

    Raises:
        TypeError, ValueError: an argument has the wrong type, dtype or shape.
        IndexError: a negative graph number.

    Source: Wang et al., "Dynamic graph CNN for learning on point clouds" (2018).

    >>> conv = DynamicEdgeConv(torch.nn.Identity(), k=2)
    >>> conv(torch.tensor([[1.0], [2.0], [6.0]]))
    tensor([[1., 1.],
            [2., 0.],
            [6., 0.]])
    """

    computes_in_forward = True

    def __init__(self, nn: torch.nn.Module, k: int, aggr: str = "max", num_workers: int = 1) -> None:
        super().__init__(aggr, node_dim=0)
        check_module("DynamicEdgeConv", "nn", nn)
        check_count("DynamicEdgeConv", "k", k, 1)
        self.nn = nn
        self.k = k
        self.num_workers = num_workers

    def reset_parameters(self) -> None:
        """Draw the weights of ``nn`` anew."""
        reset(self.nn)

    def forward(
        self,
        x: Tensor | tuple[Tensor, Tensor],
        batch: Tensor | tuple[Tensor | None, Tensor | None] | None = None,
    ) -> Tensor:
        """The features of every target node after the convolution; see the class for shapes and errors."""
        source, target = (x, x) if isinstance(x, Tensor) else (x[0], x[1])
        if not is_scripting():
            check_network("DynamicEdgeConv", "nn", self.nn, "x", source, 2 * source.size(-1))
        source_graph: Tensor | None = None
        target_graph: Tensor | None = None
        if isinstance(batch, Tensor):
            source_graph, target_graph = batch, batch
        elif batch is not None:
            source_graph, target_graph = batch[0], batch[1]
        pairs = knn(source, target, self.k, source_graph, target_graph)
        rowptr, col, _ = group_edges(pairs[0], pairs[1], target.size(0))
        return segment_reduce(
            self.nn(_with_difference(source, target, pairs[0], col)), rowptr, None, self._reduce
        )


def _with_difference(source: Tensor, target: Tensor, rows: Tensor, col: Tensor) -> Tensor:
    """``[num_edges, 2 * in_channels]``: the receiving node, and how the sending one differs from it."""
    own = target.index_select(0, rows)
    return torch.cat([own, source.index_select(0, col) - own], dim=1)
