"""NNConv: neighbours multiplied by a matrix that a network makes of the edge's features."""

from typing import Any

import torch
from torch import Tensor
from torch.jit import is_scripting  # type: ignore[attr-defined]

from geocompile.custom_ops import gather_segment_reduce, segment_reduce
from geocompile.layers.common.checks import check_alike, check_matrix, check_module
from geocompile.layers.common.kernels import kernel_sum
from geocompile.layers.common.linear import Linear, infer_size, linear, pair_of_channels, reset
from geocompile.layers.common.networks import check_network
from geocompile.layers.common.node_numbers import sorted_edges
from geocompile.layers.common.pairs import opened, with_own
from geocompile.layers.message_passing import MessagePassing


class NNConv(MessagePassing):
    r"""The continuous kernel-based convolution, also known as edge-conditioned convolution.

    .. math::
        \mathbf{x}'_i = \Theta \mathbf{x}_i + \sum_{j \in \mathcal{N}(i)} \mathbf{x}_j \,
        h_\Theta(\mathbf{e}_{ji}) + \mathbf{b}

    where :math:`h_\Theta(\mathbf{e}_{ji})`, the result of ``nn`` read as [in_channels, out_channels], is a matrix of
    each edge. Equal to PyG 2.8.1's NNConv, state dict included, except that the constructor leaves the weights of
    ``nn`` as they are (there it draws them anew). PyG 1.2.0's ``root`` is ``lin.weight`` transposed.

    With sum or mean, and where ``nn`` is a :class:`torch.nn.Linear` or a :class:`torch.nn.Sequential` that ends in
    one, the matrices are never made: :math:`\sum_j \mathbf{x}_j (\mathbf{A}_0 + \sum_h z_{ji,h} \mathbf{A}_h)` sums
    features once for each hidden channel :math:`z_{ji,h}` and multiplies at the nodes. Nothing of the size
    [num_edges, in_channels * out_channels] exists then; it does with other networks, as it does in PyG, and for
    ``"max"``, ``"min"`` and ``"mul"``.

    Args:
        in_channels: size of the input features, -1 to take it from the input; a pair for source and target.
        out_channels: size of the output features.
        nn: :math:`h_\Theta`, a module that maps each row of [num_edges, edge_dim] to in_channels * out_channels
            numbers.
        aggr: ``"add"``, ``"mean"``, ``"max"``, ``"min"`` or ``"mul"`` of the neighbours.
        root_weight: the term :math:`\Theta \mathbf{x}_i`.
        bias: add a learned bias.
        sender_first: a pair is sending and receiving features whatever the flow, as in PyG 2.8.1; default: ``x[k]``
            belongs to ``edge_index[k]``.
        flow: as in :class:`MessagePassing`.

    Shapes:
        ``x`` [num_nodes, in_channels] or a pair ([num_sources, in_channels[0]], [num_targets, in_channels[1]] or
        None for no :math:`\Theta` term), ``edge_index`` [2, num_edges] (int64 or int32), ``edge_attr``
        [num_edges, edge_dim], or [num_edges] for one number, as ``nn`` takes them; ``size`` the number of nodes at
        ``edge_index[0]`` and ``edge_index[1]``; result [num_targets, out_channels].

    Raises:
        TypeError, ValueError: an argument has the wrong type, dtype, shape or device.
        IndexError: a node number is negative or too large.

    Source: Gilmer et al., "Neural message passing for quantum chemistry" (2017).

    >>> conv = NNConv(1, 1, torch.nn.Linear(1, 1, bias=False), root_weight=False, bias=False)
    >>> _ = torch.nn.init.ones_(conv.nn.weight)
    >>> with torch.no_grad():
    ...     conv(torch.tensor([[1.0], [2.0]]), torch.tensor([[1], [0]]), torch.tensor([[3.0]]))
    tensor([[6.],
            [0.]])
    """

    computes_in_forward = True
    # Read when the layer is called, or scripted: the network may have been replaced since the constructor.
    __constants__ = ("is_sequential", "ends_in_linear")
    __jit_unused_properties__ = ("is_sequential", "ends_in_linear")

    def __init__(
        self,
        in_channels: int | tuple[int, int],
        out_channels: int,
        nn: torch.nn.Module,
        aggr: str = "add",
        root_weight: bool = True,
        bias: bool = True,
        *,
        sender_first: bool = False,
        flow: str = "source_to_target",
    ) -> None:
        super().__init__(aggr, flow, node_dim=0)
        check_module("NNConv", "nn", nn)
        source, target = pair_of_channels("NNConv", in_channels)
        self.in_channels = in_channels
        self.source_channels = source
        self.out_channels = out_channels
        self.nn: Any = nn
        self.root_weight = root_weight
        self.sender_first = sender_first
        self.lin = linear("NNConv", target, out_channels, bias=False) if root_weight else None
        self.bias = torch.nn.Parameter(torch.zeros(out_channels)) if bias else None

    def reset_parameters(self) -> None:
        """Draw the weights anew, those of ``nn`` too; the bias is 0."""
        reset(self.nn)
        if self.lin is not None:
            self.lin.reset_parameters()
        if self.bias is not None:
            torch.nn.init.zeros_(self.bias)

    @property
    def is_sequential(self) -> bool:
        """Whether ``nn`` is a plain sequence of layers."""
        return type(self.nn) is torch.nn.Sequential and not _has_hooks(self.nn) and len(self.nn) > 0

    @property
    def ends_in_linear(self) -> bool:
        """Whether the last thing that ``nn`` does is a linear map, which sums over edges may overtake."""
        last = list(self.nn)[-1] if self.is_sequential else self.nn
        is_plain = type(last) in (torch.nn.Linear, Linear) and not _has_hooks(last)
        return is_plain and self._reduce in ("sum", "mean")

    def forward(
        self,
        x: Tensor | tuple[Tensor, Tensor | None],
        edge_index: Tensor,
        edge_attr: Tensor,
        size: tuple[int, int] | None = None,
    ) -> Tensor:
        """The features of every target node after the convolution; see the class for shapes and errors."""
        source, target, count, _ = opened("NNConv", x, edge_index, size, self.flow, self.sender_first, 0)
        check_matrix("NNConv", source, edge_index, source, self.source_channels)
        self._check_edges(edge_attr, edge_index, source)
        rowptr, col, perm = sorted_edges("NNConv", edge_index, self.flow, source.size(0), count)
        attr = edge_attr.unsqueeze(1) if edge_attr.dim() == 1 else edge_attr
        if not is_scripting():
            check_alike("NNConv", "x", source, "edge_attr", edge_attr)
            check_network("NNConv", "nn", self.nn, "edge_attr", attr, attr.size(-1))
        out = self._neighbours(source, rowptr, col, attr.index_select(0, perm))
        if self.lin is not None and target is not None:
            if not is_scripting():
                infer_size(self.lin, target)
            check_matrix("NNConv", target, edge_index, self.lin.weight, self.lin.in_features)
            out = with_own("NNConv", out, self.lin(target))
        return out if self.bias is None else out + self.bias

    def _check_edges(self, edge_attr: Tensor, edge_index: Tensor, x: Tensor) -> None:
        if not isinstance(edge_attr, Tensor):
            raise TypeError(
                f"geocompile.NNConv: edge_attr must be a tensor, one row for each edge, got {type(edge_attr)}"
            )
        if edge_attr.dim() < 1 or edge_attr.size(0) != edge_index.size(1):
            raise ValueError(
                f"geocompile.NNConv: edge_attr must have one row for each of the {edge_index.size(1)} edges of "
                f"edge_index, got shape {list(edge_attr.shape)}"
            )
        if edge_attr.device != x.device:
            raise ValueError(
                f"geocompile.NNConv: edge_attr is on {edge_attr.device} and x on {x.device}; move both to one device"
            )

    def _neighbours(self, x: Tensor, rowptr: Tensor, col: Tensor, edge_attr: Tensor) -> Tensor:
        if self.ends_in_linear:
            if self.is_sequential:
                hidden, last = edge_attr, len(self.nn) - 1
                weight, bias = self.nn[-1].weight, self.nn[-1].bias
                for place, module in enumerate(self.nn):
                    if place < last:
                        hidden = module(hidden)
            else:
                hidden, weight, bias = edge_attr, self.nn.weight, self.nn.bias
            return self._pulled_out(x, rowptr, col, hidden, weight, bias)
        else:  # noqa: RET505  (TorchScript compiles what stands behind a return)
            matrices = self._checked(self.nn(edge_attr), x).view([col.size(0), x.size(1), self.out_channels])
            messages = torch.bmm(x.index_select(0, col).unsqueeze(1), matrices).squeeze(1)
            return segment_reduce(messages, rowptr, None, self._reduce)

    def _pulled_out(
        self, x: Tensor, rowptr: Tensor, col: Tensor, hidden: Tensor, weight: Tensor, bias: Tensor | None
    ) -> Tensor:
        """What the last linear map's input sums to, times its weight: ``[num_targets, out_channels]``."""
        matrices = self._checked(weight.t(), x).view([weight.size(1), x.size(1), self.out_channels])
        out = kernel_sum(x, rowptr, col, hidden, matrices, self._reduce)
        if bias is not None:
            out = out + gather_segment_reduce(x, rowptr, col, None, None, self._reduce) @ bias.view(
                [x.size(1), self.out_channels]
            )
        return out

    def _checked(self, rows: Tensor, x: Tensor) -> Tensor:
        """Rows of in_channels * out_channels numbers."""
        if rows.dim() != 2 or rows.size(1) != x.size(1) * self.out_channels:
            raise ValueError(
                f"geocompile.NNConv: nn must give in_channels * out_channels = {x.size(1) * self.out_channels} numbers "
                f"for each edge, got shape {list(rows.shape)}"
            )
        return rows


def _has_hooks(module: torch.nn.Module) -> bool:
    return bool(module._forward_hooks or module._forward_pre_hooks)
