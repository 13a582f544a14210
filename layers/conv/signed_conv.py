"""SignedConv: friends and foes, each with a mean and a weight of their own."""

import torch
from torch import Tensor
from torch.jit import is_scripting  # type: ignore[attr-defined]

from geocompile.custom_ops import gather_segment_reduce
from geocompile.layers.common.checks import check_edge_index, check_features
from geocompile.layers.common.linear import infer_size, linear
from geocompile.layers.common.node_numbers import sorted_edges
from geocompile.layers.common.pairs import opened, with_own
from geocompile.layers.common.propagation import nodes_back, nodes_first
from geocompile.layers.message_passing import MessagePassing


class SignedConv(MessagePassing):
    r"""The signed graph convolutional operator.

    .. math::
        \mathbf{x}_v^{(\mathrm{pos})} &= \Theta^{(\mathrm{pos})} \left[\mathrm{mean}_{w \in \mathcal{N}^+(v)}
        \mathbf{x}_w, \, \mathbf{x}_v\right] \\
        \mathbf{x}_v^{(\mathrm{neg})} &= \Theta^{(\mathrm{neg})} \left[\mathrm{mean}_{w \in \mathcal{N}^-(v)}
        \mathbf{x}_w, \, \mathbf{x}_v\right]

    with ``first_aggr=True``, and otherwise, of the two halves of ``x``,

    .. math::
        \mathbf{x}_v^{(\mathrm{pos})} &= \Theta^{(\mathrm{pos})} \left[\mathrm{mean}_{w \in \mathcal{N}^+(v)}
        \mathbf{x}_w^{(\mathrm{pos})}, \, \mathrm{mean}_{w \in \mathcal{N}^-(v)} \mathbf{x}_w^{(\mathrm{neg})}, \,
        \mathbf{x}_v^{(\mathrm{pos})}\right] \\
        \mathbf{x}_v^{(\mathrm{neg})} &= \Theta^{(\mathrm{neg})} \left[\mathrm{mean}_{w \in \mathcal{N}^+(v)}
        \mathbf{x}_w^{(\mathrm{neg})}, \, \mathrm{mean}_{w \in \mathcal{N}^-(v)} \mathbf{x}_w^{(\mathrm{pos})}, \,
        \mathbf{x}_v^{(\mathrm{neg})}\right]

    each with a bias; the result is :math:`\mathbf{x}^{(\mathrm{pos})} \Vert \mathbf{x}^{(\mathrm{neg})}`. Equal to PyG
    2.8.1's SignedConv, state dict included.

    Args:
        in_channels: size of the input features, or, without ``first_aggr``, of each half of them.
        out_channels: size of each half of the output.
        first_aggr: which of the two formulas.
        bias: add a learned bias to each half.
        aggr: in place of the mean: ``"add"``, ``"max"``, ``"min"`` or ``"mul"``.
        sender_first: a pair is sending and receiving features whatever the flow, as in PyG 2.8.1; default: ``x[k]``
            belongs to row k of the edges.
        flow: as in :class:`MessagePassing`.
        node_dim: the dimension of ``x`` that counts nodes.

    Shapes:
        ``x`` [num_nodes, in_channels], without ``first_aggr`` [num_nodes, 2 · in_channels] (float32, float64, float16
        or bfloat16; further dimensions in front as ``node_dim`` says), or a pair of such for source and target;
        ``pos_edge_index`` [2, num_pos_edges], ``neg_edge_index`` [2, num_neg_edges] (int64 or int32); result
        [num_targets, 2 · out_channels].

    Raises:
        TypeError, ValueError: an argument has the wrong type, dtype, shape or device.
        IndexError: a node number is negative or too large.

    Source: Derr et al., "Signed graph convolutional network" (2018).

    >>> conv = SignedConv(1, 1, first_aggr=True, bias=False)
    >>> for weight in conv.parameters():
    ...     _ = torch.nn.init.ones_(weight)
    >>> friends, foes = torch.tensor([[1, 2], [0, 0]]), torch.tensor([[2], [1]])
    >>> with torch.no_grad():
    ...     conv(torch.tensor([[1.0], [2.0], [4.0]]), friends, foes)
    tensor([[4., 1.],
            [2., 6.],
            [4., 4.]])
    """

    computes_in_forward = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        first_aggr: bool,
        bias: bool = True,
        *,
        aggr: str = "mean",
        sender_first: bool = False,
        flow: str = "source_to_target",
        node_dim: int = -2,
    ) -> None:
        super().__init__(aggr, flow, node_dim=node_dim)
        if in_channels == -1 and not first_aggr:
            raise ValueError("geocompile.SignedConv: first_aggr=False needs in_channels as a number, got -1")
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.first_aggr = first_aggr
        self.sender_first = sender_first
        read = in_channels if first_aggr else 2 * in_channels
        self.lin_pos_l = linear("SignedConv", read, out_channels, bias=False)
        self.lin_pos_r = linear("SignedConv", in_channels, out_channels, bias=bias)
        self.lin_neg_l = linear("SignedConv", read, out_channels, bias=False)
        self.lin_neg_r = linear("SignedConv", in_channels, out_channels, bias=bias)

    def reset_parameters(self) -> None:
        """Draw every weight and bias as :class:`torch.nn.Linear` does."""
        for module in (self.lin_pos_l, self.lin_pos_r, self.lin_neg_l, self.lin_neg_r):
            module.reset_parameters()

    def forward(
        self, x: Tensor | tuple[Tensor, Tensor], pos_edge_index: Tensor, neg_edge_index: Tensor
    ) -> Tensor:
        """Both halves of every target node's features; see the class for shapes and errors."""
        check_edge_index("SignedConv", neg_edge_index)
        source, target, count, _ = opened(
            "SignedConv", x, pos_edge_index, None, self.flow, self.sender_first, self.node_dim
        )
        if target is None:
            raise ValueError(
                "geocompile.SignedConv: both elements of a pair of features are needed, one is None"
            )
        if not is_scripting():
            for lin in (self.lin_pos_l, self.lin_pos_r, self.lin_neg_l, self.lin_neg_r):
                if self.first_aggr:
                    infer_size(lin, source)
        channels = self.lin_pos_l.in_features
        for side in (source, target):
            check_features("SignedConv", side, pos_edge_index, self.lin_pos_l.weight, channels, self.node_dim)
        h = nodes_first(source, self.node_dim)
        own = nodes_first(target, self.node_dim)
        if self.first_aggr:
            out = self._first(h, own, pos_edge_index, neg_edge_index, count)
        else:
            out = self._next(h, own, pos_edge_index, neg_edge_index, count)
        return nodes_back(out, self.node_dim)

    def _first(self, h: Tensor, own: Tensor, pos: Tensor, neg: Tensor, count: int) -> Tensor:
        """The first formula: the narrower side is aggregated where the weight commutes with that."""
        is_linear = self._reduce == "sum" or self._reduce == "mean"
        if is_linear and self.lin_pos_l.in_features >= self.out_channels:
            friends = self._reduced(self.lin_pos_l(h), pos, count, "pos_edge_index")
            foes = self._reduced(self.lin_neg_l(h), neg, count, "neg_edge_index")
        else:
            friends = self.lin_pos_l(self._reduced(h, pos, count, "pos_edge_index"))
            foes = self.lin_neg_l(self._reduced(h, neg, count, "neg_edge_index"))
        return torch.cat(
            [
                with_own("SignedConv", friends, self.lin_pos_r(own)),
                with_own("SignedConv", foes, self.lin_neg_r(own)),
            ],
            dim=-1,
        )

    def _next(self, h: Tensor, own: Tensor, pos: Tensor, neg: Tensor, count: int) -> Tensor:
        """The second formula: both halves cross each kind of edges at once."""
        width = self.in_channels
        friends = self._reduced(h, pos, count, "pos_edge_index")
        foes = self._reduced(h, neg, count, "neg_edge_index")
        alike = torch.cat([friends[..., :width], foes[..., width:]], dim=-1)
        unlike = torch.cat([friends[..., width:], foes[..., :width]], dim=-1)
        return torch.cat(
            [
                with_own("SignedConv", self.lin_pos_l(alike), self.lin_pos_r(own[..., :width])),
                with_own("SignedConv", self.lin_neg_l(unlike), self.lin_neg_r(own[..., width:])),
            ],
            dim=-1,
        )

    def _reduced(self, h: Tensor, edge_index: Tensor, count: int, name: str) -> Tensor:
        rowptr, col, _ = sorted_edges("SignedConv", edge_index, self.flow, h.size(0), count, None, name)
        return gather_segment_reduce(h, rowptr, col, None, None, self._reduce)
