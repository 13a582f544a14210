"""GINConv: a network on the sum of a node and its neighbours."""

import torch
from torch import Tensor
from torch.jit import is_scripting  # type: ignore[attr-defined]

from geocompile.custom_ops import gather_segment_reduce
from geocompile.layers.common.checks import check_features, check_module
from geocompile.layers.common.epsilon import make_epsilon, reset_epsilon
from geocompile.layers.common.linear import reset
from geocompile.layers.common.networks import check_network
from geocompile.layers.common.node_numbers import sorted_edges
from geocompile.layers.common.pairs import opened, with_own
from geocompile.layers.common.propagation import nodes_back, nodes_first
from geocompile.layers.message_passing import MessagePassing


class GINConv(MessagePassing):
    r"""The graph isomorphism operator.

    .. math::
        \mathbf{x}'_i = h_\Theta\left((1 + \epsilon) \mathbf{x}_i + \sum_{j \in \mathcal{N}(i)} \mathbf{x}_j\right)

    :math:`\mathcal{N}(i)` is what ``edge_index`` says: a self-loop there adds :math:`\mathbf{x}_i` once more. Equal to
    PyG 2.8.1's GINConv, state dict included, except that the constructor leaves the weights of ``nn`` as they are
    (there it draws them anew).

    Args:
        nn: :math:`h_\Theta`, a module that maps [num_nodes, in_channels] to [num_nodes, out_channels].
        eps: :math:`\epsilon`, or where it starts.
        train_eps: learn :math:`\epsilon`.
        aggr: in place of the sum: ``"mean"``, ``"max"``, ``"min"`` or ``"mul"``.
        sender_first: a pair is sending and receiving features whatever the flow, as in PyG 2.8.1; default: ``x[k]``
            belongs to ``edge_index[k]``.
        flow: as in :class:`MessagePassing`.
        node_dim: the dimension of ``x`` that counts nodes.

    Shapes:
        ``x`` [num_nodes, in_channels] (float32, float64, float16 or bfloat16; further dimensions in front as
        ``node_dim`` says) or a pair ([num_sources, in_channels], [num_targets, in_channels] or None for no
        :math:`(1 + \epsilon) \mathbf{x}_i`), ``edge_index`` [2, num_edges] (int64 or int32), ``size`` the number of
        nodes at ``edge_index[0]`` and ``edge_index[1]``; result [num_targets, out_channels].

    Raises:
        TypeError, ValueError: an argument has the wrong type, dtype, shape or device.
        IndexError: a node number is negative or too large.

    Source: Xu et al., "How powerful are graph neural networks?" (2019).

    >>> conv = GINConv(torch.nn.Identity(), eps=0.5)
    >>> conv(torch.tensor([[1.0], [2.0], [6.0]]), torch.tensor([[1, 2], [0, 0]]))
    tensor([[9.5000],
            [3.0000],
            [9.0000]])
    """

    computes_in_forward = True
    eps: Tensor
    initial_eps: float

    def __init__(
        self,
        nn: torch.nn.Module,
        eps: float = 0.0,
        train_eps: bool = False,
        *,
        aggr: str = "add",
        sender_first: bool = False,
        flow: str = "source_to_target",
        node_dim: int = -2,
    ) -> None:
        super().__init__(aggr, flow, node_dim=node_dim)
        check_module("GINConv", "nn", nn)
        self.nn = nn
        make_epsilon(self, eps, train_eps)
        self.sender_first = sender_first

    def reset_parameters(self) -> None:
        """Draw the weights of ``nn`` anew and set :math:`\\epsilon` back."""
        reset(self.nn)
        reset_epsilon(self)

    def forward(
        self,
        x: Tensor | tuple[Tensor, Tensor | None],
        edge_index: Tensor,
        size: tuple[int, int] | None = None,
    ) -> Tensor:
        """The features of every target node after the convolution; see the class for shapes and errors."""
        source, target, count, is_pair = opened(
            "GINConv", x, edge_index, size, self.flow, self.sender_first, self.node_dim
        )
        check_features("GINConv", source, edge_index, source, -1, self.node_dim)
        if not is_scripting():
            check_network("GINConv", "nn", self.nn, "x", source, source.size(-1))
        h = nodes_first(source, self.node_dim)
        rowptr, col, _ = sorted_edges("GINConv", edge_index, self.flow, h.size(0), count)
        own = (1.0 + self.eps).to(source.dtype)
        # In a square graph the node's own features are one more term of the sum that the operator takes anyway.
        is_one_sum = self._reduce == "sum" and not is_pair
        own_weight = own.expand(count) if is_one_sum else None
        out = nodes_back(gather_segment_reduce(h, rowptr, col, None, own_weight, self._reduce), self.node_dim)
        if target is not None and not is_one_sum:
            check_features("GINConv", target, edge_index, source, -1, self.node_dim)
            out = with_own("GINConv", out, own * target)
        return self.nn(out)  # type: ignore[no-any-return]
