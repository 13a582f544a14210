"""GENConv: positive messages, a generalised mean of them, and a network on the node's sum with it."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.jit import is_scripting  # type: ignore[attr-defined]

from geocompile.layers.common.attention import check_matrix
from geocompile.layers.common.checks import check_count, edge_attr_as
from geocompile.layers.common.generalised_mean import PowerMeanOfMessages, ReducedMessages, SoftmaxOfMessages
from geocompile.layers.common.linear import infer_size, linear, pair_of_channels, reset
from geocompile.layers.common.node_numbers import sorted_edges
from geocompile.layers.common.pairs import opened, with_own
from geocompile.layers.common.precision import unit_length
from geocompile.layers.common.propagation import ends
from geocompile.layers.message_passing import MessagePassing

_PLAIN = {"add": "sum", "sum": "sum", "mean": "mean", "max": "max", "min": "min", "mul": "mul"}
_NORMS: dict[str, Callable[[int], torch.nn.Module]] = {
    "batch": torch.nn.BatchNorm1d,
    "layer": torch.nn.LayerNorm,
    # Over the features of each node: what an InstanceNorm1d makes of [num_nodes, channels].
    "instance": lambda channels: torch.nn.LayerNorm(channels, elementwise_affine=False),
}


class MessageNorm(torch.nn.Module):
    r"""What a node reads, with the length of the node's own features: :math:`s \, \|\mathbf{x}_i\| \, \mathbf{m}_i /
    \|\mathbf{m}_i\|`; s is 1 unless ``learn_scale``."""

    def __init__(self, learn_scale: bool = False) -> None:
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(1), requires_grad=learn_scale)

    def reset_parameters(self) -> None:
        """Set s to 1."""
        torch.nn.init.ones_(self.scale)

    def forward(self, x: Tensor, read: Tensor) -> Tensor:
        """``x`` [num_nodes, *], ``read`` [num_nodes, channels]; the result has the shape of ``read``."""
        length: Tensor = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
        return unit_length(read) * length * self.scale


class GENConv(MessagePassing):
    r"""The generalised graph convolution.

    .. math::
        \mathbf{x}'_i = \mathrm{MLP}\left(\mathbf{x}_i + \square_{j \in \mathcal{N}(i)} \left(\mathrm{ReLU}(\mathbf{x}_j
        + \mathbf{e}_{ji}) + \epsilon\right)\right)

    where :math:`\mathbf{x}_j`, :math:`\mathbf{x}_i` and :math:`\mathbf{e}_{ji}` are mapped to ``out_channels`` first if
    they have another size, and :math:`\square` weighs each feature by the softmax of that feature over the
    neighbourhood, :math:`\sum_j \mathrm{softmax}_j(t \, m_j) \, m_j`. Equal to PyG 2.8.1's GENConv, state dict
    included, but for lists and modules as ``aggr``.

    Without edge features messages are taken at the nodes, and nothing exists per edge and feature but in the gradient
    of the softmax; with them there are tensors of shape [num_edges, out_channels].

    Args:
        in_channels: size of the input features, -1 to take it from the first input; a pair for source and target.
        out_channels: size of the output features.
        aggr: ``"softmax"``; ``"softmax_sg"``, the same without a gradient of the weights; ``"powermean"`` (or
            ``"power"``), :math:`(\mathrm{mean}_j \, m_j^{\,p})^{1/p}` with messages and the mean kept between 1e-4 and
            100; ``"add"``, ``"mean"``, ``"max"``, ``"min"`` or ``"mul"``.
        t: :math:`t` of the softmax.
        learn_t: learn it.
        p: :math:`p` of the power mean; 1 is the plain mean.
        learn_p: learn it.
        msg_norm: give what a node reads the length of the node's own input features.
        learn_msg_scale: times a learned factor.
        norm: in the MLP, before each ReLU: ``"batch"``, ``"layer"``, ``"instance"`` (of each node, without weights) or
            None.
        num_layers: number of linear maps in the MLP.
        expansion: its hidden layers are so many times as wide as ``out_channels``.
        eps: :math:`\epsilon`.
        bias: every linear map has a bias.
        edge_dim: size of the edge features; None: ``out_channels``.
        sender_first: a pair is sending and receiving features whatever the flow, as in PyG 2.8.1; default: ``x[k]``
            belongs to ``edge_index[k]``.
        flow: as in :class:`MessagePassing`.

    Shapes:
        ``x`` [num_nodes, in_channels] (float32, float64, float16 or bfloat16) or a pair
        ([num_sources, in_channels[0]], [num_targets, in_channels[1]] or None for no :math:`\mathbf{x}_i`),
        ``edge_index`` [2, num_edges] (int64 or int32), ``edge_attr`` [num_edges, edge_dim] or None for no such term,
        ``size`` the number of nodes at ``edge_index[0]`` and ``edge_index[1]``; result [num_targets, out_channels].

    Raises:
        TypeError, ValueError: an argument has the wrong type, dtype, shape or device.
        IndexError: a node number is negative or too large.

    Source: Li et al., "DeeperGCN: all you need to train deeper GCNs" (2020).

    >>> conv = GENConv(1, 1, aggr="max", num_layers=1, eps=0.5)
    >>> _ = torch.nn.init.ones_(conv.mlp[0].weight)
    >>> with torch.no_grad():
    ...     conv(torch.tensor([[1.0], [2.0], [6.0]]), torch.tensor([[1, 2], [0, 0]]))
    tensor([[7.5000],
            [2.0000],
            [6.0000]])
    """

    computes_in_forward = True

    def __init__(
        self,
        in_channels: int | tuple[int, int],
        out_channels: int,
        aggr: str = "softmax",
        t: float = 1.0,
        learn_t: bool = False,
        p: float = 1.0,
        learn_p: bool = False,
        msg_norm: bool = False,
        learn_msg_scale: bool = False,
        norm: str | None = "batch",
        num_layers: int = 2,
        expansion: int = 2,
        eps: float = 1e-7,
        bias: bool = False,
        edge_dim: int | None = None,
        *,
        sender_first: bool = False,
        flow: str = "source_to_target",
    ) -> None:
        super().__init__("add", flow, node_dim=0)
        for name, value in (("out_channels", out_channels), ("num_layers", num_layers)):
            check_count("GENConv", name, value, 1)
        check_count("GENConv", "expansion", expansion, 1)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.aggr = aggr
        self.norm = norm
        self.num_layers = num_layers
        self.expansion = expansion
        self.eps = float(eps)
        self.edge_dim = edge_dim
        self.sender_first = sender_first
        source, target = pair_of_channels("GENConv", in_channels)
        self.aggr_module = _aggregation(aggr, t, learn_t, p, learn_p)
        self.lin_src = self._linear(source, bias)
        self.lin_edge = None if edge_dim is None else self._linear(edge_dim, bias)
        self.lin_dst = self._linear(target, bias)
        self.mlp = _mlp(out_channels, num_layers, expansion, norm, bias)
        self.msg_norm = MessageNorm(learn_msg_scale) if msg_norm else None

    def _linear(self, in_channels: int, bias: bool) -> torch.nn.Linear | None:
        """What brings features of another size to the output's."""
        if in_channels == self.out_channels:
            return None
        return linear("GENConv", in_channels, self.out_channels, bias=bias)

    def reset_parameters(self) -> None:
        """Draw every map as :class:`torch.nn.Linear` does, set back what else is learned."""
        maps = (self.lin_src, self.lin_edge, self.lin_dst, self.mlp, self.msg_norm, self.aggr_module)
        for module in maps:
            if module is not None:
                reset(module)

    def forward(
        self,
        x: Tensor | tuple[Tensor, Tensor | None],
        edge_index: Tensor,
        edge_attr: Tensor | None = None,
        size: tuple[int, int] | None = None,
    ) -> Tensor:
        """The features of every target node after the convolution; see the class for shapes and errors."""
        source, target, count, _ = opened("GENConv", x, edge_index, size, self.flow, self.sender_first, 0)
        h = self._of_sources(source, edge_index)
        rowptr, col, perm = sorted_edges("GENConv", edge_index, self.flow, h.size(0), count)
        places = col
        messages = h
        if edge_attr is not None:
            sender = edge_index[ends(self.flow)[1]]
            messages = h.index_select(0, sender) + self._of_edges(edge_attr, edge_index, source)
            places = perm
        out: Tensor = self.aggr_module(messages.relu() + self.eps, rowptr, places)
        if self.msg_norm is not None:
            out = self.msg_norm(h if target is None else target, out)
        if target is not None:
            out = with_own("GENConv", out, self._of_targets(target, edge_index))
        return self.mlp(out)  # type: ignore[no-any-return]

    def _of_sources(self, x: Tensor, edge_index: Tensor) -> Tensor:
        """Sending features of the output's size."""
        if self.lin_src is None:
            check_matrix("GENConv", x, edge_index, self._like_output())
            return x
        if not is_scripting():
            infer_size(self.lin_src, x)
        check_matrix("GENConv", x, edge_index, self.lin_src.weight)
        out: Tensor = self.lin_src(x)
        return out

    def _of_targets(self, x: Tensor, edge_index: Tensor) -> Tensor:
        """Receiving features of the output's size."""
        if self.lin_dst is None:
            check_matrix("GENConv", x, edge_index, self._like_output())
            return x
        if not is_scripting():
            infer_size(self.lin_dst, x)
        check_matrix("GENConv", x, edge_index, self.lin_dst.weight)
        out: Tensor = self.lin_dst(x)
        return out

    def _like_output(self) -> Tensor:
        """A tensor without elements, of the layer's dtype and as wide as its output."""
        weight = self.mlp[0].weight
        assert isinstance(weight, Tensor)
        return weight[:0]

    def _of_edges(self, edge_attr: Tensor, edge_index: Tensor, x: Tensor) -> Tensor:
        """Edge features of the output's size."""
        if self.lin_edge is None:
            return edge_attr_as("GENConv", edge_attr, edge_index, x, self.out_channels)
        if not is_scripting():
            infer_size(self.lin_edge, edge_attr.unsqueeze(1) if edge_attr.dim() == 1 else edge_attr)
        width = self.lin_edge.weight.size(1)
        out: Tensor = self.lin_edge(edge_attr_as("GENConv", edge_attr, edge_index, x, width))
        return out


def _aggregation(aggr: str, t: float, learn_t: bool, p: float, learn_p: bool) -> torch.nn.Module:
    if aggr == "softmax" or aggr == "softmax_sg":
        if aggr == "softmax_sg" and learn_t:
            raise ValueError(
                "geocompile.GENConv: aggr='softmax_sg' has no gradient that learn_t=True could follow"
            )
        return SoftmaxOfMessages(t, learn_t, aggr == "softmax_sg")
    if aggr == "powermean" or aggr == "power":
        return PowerMeanOfMessages(p, learn_p)
    if not isinstance(aggr, str) or aggr not in _PLAIN:
        raise ValueError(
            f"geocompile.GENConv: aggr must be one of softmax, softmax_sg, powermean, {', '.join(_PLAIN)}, got {aggr!r}"
        )
    return ReducedMessages(_PLAIN[aggr])


def _mlp(channels: int, num_layers: int, expansion: int, norm: str | None, bias: bool) -> torch.nn.Sequential:
    if norm is not None and norm not in _NORMS:
        raise ValueError(f"geocompile.GENConv: norm must be one of {', '.join(_NORMS)} or None, got {norm!r}")
    widths = [channels, *[channels * expansion] * (num_layers - 1), channels]
    modules: list[torch.nn.Module] = []
    for k in range(num_layers):
        modules.append(linear("GENConv", widths[k], widths[k + 1], bias=bias))
        if k < num_layers - 1:
            modules += [_NORMS[norm](widths[k + 1])] if norm is not None else []
            modules += [torch.nn.ReLU(), torch.nn.Dropout(0.0)]
    return torch.nn.Sequential(*modules)
