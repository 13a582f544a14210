"""GINEConv: GINConv whose neighbours bring the features of their edge along."""

import torch
from torch import Tensor
from torch.jit import is_scripting  # type: ignore[attr-defined]

from geocompile.custom_ops import segment_reduce
from geocompile.layers.common.checks import check_matrix, check_module, edge_attr_as
from geocompile.layers.common.epsilon import make_epsilon, reset_epsilon
from geocompile.layers.common.linear import infer_size, linear, reset
from geocompile.layers.common.networks import check_network
from geocompile.layers.common.node_numbers import sorted_edges
from geocompile.layers.common.pairs import opened, with_own
from geocompile.layers.message_passing import MessagePassing


class GINEConv(MessagePassing):
    r"""The graph isomorphism operator with edge features.

    .. math::
        \mathbf{x}'_i = h_\Theta\left((1 + \epsilon) \mathbf{x}_i + \sum_{j \in \mathcal{N}(i)}
        \mathrm{ReLU}(\mathbf{x}_j + \mathbf{e}_{ji})\right)

    where, with ``edge_dim``, a linear map brings :math:`\mathbf{e}_{ji}` to the size of :math:`\mathbf{x}_j` first.
    Equal to PyG 2.8.1's GINEConv, state dict included, except that the constructor leaves the weights of ``nn`` as
    they are (there it draws them anew). The ReLU stands between the two sums: [num_edges, in_channels] is needed.

    Args:
        nn: :math:`h_\Theta`, a module that maps [num_nodes, in_channels] to [num_nodes, out_channels].
        eps: :math:`\epsilon`, or where it starts.
        train_eps: learn :math:`\epsilon`.
        edge_dim: size of the edge features, -1 to take it from the first input; None: that of the node features.
        aggr: in place of the sum: ``"mean"``, ``"max"``, ``"min"`` or ``"mul"``.
        in_channels: size of the node features, needed with ``edge_dim`` where ``nn`` does not tell it: its first
            layer has no ``in_features`` or ``in_channels``.
        sender_first: a pair is sending and receiving features whatever the flow, as in PyG 2.8.1; default: ``x[k]``
            belongs to ``edge_index[k]``.
        flow: as in :class:`MessagePassing`.

    Shapes:
        ``x`` [num_nodes, in_channels] or a pair ([num_sources, in_channels], [num_targets, in_channels] or None for
        no :math:`(1 + \epsilon) \mathbf{x}_i`), ``edge_index`` [2, num_edges] (int64 or int32), ``edge_attr``
        [num_edges, edge_dim], ``size`` the number of nodes at ``edge_index[0]`` and ``edge_index[1]``; result
        [num_targets, out_channels].

    Raises:
        TypeError, ValueError: an argument has the wrong type, dtype, shape or device.
        IndexError: a node number is negative or too large.

    Source: Hu et al., "Strategies for pre-training graph neural networks" (2019).

    >>> conv = GINEConv(torch.nn.Identity())
    >>> x, edge_attr = torch.tensor([[1.0], [2.0], [6.0]]), torch.tensor([[1.0], [-9.0]])
    >>> conv(x, torch.tensor([[1, 2], [0, 0]]), edge_attr)
    tensor([[4.],
            [2.],
            [6.]])
    """

    computes_in_forward = True
    eps: Tensor
    initial_eps: float

    def __init__(
        self,
        nn: torch.nn.Module,
        eps: float = 0.0,
        train_eps: bool = False,
        edge_dim: int | None = None,
        *,
        aggr: str = "add",
        in_channels: int | None = None,
        sender_first: bool = False,
        flow: str = "source_to_target",
    ) -> None:
        super().__init__(aggr, flow, node_dim=0)
        check_module("GINEConv", "nn", nn)
        self.nn = nn
        make_epsilon(self, eps, train_eps)
        self.sender_first = sender_first
        self.lin = None
        if edge_dim is not None:
            width = _in_channels(nn) if in_channels is None else in_channels
            self.lin = linear("GINEConv", edge_dim, width, bias=True)

    def reset_parameters(self) -> None:
        """Draw the weights of ``nn`` and of the edges anew and set :math:`\\epsilon` back."""
        reset(self.nn)
        if self.lin is not None:
            self.lin.reset_parameters()
        reset_epsilon(self)

    def forward(
        self,
        x: Tensor | tuple[Tensor, Tensor | None],
        edge_index: Tensor,
        edge_attr: Tensor,
        size: tuple[int, int] | None = None,
    ) -> Tensor:
        """The features of every target node after the convolution; see the class for shapes and errors."""
        source, target, count, _ = opened("GINEConv", x, edge_index, size, self.flow, self.sender_first, 0)
        check_matrix(
            "GINEConv", source, edge_index, source, -1 if self.lin is None else self.lin.out_features
        )
        if not is_scripting():
            check_network("GINEConv", "nn", self.nn, "x", source, source.size(1))
        rowptr, col, perm = sorted_edges("GINEConv", edge_index, self.flow, source.size(0), count)
        messages = source.index_select(0, col) + self._of_edges(edge_attr, edge_index, source, perm)
        out = segment_reduce(messages.relu(), rowptr, None, self._reduce)
        if target is not None:
            check_matrix("GINEConv", target, edge_index, source, source.size(1))
            out = with_own("GINEConv", out, (1.0 + self.eps).to(target.dtype) * target)
        return self.nn(out)  # type: ignore[no-any-return]

    def _of_edges(self, edge_attr: Tensor, edge_index: Tensor, x: Tensor, perm: Tensor) -> Tensor:
        """The edge features, as wide as the nodes', by receiving node."""
        if self.lin is None:
            return edge_attr_as("GINEConv", edge_attr, edge_index, x, x.size(1)).index_select(0, perm)
        else:  # noqa: RET505  (TorchScript compiles what stands behind a return)
            if not is_scripting() and isinstance(edge_attr, Tensor):
                infer_size(self.lin, edge_attr.unsqueeze(1) if edge_attr.dim() == 1 else edge_attr)
            attr = edge_attr_as("GINEConv", edge_attr, edge_index, x, self.lin.in_features)
            return self.lin(attr.index_select(0, perm))  # type: ignore[no-any-return]


def _in_channels(nn: torch.nn.Module) -> int:
    """What the network, or the first layer of a sequence, says of the size of its input."""
    first = nn[0] if isinstance(nn, torch.nn.Sequential) and len(nn) > 0 else nn
    size = getattr(first, "in_features", getattr(first, "in_channels", None))
    if not isinstance(size, int):
        raise ValueError(
            f"geocompile.GINEConv: {type(first).__name__} does not tell the size of the node features; "
            "give it as in_channels"
        )
    return size
