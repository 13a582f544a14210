"""GATConv: a weighted sum of neighbours, the weights being a softmax of learned scores."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.jit import is_scripting  # type: ignore[attr-defined]
from torch.nn.functional import linear as linear_map

from geocompile.custom_ops import gat_aggregate, gat_coefficients, gather_segment_reduce
from geocompile.layers.common.attention import (
    AttentionGraph,
    check_matrix,
    check_options,
    folded,
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
    """What one call computes before the softmax."""

    graph: AttentionGraph
    x: Tensor  # [num_sources, heads, channels]
    source: Tensor  # scores, [num_sources, heads]
    target: Tensor  # scores, [num_rows, heads]
    num_receiving: int  # one less than num_rows where loops were appended
    self_loops: bool  # the operator takes every node's loop as a term of its own
    residual: Tensor | None


class GATConv(MessagePassing):
    r"""The graph attentional operator.

    .. math::
        \mathbf{x}'_i = \sum_{j \in \mathcal{N}(i) \cup \{i\}} \alpha_{i,j} \Theta \mathbf{x}_j + \mathbf{b}, \qquad
        \alpha_{i,j} = \mathrm{softmax}_j \, \mathrm{LeakyReLU}\left(\mathbf{a}_t^\top \Theta \mathbf{x}_i +
        \mathbf{a}_s^\top \Theta \mathbf{x}_j + \mathbf{a}_e^\top \Theta_e \mathbf{e}_{ji}\right)

    in each of several heads. Equal to PyG 2.8.1's GATConv, state dict included; with ``flow="target_to_source"`` the
    features of self-loops come from the edges that a node receives (PyG takes those that it sends).

    No tensor of shape [num_edges, heads, channels] exists: scores are taken at the nodes, those of edge features by
    :math:`\Theta_e^\top \mathbf{a}_e`. Without dropout the coefficients are not stored either.

    Args:
        in_channels: size of the input features, -1 to take it from the first input; a pair for source and target,
            which then have a weight each.
        out_channels: size of the output features of one head.
        heads: number of heads.
        concat: the heads' results one behind the other; False: their mean.
        negative_slope: of the LeakyReLU.
        dropout: probability with which a coefficient is dropped in training.
        bias: add a learned bias.
        add_self_loops: every node is its own neighbour once; of a pair of features, as many nodes as the smaller side
            has, numbered alike on both. False: the edges are taken as they are.
        edge_dim: size of the edge features; None: ``edge_attr`` is ignored.
        fill_value: edge features of the self-loops: a number, a tensor [edge_dim], or how those of the other edges
            that the node receives are reduced: ``"mean"``, ``"add"``, ``"max"``, ``"min"`` or ``"mul"``.
        residual: add :math:`\Theta_r \mathbf{x}_i`.
        sender_first: a pair is sending and receiving features whatever the flow, as in PyG 2.8.1; default: ``x[k]``
            belongs to ``edge_index[k]``.
        flow: as in :class:`MessagePassing`.

    Shapes:
        ``x`` [num_nodes, in_channels] (float32, float64, float16 or bfloat16) or a pair
        ([num_sources, in_channels[0]], [num_targets, in_channels[1]] or None for no term of the target),
        ``edge_index`` [2, num_edges] (int64 or int32), ``edge_attr`` [num_edges, edge_dim], ``size`` the number of
        nodes at ``edge_index[0]`` and ``edge_index[1]``; result [num_targets, heads * out_channels], or
        [num_targets, out_channels] without ``concat``.

    Raises:
        TypeError, ValueError: an argument has the wrong type, dtype, shape or device.
        IndexError: a node number is negative or too large.

    Source: Veličković et al., "Graph attention networks" (2018).

    >>> conv = GATConv(1, 1, bias=False)
    >>> for weight in conv.parameters():
    ...     _ = torch.nn.init.zeros_(weight)
    >>> _ = torch.nn.init.ones_(conv.lin.weight)
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
        bias: bool = True,
        *,
        add_self_loops: bool = True,
        edge_dim: int | None = None,
        fill_value: float | Tensor | str = "mean",
        residual: bool = False,
        sender_first: bool = False,
        flow: str = "source_to_target",
    ) -> None:
        super().__init__("add", flow, node_dim=0)
        check_options("GATConv", heads, negative_slope=negative_slope, dropout=dropout)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.heads = heads
        self.concat = concat
        self.negative_slope = float(negative_slope)
        self.dropout = float(dropout)
        self.add_self_loops = add_self_loops
        self.edge_dim = edge_dim
        self.fill_value = fill_value
        self.residual = residual
        self.sender_first = sender_first
        self._make_parameters(bias)
        self.loop_features = LoopFeatures("GATConv", fill_value, edge_dim)
        self.reset_parameters()

    def _make_parameters(self, bias: bool) -> None:
        source, target = pair_of_channels("GATConv", self.in_channels)
        is_pair = isinstance(self.in_channels, (tuple, list))
        width, out = self.heads * self.out_channels, self.out_channels * (self.heads if self.concat else 1)
        self.lin = None if is_pair else self._linear(source, width)
        self.lin_src = self._linear(source, width) if is_pair else None
        self.lin_dst = self._linear(target, width) if is_pair else None
        self.att_src, self.att_dst = self._attention_vector(), self._attention_vector()
        self.lin_edge = None if self.edge_dim is None else self._linear(self.edge_dim, width)
        self.att_edge = None if self.edge_dim is None else self._attention_vector()
        self.res = self._linear(target, out) if self.residual else None
        self.bias = torch.nn.Parameter(torch.empty(out)) if bias else None

    @staticmethod
    def _linear(in_channels: int, out_channels: int) -> torch.nn.Linear:
        return linear("GATConv", in_channels, out_channels, bias=False, glorot=True)

    def _attention_vector(self) -> torch.nn.Parameter:
        return torch.nn.Parameter(torch.empty(1, self.heads, self.out_channels))

    def reset_parameters(self) -> None:
        """Draw every weight and attention vector (Glorot), set the bias to 0."""
        for module in (self.lin, self.lin_src, self.lin_dst, self.lin_edge, self.res):
            if module is not None:
                module.reset_parameters()
        for vector in (self.att_src, self.att_dst, self.att_edge):
            if vector is not None:
                glorot_(vector)
        if self.bias is not None:
            torch.nn.init.zeros_(self.bias)

    def forward(
        self,
        x: Tensor | tuple[Tensor, Tensor | None],
        edge_index: Tensor,
        edge_attr: Tensor | None = None,
        size: tuple[int, int] | None = None,
        return_attention_weights: bool | None = None,
    ) -> Tensor:
        """The features of every target node after the convolution; see the class for shapes and errors.

        With ``return_attention_weights=True`` what :meth:`forward_with_attention` returns, except in TorchScript,
        where a method has one type of result: call that method there.
        """
        if return_attention_weights is not None and return_attention_weights:
            if not is_scripting():
                return self.forward_with_attention(x, edge_index, edge_attr, size)  # type: ignore[return-value]
            raise ValueError(two_types_of_result("GATConv"))
        terms = self._terms(x, edge_index, edge_attr, size)
        if self.training and self.dropout > 0.0:
            alpha, self_alpha = self._coefficients(terms)
            return self._finished(terms, self._weighted_sum(terms, alpha, self_alpha))
        graph = terms.graph
        out = gat_aggregate(
            terms.x,
            graph.rowptr,
            graph.col,
            terms.source,
            terms.target,
            graph.edge,
            graph.self_edge,
            self.negative_slope,
            terms.self_loops,
        )
        return self._finished(terms, out)

    @torch.jit.export
    def forward_with_attention(
        self,
        x: Tensor | tuple[Tensor, Tensor | None],
        edge_index: Tensor,
        edge_attr: Tensor | None = None,
        size: tuple[int, int] | None = None,
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """The same, and the coefficients.

        Returns:
            The features, then ``edge_index`` [2, num_coefficients] and the coefficient of each edge
            [num_coefficients, heads], after dropout. Under ``add_self_loops`` these are the edges that are no loops, in
            their order, then the loops of the nodes; their number depends on values.
        """
        terms = self._terms(x, edge_index, edge_attr, size)
        alpha, self_alpha = self._coefficients(terms)
        out = self._finished(terms, self._weighted_sum(terms, alpha, self_alpha))
        by_edge = torch.empty_like(alpha).index_copy(0, terms.graph.perm.long(), alpha)
        if not self.add_self_loops:
            return out, (edge_index, by_edge)
        num_edges = edge_index.size(1)
        loops = self_alpha if terms.self_loops else by_edge[num_edges:]
        return out, listed_with_loops(edge_index, by_edge[:num_edges], loops)

    def _terms(
        self,
        x: Tensor | tuple[Tensor, Tensor | None],
        edge_index: Tensor,
        edge_attr: Tensor | None,
        size: tuple[int, int] | None,
    ) -> _Terms:
        source, target, num_receiving, is_pair = opened(
            "GATConv", x, edge_index, size, self.flow, self.sender_first, 0
        )
        if not is_scripting():
            self._infer_sizes(source, target, edge_attr)
        h, from_source, from_target = self._projected(source, target, edge_index, num_receiving, is_pair)
        num_read = num_receiving if target is None else target.size(0)
        graph = self._graph(edge_index, edge_attr, source, num_receiving, num_read)
        if is_pair and target is not None:
            from_target = as_many_rows(from_target, num_receiving, self.flow, self.sender_first)
        if is_pair and self.add_self_loops:
            rows = edge_index[ends(self.flow)[0]].index_select(0, graph.perm)
            num_loops = smaller(smaller(source.size(0), num_receiving), num_read)
            graph = with_loops(graph, rows, num_loops, num_receiving)
            from_target = with_row_of_loops(from_target)
        residual: Tensor | None = None
        if self.res is not None and target is not None:
            residual = self.res(target)
        self_loops = self.add_self_loops and not is_pair
        return _Terms(graph, h, from_source, from_target, num_receiving, self_loops, residual)

    def _projected(
        self, source: Tensor, target: Tensor | None, edge_index: Tensor, num_receiving: int, is_pair: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        """What is sent, [num_sources, heads, channels], and the scores of both ends."""
        source_weight, target_weight = self._weights()
        check_matrix("GATConv", source, edge_index, source_weight)
        h = linear_map(source, source_weight).view([source.size(0), self.heads, self.out_channels])
        to_source, to_target = folded(source_weight, self.att_src), folded(target_weight, self.att_dst)
        if target is None:
            from_source = linear_map(source, to_source)
            return h, from_source, from_source.new_zeros([num_receiving, self.heads])
        check_matrix("GATConv", target, edge_index, target_weight)
        if is_pair:
            return h, linear_map(source, to_source), linear_map(target, to_target)
        scores = linear_map(source, torch.cat([to_source, to_target]))  # one end is the other: read once
        return h, scores[:, : self.heads], scores[:, self.heads :]

    def _infer_sizes(self, source: Tensor, target: Tensor | None, edge_attr: Tensor | None) -> None:
        if isinstance(edge_attr, Tensor) and edge_attr.dim() == 1:
            edge_attr = edge_attr.unsqueeze(1)
        ends_of_modules = (
            (self.lin, source),
            (self.lin_src, source),
            (self.lin_dst, target),
            (self.res, target),
        )
        for module, x in (*ends_of_modules, (self.lin_edge, edge_attr)):
            if module is not None and isinstance(x, Tensor):
                infer_size(module, x)

    def _weights(self) -> tuple[Tensor, Tensor]:
        """Of the sending and of the receiving nodes."""
        if self.lin is not None:
            return self.lin.weight, self.lin.weight
        else:  # noqa: RET505  (TorchScript compiles what stands behind a return)
            assert self.lin_src is not None
            assert self.lin_dst is not None
            return self.lin_src.weight, self.lin_dst.weight

    def _graph(
        self,
        edge_index: Tensor,
        edge_attr: Tensor | None,
        x: Tensor,
        num_receiving: int,
        num_read: int,
    ) -> AttentionGraph:
        i, _ = ends(self.flow)
        rowptr, col, perm = sorted_edges("GATConv", edge_index, self.flow, x.size(0), num_receiving, num_read)
        edge: Tensor | None = None
        self_edge: Tensor | None = None
        if self.lin_edge is not None and self.att_edge is not None and edge_attr is not None:
            edge_attr = edge_attr_as("GATConv", edge_attr, edge_index, x, self.lin_edge.weight.size(1))
            weight = folded(self.lin_edge.weight, self.att_edge)
            edge = linear_map(edge_attr, weight).index_select(0, perm)
            if self.add_self_loops:
                is_loop = edge_index[i].index_select(0, perm) == col
                self_edge = self.loop_features(edge_attr, edge, weight, is_loop, rowptr, perm)
        return AttentionGraph(rowptr, col, perm, edge, self_edge)

    def _coefficients(self, terms: _Terms) -> tuple[Tensor, Tensor]:
        """Of the edges in row order and of the nodes' own loops, after dropout."""
        graph = terms.graph
        alpha, self_alpha = gat_coefficients(
            graph.rowptr,
            graph.col,
            terms.source,
            terms.target,
            graph.edge,
            graph.self_edge,
            self.negative_slope,
            terms.self_loops,
        )
        alpha = torch.nn.functional.dropout(alpha, self.dropout, self.training)
        return alpha, torch.nn.functional.dropout(self_alpha, self.dropout, self.training)

    def _weighted_sum(self, terms: _Terms, alpha: Tensor, self_alpha: Tensor) -> Tensor:
        own = self_alpha if terms.self_loops else None
        return gather_segment_reduce(terms.x, terms.graph.rowptr, terms.graph.col, alpha, own, "sum")

    def _finished(self, terms: _Terms, out: Tensor) -> Tensor:
        """Heads brought together, residual and bias added."""
        out = out[: terms.num_receiving]
        out = out.flatten(1) if self.concat else out.mean(1)
        residual = terms.residual
        if residual is not None:
            out = with_own("GATConv", out, residual)
        return out if self.bias is None else out + self.bias
