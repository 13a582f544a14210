"""GatedGraphConv: a recurrent unit that reads the sum of its neighbours."""

import math

import torch
from torch import Tensor

from geocompile.custom_ops import gather_segment_reduce
from geocompile.layers.common.checks import check_count, check_edge_index, check_features, edge_weight_as
from geocompile.layers.common.node_numbers import sorted_edges
from geocompile.layers.message_passing import MessagePassing


class GatedGraphConv(MessagePassing):
    r"""The gated graph convolution operator.

    .. math::
        \mathbf{h}_i^{(0)} = \mathbf{x}_i \, \Vert \, \mathbf{0}, \qquad
        \mathbf{m}_i^{(l+1)} = \sum_{j \in \mathcal{N}(i)} e_{ji} \, \mathbf{h}_j^{(l)} \Theta^{(l)}, \qquad
        \mathbf{h}_i^{(l+1)} = \mathrm{GRU}\left(\mathbf{m}_i^{(l+1)}, \mathbf{h}_i^{(l)}\right)

    Equal to PyG 2.8.1's GatedGraphConv, state dict included.

    Args:
        out_channels: size of the output features, at least that of the input.
        num_layers: number of steps.
        aggr: ``"add"``, ``"mean"``, ``"max"``, ``"min"`` or ``"mul"``.
        bias: the recurrent unit has biases.
        flow: as in :class:`MessagePassing`.

    Shapes:
        ``x`` [num_nodes, in_channels] (float32, float64, float16 or bfloat16), ``edge_index`` [2, num_edges] (int64 or
        int32), ``edge_weight`` [num_edges]; result [num_nodes, out_channels].

    Raises:
        TypeError, ValueError: an argument has the wrong type, dtype, shape or device; ``x`` is wider than
            ``out_channels``.
        IndexError: a node number is negative or too large.

    Source: Li et al., "Gated graph sequence neural networks" (2016).

    >>> conv = GatedGraphConv(2, num_layers=1)
    >>> for weight in conv.parameters():
    ...     _ = torch.nn.init.zeros_(weight)
    >>> with torch.no_grad():
    ...     conv(torch.tensor([[1.0], [2.0]]), torch.tensor([[0, 1], [1, 0]]))
    tensor([[0.5000, 0.0000],
            [1.0000, 0.0000]])
    """

    computes_in_forward = True

    def __init__(
        self,
        out_channels: int,
        num_layers: int,
        aggr: str = "add",
        bias: bool = True,
        *,
        flow: str = "source_to_target",
    ) -> None:
        super().__init__(aggr, flow)
        for name, size in (("out_channels", out_channels), ("num_layers", num_layers)):
            check_count("GatedGraphConv", name, size, 1)
        self.out_channels = out_channels
        self.num_layers = num_layers
        self.weight = torch.nn.Parameter(torch.empty(num_layers, out_channels, out_channels))
        self.rnn = torch.nn.GRUCell(out_channels, out_channels, bias=bias)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        r"""Draw :math:`\Theta` and the recurrent unit's weights from :math:`U(\pm 1/\sqrt{out\_channels})`."""
        bound = 1.0 / math.sqrt(self.out_channels)
        torch.nn.init.uniform_(self.weight, -bound, bound)
        self.rnn.reset_parameters()

    def forward(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None = None) -> Tensor:
        """The state of every node after the last step; see the class for shapes and errors."""
        check_edge_index("GatedGraphConv", edge_index)
        check_features("GatedGraphConv", x, edge_index, self.weight, -1, self.node_dim)
        missing = self.out_channels - x.size(-1)
        if x.dim() != 2 or missing < 0:
            raise ValueError(
                f"geocompile.GatedGraphConv: x must have shape [num_nodes, channels], with at most {self.out_channels} "
                f"channels (out_channels), got {list(x.shape)}"
            )
        h = torch.nn.functional.pad(x, [0, missing])
        rowptr, col, perm = sorted_edges("GatedGraphConv", edge_index, self.flow, x.size(0), x.size(0))
        weight = edge_weight_as("GatedGraphConv", edge_weight, edge_index, x)
        if weight is not None:
            weight = weight.index_select(0, perm)
        for step in range(self.num_layers):
            m = gather_segment_reduce(h @ self.weight[step], rowptr, col, weight, None, self._reduce)
            h = self._updated(m, h)
        return h

    def _updated(self, m: Tensor, h: Tensor) -> Tensor:
        """One step of the recurrent unit, written out: export would fix torch's own to more nodes than one."""
        read = torch.nn.functional.linear(m, self.rnn.weight_ih, self.rnn.bias_ih)
        kept = torch.nn.functional.linear(h, self.rnn.weight_hh, self.rnn.bias_hh)
        read_r, read_z, read_n = read.chunk(3, dim=1)
        kept_r, kept_z, kept_n = kept.chunk(3, dim=1)
        update = torch.sigmoid(read_z + kept_z)
        new = torch.tanh(read_n + torch.sigmoid(read_r + kept_r) * kept_n)
        return new + update * (h - new)
