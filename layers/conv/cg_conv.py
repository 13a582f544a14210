"""CGConv: neighbours through a gate, both read from the two nodes and their edge."""

import torch
from torch import Tensor
from torch.nn.functional import linear as linear_map

from geocompile.custom_ops import segment_reduce
from geocompile.layers.common.checks import check_matrix, edge_attr_as
from geocompile.layers.common.linear import pair_of_channels
from geocompile.layers.common.node_numbers import sorted_edges
from geocompile.layers.common.pairs import opened, with_own
from geocompile.layers.common.propagation import ends
from geocompile.layers.message_passing import MessagePassing


class CGConv(MessagePassing):
    r"""The crystal graph convolution.

    .. math::
        \mathbf{x}'_i = \mathbf{x}_i + \sum_{j \in \mathcal{N}(i)} \sigma(\mathbf{W}_f \mathbf{z}_{ji} + \mathbf{b}_f)
        \odot \mathrm{softplus}(\mathbf{W}_s \mathbf{z}_{ji} + \mathbf{b}_s), \qquad
        \mathbf{z}_{ji} = [\mathbf{x}_i, \mathbf{x}_j, \mathbf{e}_{ji}]

    Equal to PyG 2.8.1's CGConv, state dict included. What the matrices make of :math:`\mathbf{x}_i` and
    :math:`\mathbf{x}_j` is computed once for each node, so that :math:`\mathbf{z}_{ji}` is never made; the gate, which
    is not linear, needs [num_edges, 2 * channels].

    Args:
        channels: size of the features; a pair for source and target.
        dim: size of the edge features, 0 for none.
        aggr: ``"add"``, ``"mean"``, ``"max"``, ``"min"`` or ``"mul"`` of the neighbours.
        batch_norm: normalise what comes from the neighbours over the batch.
        bias: add the learned biases.
        sender_first: a pair is sending and receiving features whatever the flow, as in PyG 2.8.1; default: ``x[k]``
            belongs to ``edge_index[k]``.
        flow: as in :class:`MessagePassing`.

    Shapes:
        ``x`` [num_nodes, channels] or a pair ([num_sources, channels[0]], [num_targets, channels[1]]),
        ``edge_index`` [2, num_edges] (int64 or int32), ``edge_attr`` [num_edges, dim]; result
        [num_targets, channels[1]].

    Raises:
        TypeError, ValueError: an argument has the wrong type, dtype, shape or device.
        IndexError: a node number is negative or too large.

    Source: Xie and Grossman, "Crystal graph convolutional neural networks for an accurate and interpretable
    prediction of material properties" (2018).

    >>> conv = CGConv(1, bias=False)
    >>> for weight in conv.parameters():
    ...     _ = torch.nn.init.zeros_(weight)
    >>> with torch.no_grad():  # a half times ln 2
    ...     conv(torch.tensor([[1.0], [2.0]]), torch.tensor([[1], [0]]))
    tensor([[1.3466],
            [2.0000]])
    """

    computes_in_forward = True

    def __init__(
        self,
        channels: int | tuple[int, int],
        dim: int = 0,
        aggr: str = "add",
        batch_norm: bool = False,
        bias: bool = True,
        *,
        sender_first: bool = False,
        flow: str = "source_to_target",
    ) -> None:
        super().__init__(aggr, flow, node_dim=0)
        source, target = pair_of_channels("CGConv", channels)
        if min(source, target) < 1 or dim < 0:
            raise ValueError(
                f"geocompile.CGConv: channels must be at least 1 and dim at least 0, got {channels} and {dim}"
            )
        self.channels = channels
        self.dim = dim
        self.batch_norm = batch_norm
        self.sender_first = sender_first
        self.source_channels, self.target_channels = source, target
        self.lin_f = torch.nn.Linear(source + target + dim, target, bias=bias)
        self.lin_s = torch.nn.Linear(source + target + dim, target, bias=bias)
        self.bn = torch.nn.BatchNorm1d(target) if batch_norm else None

    def reset_parameters(self) -> None:
        """Draw both maps as :class:`torch.nn.Linear` does."""
        self.lin_f.reset_parameters()
        self.lin_s.reset_parameters()
        if self.bn is not None:
            self.bn.reset_parameters()

    def forward(
        self,
        x: Tensor | tuple[Tensor, Tensor | None],
        edge_index: Tensor,
        edge_attr: Tensor | None = None,
    ) -> Tensor:
        """The features of every target node after the convolution; see the class for shapes and errors."""
        source, target, count, _ = opened("CGConv", x, edge_index, None, self.flow, self.sender_first, 0)
        if target is None:
            raise ValueError("geocompile.CGConv: x needs the features of the receiving nodes too, got None")
        check_matrix("CGConv", source, edge_index, self.lin_f.weight, self.source_channels)
        check_matrix("CGConv", target, edge_index, self.lin_f.weight, self.target_channels)
        i, _ = ends(self.flow)
        rowptr, col, perm = sorted_edges(
            "CGConv", edge_index, self.flow, source.size(0), count, target.size(0)
        )
        rows = edge_index[i].index_select(0, perm)
        both = self._of_edges(source, target, col, rows)
        attr = self._edge_features(edge_attr, edge_index, source)
        if attr is not None:
            weight = torch.cat([self.lin_f.weight, self.lin_s.weight])[:, self._first_of_edge() :]
            both = both + linear_map(attr, weight).index_select(0, perm)
        gate, value = both.chunk(2, dim=1)
        out = segment_reduce(gate.sigmoid() * torch.nn.functional.softplus(value), rowptr, None, self._reduce)
        if self.bn is not None:
            out = self.bn(out)
        return with_own("CGConv", out, target)

    def _first_of_edge(self) -> int:
        """The column of both weights at which the edge's features begin."""
        return self.source_channels + self.target_channels

    def _of_edges(self, source: Tensor, target: Tensor, col: Tensor, rows: Tensor) -> Tensor:
        """Both maps of what the two nodes have, ``[num_edges, 2 * channels]``; each is applied at the nodes."""
        weight = torch.cat([self.lin_f.weight, self.lin_s.weight])
        bias: Tensor | None = None
        if self.lin_f.bias is not None and self.lin_s.bias is not None:
            bias = torch.cat([self.lin_f.bias, self.lin_s.bias])
        received = linear_map(target, weight[:, : self.target_channels], bias)
        sent = linear_map(source, weight[:, self.target_channels : self._first_of_edge()])
        return received.index_select(0, rows) + sent.index_select(0, col)

    def _edge_features(self, edge_attr: Tensor | None, edge_index: Tensor, x: Tensor) -> Tensor | None:
        if edge_attr is None:
            if self.dim > 0:
                raise ValueError(
                    f"geocompile.CGConv: edge_attr is missing; the layer was made for dim={self.dim} edge features"
                )
            return None
        return edge_attr_as("CGConv", edge_attr, edge_index, x, self.dim)
