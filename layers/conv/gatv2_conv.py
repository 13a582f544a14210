"""GATv2Conv: a weighted sum of neighbours whose scores depend on both ends of an edge together."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.jit import is_scripting  # type: ignore[attr-defined]

from geocompile.custom_ops import additive_attention, additive_coefficients, gather_segment_reduce
from geocompile.layers.common.attention import (
    AttentionGraph,
    check_matrix,
    check_options,
    listed_with_loops,
    two_types_of_result,
    with_loops,
    with_row_of_loops,
)
from geocompile.layers.common.checks import edge_attr_as
from geocompile.layers.common.linear import glorot_, infer_size, linear, pair_of_channels
from geocompile.layers.common.loop_features import LoopFeatures
from geocompile.layers.common.node_numbers import sorted_edges
from geocompile.layers.common.pairs import as_many_rows, opened, smaller, with_own
from geocompile.layers.common.propagation import ends
from geocompile.layers.message_passing import MessagePassing


class _Terms(NamedTuple):
    """What one call computes before the attention."""

    graph: AttentionGraph  # the loops are edges of it
    sent: Tensor  # [num_sources, heads, channels]
    received: Tensor  # [num_rows, heads, channels]
    num_receiving: int  # one less than num_rows where loops were appended
    residual: Tensor | None


class GATv2Conv(MessagePassing):
    r"""The graph attentional operator with dynamic attention.

    .. math::
        \mathbf{x}'_i = \sum_{j \in \mathcal{N}(i) \cup \{i\}} \alpha_{i,j} \Theta_l \mathbf{x}_j + \mathbf{b}, \qquad
        \alpha_{i,j} = \mathrm{softmax}_j \, \mathbf{a}^\top \mathrm{LeakyReLU}\left(\Theta_r \mathbf{x}_i +
        \Theta_l \mathbf{x}_j + \Theta_e \mathbf{e}_{ji}\right)

    in each of several heads; :math:`\Theta_l` and :math:`\Theta_r` have biases. Equal to PyG 2.8.1's GATv2Conv, state
    dict included; with ``flow="target_to_source"`` the features of self-loops come from the edges that a node
    receives (PyG takes those that it sends). No tensor of shape [num_edges, heads, channels] exists, and without
    dropout none of shape [num_edges, heads].

    Args:
        in_channels: size of the input features, -1 to take it from the first input; a pair for source and target.
        out_channels: size of the output features of one head.
        heads: number of heads.
        concat: the heads' results one behind the other; False: their mean.
        negative_slope: of the LeakyReLU.
        dropout: probability with which a coefficient is dropped in training.
        add_self_loops: every node is its own neighbour once; of a pair of features, as many nodes as the smaller side
            has, numbered alike on both. False: the edges are taken as they are.
        edge_dim: size of the edge features; None: there are none.
        fill_value: edge features of the self-loops: a number, a tensor [edge_dim], or how those of the other edges
            that the node receives are reduced: ``"mean"``, ``"add"``, ``"max"``, ``"min"`` or ``"mul"``.
        bias: add a learned bias, in the maps too.
        share_weights: :math:`\Theta_r` is :math:`\Theta_l`.
        residual: add a further map of :math:`\mathbf{x}_i`.
        sender_first: a pair is sending and receiving features whatever the flow, as in PyG 2.8.1; default: ``x[k]``
            belongs to ``edge_index[k]``.
        flow: as in :class:`MessagePassing`.

    Shapes:
        ``x`` [num_nodes, in_channels] (float32, float64, float16 or bfloat16) or a pair
        ([num_sources, in_channels[0]], [num_targets, in_channels[1]]), ``edge_index`` [2, num_edges] (int64 or int32),
        ``edge_attr`` [num_edges, edge_dim] or None for no such term; result [num_targets, heads * out_channels], or
        [num_targets, out_channels] without ``concat``.

    Raises:
        TypeError, ValueError: an argument has the wrong type, dtype, shape or device.
        IndexError: a node number is negative or too large.

    Source: Brody et al., "How attentive are graph attention networks?" (2022).

    >>> conv = GATv2Conv(1, 1, bias=False)
    >>> for weight in conv.parameters():
    ...     _ = torch.nn.init.zeros_(weight)
    >>> _ = torch.nn.init.ones_(conv.lin_l.weight)
    >>> with torch.no_grad():  # scores of 0: the mean of a node and its neighbours
    ...     conv(torch.tensor([[1.0], [2.0], [6.0]]), torch.tensor([[1, 2], [0, 0]]))
    tensor([[3.],
            [2.],
            [6.]])
    """

    computes_in_forward = True

    def __init__(
        self,
        in_channels: int | tuple[int, int],
        out_channels: int,
        heads: int = 1,
        concat: bool = True,
        negative_slope: float = 0.2,
        dropout: float = 0.0,
        add_self_loops: bool = True,
        edge_dim: int | None = None,
        fill_value: float | Tensor | str = "mean",
        bias: bool = True,
        share_weights: bool = False,
        residual: bool = False,
        *,
        sender_first: bool = False,
        flow: str = "source_to_target",
    ) -> None:
        super().__init__("add", flow, node_dim=0)
        check_options("GATv2Conv", heads, negative_slope=negative_slope, dropout=dropout)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.heads = heads
        self.concat = concat
        self.negative_slope = float(negative_slope)
        self.dropout = float(dropout)
        self.add_self_loops = add_self_loops
        self.edge_dim = edge_dim
        self.fill_value = fill_value
        self.share_weights = share_weights
        self.residual = residual
        self.sender_first = sender_first
        self._make_parameters(bias)
        self.loop_features = LoopFeatures("GATv2Conv", fill_value, edge_dim)
        self.reset_parameters()

    def _make_parameters(self, bias: bool) -> None:
        source, target = pair_of_channels("GATv2Conv", self.in_channels)
        if self.share_weights and source != target:
            raise ValueError(
                f"geocompile.GATv2Conv: share_weights=True needs as many channels on both sides, got {self.in_channels}"
            )
        width, out = self.heads * self.out_channels, self.out_channels * (self.heads if self.concat else 1)
        self.lin_l = self._linear(source, width, bias)
        self.lin_r = self.lin_l if self.share_weights else self._linear(target, width, bias)
        self.att = torch.nn.Parameter(torch.empty(1, self.heads, self.out_channels))
        self.lin_edge = None if self.edge_dim is None else self._linear(self.edge_dim, width, False)
        self.res = self._linear(target, out, False) if self.residual else None
        self.bias = torch.nn.Parameter(torch.empty(out)) if bias else None

    @staticmethod
    def _linear(in_channels: int, out_channels: int, bias: bool) -> torch.nn.Linear:
        return linear("GATv2Conv", in_channels, out_channels, bias=bias, glorot=True)

    def reset_parameters(self) -> None:
        """Draw every weight and the attention vectors (Glorot), set the biases to 0."""
        for module in (self.lin_l, self.lin_r, self.lin_edge, self.res):
            if module is not None:
                module.reset_parameters()
        glorot_(self.att)
        if self.bias is not None:
            torch.nn.init.zeros_(self.bias)

    def forward(
        self,
        x: Tensor | tuple[Tensor, Tensor | None],
        edge_index: Tensor,
        edge_attr: Tensor | None = None,
        return_attention_weights: bool | None = None,
    ) -> Tensor:
        """The features of every target node after the convolution; see the class for shapes and errors.

        With ``return_attention_weights=True`` what :meth:`forward_with_attention` returns, except in TorchScript,
        where a method has one type of result: call that method there.
        """
        if return_attention_weights is not None and return_attention_weights:
            if not is_scripting():
                return self.forward_with_attention(x, edge_index, edge_attr)  # type: ignore[return-value]
            raise ValueError(two_types_of_result("GATv2Conv"))
        terms = self._terms(x, edge_index, edge_attr)
        if self.training and self.dropout > 0.0:
            return self._finished(terms, self._weighted_sum(terms, self._coefficients(terms)))
        graph = terms.graph
        out = additive_attention(
            terms.received,
            terms.sent,
            self.att.squeeze(0),
            graph.rowptr,
            graph.col,
            self.negative_slope,
            graph.edge,
            self._edge_weight(graph.edge),
        )
        return self._finished(terms, out)

    @torch.jit.export
    def forward_with_attention(
        self,
        x: Tensor | tuple[Tensor, Tensor | None],
        edge_index: Tensor,
        edge_attr: Tensor | None = None,
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """The same, and the coefficients.

        Returns:
            The features, then ``edge_index`` [2, num_coefficients] and the coefficient of each edge
            [num_coefficients, heads], after dropout. Under ``add_self_loops`` these are the edges that are no loops, in
            their order, then the loops of the nodes; their number depends on values.
        """
        terms = self._terms(x, edge_index, edge_attr)
        alpha = self._coefficients(terms)
        out = self._finished(terms, self._weighted_sum(terms, alpha))
        by_edge = torch.empty_like(alpha).index_copy(0, terms.graph.perm.long(), alpha)
        if not self.add_self_loops:
            return out, (edge_index, by_edge)
        num_edges = edge_index.size(1)
        return out, listed_with_loops(edge_index, by_edge[:num_edges], by_edge[num_edges:])

    def _terms(
        self, x: Tensor | tuple[Tensor, Tensor | None], edge_index: Tensor, edge_attr: Tensor | None
    ) -> _Terms:
        source, target, num_receiving, is_pair = opened(
            "GATv2Conv", x, edge_index, None, self.flow, self.sender_first, 0
        )
        if target is None:
            raise ValueError("geocompile.GATv2Conv: the receiving features of the pair x are None; give both")
        if not is_scripting():
            self._infer_sizes(source, target, edge_attr)
        check_matrix("GATv2Conv", source, edge_index, self.lin_l.weight)
        check_matrix("GATv2Conv", target, edge_index, self.lin_r.weight)
        graph = self._graph(edge_index, edge_attr, source, num_receiving, target.size(0), is_pair)
        sent = self._in_heads(self.lin_l(source))
        is_same = self.share_weights and not is_pair
        received = sent if is_same else self._in_heads(self.lin_r(target))
        if is_pair:
            received = as_many_rows(received, num_receiving, self.flow, self.sender_first)
        if self.add_self_loops:
            received = with_row_of_loops(received)
        residual: Tensor | None = None
        if self.res is not None:
            residual = self.res(target)
        return _Terms(graph, sent, received, num_receiving, residual)

    def _in_heads(self, x: Tensor) -> Tensor:
        return x.view([x.size(0), self.heads, self.out_channels])

    def _infer_sizes(self, source: Tensor, target: Tensor, edge_attr: Tensor | None) -> None:
        if isinstance(edge_attr, Tensor) and edge_attr.dim() == 1:
            edge_attr = edge_attr.unsqueeze(1)
        for module, x in (
            (self.lin_l, source),
            (self.lin_r, target),
            (self.res, target),
            (self.lin_edge, edge_attr),
        ):
            if module is not None and isinstance(x, Tensor):
                infer_size(module, x)

    def _graph(
        self,
        edge_index: Tensor,
        edge_attr: Tensor | None,
        x: Tensor,
        num_receiving: int,
        num_read: int,
        is_pair: bool,
    ) -> AttentionGraph:
        i, _ = ends(self.flow)
        rowptr, col, perm = sorted_edges(
            "GATv2Conv", edge_index, self.flow, x.size(0), num_receiving, num_read
        )
        rows = edge_index[i].index_select(0, perm)
        edge: Tensor | None = None
        self_edge: Tensor | None = None
        if edge_attr is not None:
            if self.lin_edge is None:
                raise ValueError(
                    "geocompile.GATv2Conv: edge_attr is given, but edge_dim was None; set edge_dim"
                )
            edge_attr = edge_attr_as("GATv2Conv", edge_attr, edge_index, x, self.lin_edge.weight.size(1))
            edge = edge_attr.index_select(0, perm)
            if self.add_self_loops:
                self_edge = self.loop_features(edge_attr, edge, None, rows == col, rowptr, perm)
        graph = AttentionGraph(rowptr, col, perm, edge, self_edge)
        if not self.add_self_loops:
            return graph
        num_loops = smaller(smaller(x.size(0), num_receiving), num_read) if is_pair else num_receiving
        return with_loops(graph, rows, num_loops, num_receiving)

    def _edge_weight(self, edge: Tensor | None) -> Tensor | None:
        """:math:`\\Theta_e` as [heads, channels, edge_dim], where there are edge features."""
        if self.lin_edge is None or edge is None:
            return None
        return self.lin_edge.weight.view([self.heads, self.out_channels, edge.size(1)])

    def _coefficients(self, terms: _Terms) -> Tensor:
        """Of the edges in row order, after dropout."""
        graph = terms.graph
        alpha = additive_coefficients(
            terms.received,
            terms.sent,
            self.att.squeeze(0),
            graph.rowptr,
            graph.col,
            self.negative_slope,
            graph.edge,
            self._edge_weight(graph.edge),
        )
        return torch.nn.functional.dropout(alpha, self.dropout, self.training)

    def _weighted_sum(self, terms: _Terms, alpha: Tensor) -> Tensor:
        return gather_segment_reduce(terms.sent, terms.graph.rowptr, terms.graph.col, alpha, None, "sum")

    def _finished(self, terms: _Terms, out: Tensor) -> Tensor:
        """Heads brought together, residual and bias added."""
        out = out[: terms.num_receiving]
        out = out.flatten(1) if self.concat else out.mean(1)
        residual = terms.residual
        if residual is not None:
            out = with_own("GATv2Conv", out, residual)
        return out if self.bias is None else out + self.bias
