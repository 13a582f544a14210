"""LEConv: a node's differences to its neighbours."""

import torch
from torch import Tensor
from torch.jit import is_scripting  # type: ignore[attr-defined]

from geocompile.custom_ops import gather_segment_reduce, segment_reduce
from geocompile.layers.common.checks import check_features, edge_weight_as
from geocompile.layers.common.linear import infer_size, linear, pair_of_channels
from geocompile.layers.common.node_numbers import sorted_edges
from geocompile.layers.common.pairs import opened
from geocompile.layers.common.propagation import nodes_back, nodes_first
from geocompile.layers.message_passing import MessagePassing


class LEConv(MessagePassing):
    r"""The local extremum graph operator.

    .. math::
        \mathbf{x}'_i = \Theta_3 \mathbf{x}_i + \sum_{j \in \mathcal{N}(i)} e_{ji} \left(\Theta_1 \mathbf{x}_j -
        \Theta_2 \mathbf{x}_i\right)

    with biases at :math:`\Theta_1` and :math:`\Theta_3`. Equal to PyG 2.8.1's LEConv, state dict included.

    Args:
        in_channels: size of the input features, -1 to take it from the first input; a pair for source and target.
        out_channels: size of the output features.
        bias: add the learned biases.
        aggr: ``"add"`` or ``"mean"``.
        sender_first: a pair is sending and receiving features whatever the flow, as in PyG 2.8.1; default: ``x[k]``
            belongs to ``edge_index[k]``.
        flow: as in :class:`MessagePassing`.
        node_dim: the dimension of ``x`` that counts nodes.

    Shapes:
        ``x`` [num_nodes, in_channels] (float32, float64, float16 or bfloat16; further dimensions in front as
        ``node_dim`` says) or a pair ([num_sources, in_channels[0]], [num_targets, in_channels[1]]), ``edge_index``
        [2, num_edges] (int64 or int32), ``edge_weight`` [num_edges]; result [num_targets, out_channels].

    Raises:
        TypeError, ValueError: an argument has the wrong type, dtype, shape or device.
        IndexError: a node number is negative or too large.

    Source: Ranjan et al., "ASAP: adaptive structure aware pooling for learning hierarchical graph representations"
    (2020).

    >>> conv = LEConv(1, 1, bias=False)
    >>> for weight in conv.parameters():
    ...     _ = torch.nn.init.ones_(weight)
    >>> with torch.no_grad():
    ...     conv(torch.tensor([[1.0], [2.0], [4.0]]), torch.tensor([[1, 2], [0, 0]]))
    tensor([[5.],
            [2.],
            [4.]])
    """

    computes_in_forward = True

    def __init__(
        self,
        in_channels: int | tuple[int, int],
        out_channels: int,
        bias: bool = True,
        *,
        aggr: str = "add",
        sender_first: bool = False,
        flow: str = "source_to_target",
        node_dim: int = -2,
    ) -> None:
        super().__init__(aggr, flow, node_dim=node_dim)
        if self._reduce not in ("sum", "mean"):
            raise ValueError(f"geocompile.LEConv: aggr must be add or mean, got {aggr!r}")
        source, target = pair_of_channels("LEConv", in_channels)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.sender_first = sender_first
        self.lin1 = linear("LEConv", source, out_channels, bias=bias)
        self.lin2 = linear("LEConv", target, out_channels, bias=False)
        self.lin3 = linear("LEConv", target, out_channels, bias=bias)

    def reset_parameters(self) -> None:
        """Draw every weight and bias as :class:`torch.nn.Linear` does."""
        for lin in (self.lin1, self.lin2, self.lin3):
            lin.reset_parameters()

    def forward(
        self, x: Tensor | tuple[Tensor, Tensor], edge_index: Tensor, edge_weight: Tensor | None = None
    ) -> Tensor:
        """The features of every target node after the convolution; see the class for shapes and errors."""
        source, target, _, _ = opened(
            "LEConv", x, edge_index, None, self.flow, self.sender_first, self.node_dim
        )
        if target is None:
            raise ValueError("geocompile.LEConv: both elements of a pair of features are needed, one is None")
        if not is_scripting():
            infer_size(self.lin1, source)
            infer_size(self.lin2, target)
            infer_size(self.lin3, target)
        check_features("LEConv", source, edge_index, self.lin1.weight, self.lin1.in_features, self.node_dim)
        check_features("LEConv", target, edge_index, self.lin2.weight, self.lin2.in_features, self.node_dim)
        own, sent = (
            nodes_first(self.lin2(target), self.node_dim),
            nodes_first(self.lin1(source), self.node_dim),
        )
        rowptr, col, perm = sorted_edges("LEConv", edge_index, self.flow, sent.size(0), own.size(0))
        weight = edge_weight_as("LEConv", edge_weight, edge_index, source)
        weight = torch.ones_like(col, dtype=source.dtype) if weight is None else weight.index_select(0, perm)
        # The second term is the same on all of a node's edges: their weights alone are added up.
        out = gather_segment_reduce(sent, rowptr, col, weight, None, self._reduce)
        degree = segment_reduce(weight, rowptr, None, self._reduce)
        out = out - own * degree.reshape([-1] + [1] * (own.dim() - 1))
        return nodes_back(out, self.node_dim) + self.lin3(target)  # type: ignore[no-any-return]
