"""ResGatedGraphConv: neighbours' features pass a gate for each feature."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.jit import is_scripting  # type: ignore[attr-defined]
from torch.nn.functional import linear as linear_map

from geocompile.custom_ops import segment_reduce
from geocompile.layers.common.attention import check_matrix
from geocompile.layers.common.checks import edge_attr_as
from geocompile.layers.common.linear import infer_size, linear, pair_of_channels
from geocompile.layers.common.node_numbers import sorted_edges
from geocompile.layers.common.pairs import opened
from geocompile.layers.common.propagation import ends
from geocompile.layers.message_passing import MessagePassing


class ResGatedGraphConv(MessagePassing):
    r"""The residual gated graph convolutional operator.

    .. math::
        \mathbf{x}'_i = \mathbf{W}_1 \mathbf{x}_i + \sum_{j \in \mathcal{N}(i)} \sigma\left(\mathbf{W}_3
        [\mathbf{x}_i, \mathbf{e}_{ji}] + \mathbf{W}_4 [\mathbf{x}_j, \mathbf{e}_{ji}]\right) \odot \mathbf{W}_2
        [\mathbf{x}_j, \mathbf{e}_{ji}] + \mathbf{b}

    where :math:`\mathbf{W}_2, \mathbf{W}_3, \mathbf{W}_4` have biases of their own, and :math:`\mathbf{e}_{ji}` is
    left out without ``edge_dim``. Equal to PyG 2.8.1's ResGatedGraphConv, state dict included.

    The maps of nodes are taken at the nodes. Since every feature of every edge has its gate, there are tensors of shape
    [num_edges, out_channels].

    Args:
        in_channels: size of the input features, -1 to take it from the first input; a pair for source and target.
        out_channels: size of the output features.
        act: :math:`\sigma`, a module or a function that TorchScript compiles.
        edge_dim: size of the edge features; None: there are none.
        root_weight: False: no :math:`\mathbf{W}_1 \mathbf{x}_i`.
        bias: add :math:`\mathbf{b}`.
        aggr: in place of the sum: ``"mean"``, ``"max"``, ``"min"`` or ``"mul"``.
        sender_first: a pair is sending and receiving features whatever the flow, as in PyG 2.8.1; default: ``x[k]``
            belongs to ``edge_index[k]``.
        flow: as in :class:`MessagePassing`.

    Shapes:
        ``x`` [num_nodes, in_channels] (float32, float64, float16 or bfloat16) or a pair
        ([num_sources, in_channels[0]], [num_targets, in_channels[1]]), ``edge_index`` [2, num_edges] (int64 or int32),
        ``edge_attr`` [num_edges, edge_dim], given if and only if there is an ``edge_dim``; result
        [num_targets, out_channels].

    Raises:
        TypeError, ValueError: an argument has the wrong type, dtype, shape or device.
        IndexError: a node number is negative or too large.

    Source: Bresson and Laurent, "Residual gated graph ConvNets" (2017).

    >>> conv = ResGatedGraphConv(1, 1)
    >>> for weight in conv.parameters():
    ...     _ = torch.nn.init.zeros_(weight)
    >>> _ = torch.nn.init.ones_(conv.lin_value.weight)
    >>> with torch.no_grad():  # every gate is half open
    ...     conv(torch.tensor([[1.0], [2.0], [6.0]]), torch.tensor([[1, 2], [0, 0]]))
    tensor([[4.],
            [0.],
            [0.]])
    """

    computes_in_forward = True

    def __init__(
        self,
        in_channels: int | tuple[int, int],
        out_channels: int,
        act: Callable[[Tensor], Tensor] = torch.sigmoid,
        edge_dim: int | None = None,
        root_weight: bool = True,
        bias: bool = True,
        *,
        aggr: str = "add",
        sender_first: bool = False,
        flow: str = "source_to_target",
    ) -> None:
        super().__init__(aggr, flow, node_dim=0)
        if not callable(act):
            raise TypeError(
                f"geocompile.ResGatedGraphConv: act must be a module or a function, got {type(act)}"
            )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.act = act
        self.edge_dim = edge_dim
        self.root_weight = root_weight
        self.sender_first = sender_first
        source, target = pair_of_channels("ResGatedGraphConv", in_channels)
        self.lin_key = self._linear(target, True, edge_dim)
        self.lin_query = self._linear(source, True, edge_dim)
        self.lin_value = self._linear(source, True, edge_dim)
        self.lin_skip = self._linear(target, False, None) if root_weight else None
        self.bias = torch.nn.Parameter(torch.zeros(out_channels)) if bias else None

    def _linear(self, in_channels: int, bias: bool, edge_dim: int | None) -> torch.nn.Linear:
        if edge_dim is not None and in_channels != -1:
            in_channels = in_channels + edge_dim
        return linear("ResGatedGraphConv", in_channels, self.out_channels, bias=bias)

    def reset_parameters(self) -> None:
        """Draw every map as :class:`torch.nn.Linear` does, set the bias to 0."""
        for module in (self.lin_key, self.lin_query, self.lin_value, self.lin_skip):
            if module is not None:
                module.reset_parameters()
        if self.bias is not None:
            torch.nn.init.zeros_(self.bias)

    def forward(
        self,
        x: Tensor | tuple[Tensor, Tensor | None],
        edge_index: Tensor,
        edge_attr: Tensor | None = None,
    ) -> Tensor:
        """The features of every target node after the convolution; see the class for shapes and errors."""
        source, target, _, _ = opened(
            "ResGatedGraphConv", x, edge_index, None, self.flow, self.sender_first, 0
        )
        if target is None:
            raise ValueError(
                "geocompile.ResGatedGraphConv: the receiving features of the pair x are None; give both"
            )
        if not is_scripting():
            self._infer_sizes(source, target)
        width = 0 if self.edge_dim is None else self.edge_dim
        of_key, of_query = self.lin_key.weight, self.lin_query.weight
        of_value = self.lin_value.weight
        to_target, to_source = of_key.size(1) - width, of_query.size(1) - width
        check_matrix("ResGatedGraphConv", source, edge_index, of_query[:, :to_source])
        check_matrix("ResGatedGraphConv", target, edge_index, of_key[:, :to_target])
        key = linear_map(target, of_key[:, :to_target], self.lin_key.bias)
        query = linear_map(source, of_query[:, :to_source], self.lin_query.bias)
        value = linear_map(source, of_value[:, :to_source], self.lin_value.bias)

        i, _ = ends(self.flow)
        rowptr, col, perm = sorted_edges(
            "ResGatedGraphConv", edge_index, self.flow, source.size(0), target.size(0)
        )
        gate = key.index_select(0, edge_index[i].index_select(0, perm)) + query.index_select(0, col)
        sent = value.index_select(0, col)
        edge = self._edge_features(edge_attr, edge_index, source)
        if edge is not None:
            edge = edge.index_select(0, perm)
            gate = gate + linear_map(edge, of_key[:, to_target:] + of_query[:, to_source:])
            sent = sent + linear_map(edge, of_value[:, to_source:])
        out = segment_reduce(self.act(gate) * sent, rowptr, None, self._reduce)
        if self.lin_skip is not None:
            out = out + self.lin_skip(target)
        return out if self.bias is None else out + self.bias

    def _infer_sizes(self, source: Tensor, target: Tensor) -> None:
        width = 0 if self.edge_dim is None else self.edge_dim
        for module, x in ((self.lin_key, target), (self.lin_query, source), (self.lin_value, source)):
            infer_size(module, x.new_empty((0, x.size(-1) + width)))
        if self.lin_skip is not None:
            infer_size(self.lin_skip, target)

    def _edge_features(self, edge_attr: Tensor | None, edge_index: Tensor, x: Tensor) -> Tensor | None:
        if self.edge_dim is None:
            if edge_attr is not None:
                raise ValueError(
                    "geocompile.ResGatedGraphConv: edge_attr is given, but edge_dim was None; set edge_dim"
                )
            return None
        if edge_attr is None:
            raise ValueError(
                "geocompile.ResGatedGraphConv: edge_attr is missing; with an edge_dim every edge has features"
            )
        return edge_attr_as("ResGatedGraphConv", edge_attr, edge_index, x, self.edge_dim)
