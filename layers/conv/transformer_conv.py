"""TransformerConv: every node attends to its neighbours by scaled dot products."""

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.jit import is_scripting  # type: ignore[attr-defined]

from geocompile.custom_ops import dot_attention, dot_coefficients, gather_segment_reduce
from geocompile.layers.common.attention import check_matrix, check_options, two_types_of_result
from geocompile.layers.common.checks import edge_attr_as
from geocompile.layers.common.grouped_linear import grouped_product
from geocompile.layers.common.linear import infer_size, linear, pair_of_channels
from geocompile.layers.common.node_numbers import sorted_edges
from geocompile.layers.common.pairs import opened
from geocompile.layers.message_passing import MessagePassing


class _Terms(NamedTuple):
    """What one call computes before the attention; H heads of C channels, D edge features."""

    rowptr: Tensor
    col: Tensor
    perm: Tensor
    target: Tensor  # [num_targets, in_channels]
    query: Tensor  # [num_targets, H, C]
    key: Tensor  # [num_sources, H, C]
    value: Tensor  # [num_sources, H, C]
    edge_query: Tensor | None  # [num_targets, H, D]
    edge: Tensor | None  # [num_edges, D], in row order


class TransformerConv(MessagePassing):
    r"""The graph transformer operator.

    .. math::
        \mathbf{x}'_i = \mathbf{W}_1 \mathbf{x}_i + \mathbf{m}_i, \qquad
        \mathbf{m}_i = \sum_{j \in \mathcal{N}(i)} \alpha_{i,j} \left(\mathbf{W}_2 \mathbf{x}_j +
        \mathbf{W}_6 \mathbf{e}_{ji}\right), \qquad
        \alpha_{i,j} = \mathrm{softmax}_j \frac{\langle \mathbf{W}_3 \mathbf{x}_i, \, \mathbf{W}_4 \mathbf{x}_j +
        \mathbf{W}_6 \mathbf{e}_{ji} \rangle}{\sqrt{d}}

    in each of several heads of size d; all maps but :math:`\mathbf{W}_6` have biases. With ``beta``

    .. math::
        \mathbf{x}'_i = \beta_i \mathbf{W}_1 \mathbf{x}_i + (1 - \beta_i) \mathbf{m}_i, \qquad
        \beta_i = \mathrm{sigmoid}\left(\mathbf{w}_5^\top \left[\mathbf{m}_i, \mathbf{W}_1 \mathbf{x}_i,
        \mathbf{m}_i - \mathbf{W}_1 \mathbf{x}_i\right]\right)

    Equal to PyG 2.8.1's TransformerConv, state dict included. No tensor of shape [num_edges, heads, channels] exists,
    and without dropout none of shape [num_edges, heads]: :math:`\mathbf{W}_6` goes to the queries and to the sums of
    edge features.

    Args:
        in_channels: size of the input features, -1 to take it from the first input; a pair for source and target.
        out_channels: size of the output features of one head, d.
        heads: number of heads.
        concat: the heads' results one behind the other; False: their mean.
        beta: weigh the node's own features against its neighbours' as above.
        dropout: probability with which a coefficient is dropped in training.
        edge_dim: size of the edge features; None: there are none.
        bias: the maps have biases.
        root_weight: False: no :math:`\mathbf{W}_1 \mathbf{x}_i`, and no ``beta``.
        sender_first: a pair is sending and receiving features whatever the flow, as in PyG 2.8.1; default: ``x[k]``
            belongs to ``edge_index[k]``.
        flow: as in :class:`MessagePassing`.

    Shapes:
        ``x`` [num_nodes, in_channels] (float32, float64, float16 or bfloat16) or a pair
        ([num_sources, in_channels[0]], [num_targets, in_channels[1]]), ``edge_index`` [2, num_edges] (int64 or int32),
        ``edge_attr`` [num_edges, edge_dim], given if and only if there is an ``edge_dim``; result
        [num_targets, heads * out_channels], or [num_targets, out_channels] without ``concat``.

    Raises:
        TypeError, ValueError: an argument has the wrong type, dtype, shape or device.
        IndexError: a node number is negative or too large.

    Source: Shi et al., "Masked label prediction: unified message passing model for semi-supervised classification"
    (2021).

    >>> conv = TransformerConv(1, 1, bias=False)
    >>> for weight in conv.parameters():
    ...     _ = torch.nn.init.zeros_(weight)
    >>> _ = torch.nn.init.ones_(conv.lin_value.weight)
    >>> with torch.no_grad():  # scores of 0: the mean of the neighbours
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
        heads: int = 1,
        concat: bool = True,
        beta: bool = False,
        dropout: float = 0.0,
        edge_dim: int | None = None,
        bias: bool = True,
        root_weight: bool = True,
        *,
        sender_first: bool = False,
        flow: str = "source_to_target",
    ) -> None:
        super().__init__("add", flow, node_dim=0)
        check_options("TransformerConv", heads, dropout=dropout)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.heads = heads
        self.concat = concat
        self.beta = beta and root_weight
        self.dropout = float(dropout)
        self.edge_dim = edge_dim
        self.root_weight = root_weight
        self.sender_first = sender_first
        source, target = pair_of_channels("TransformerConv", in_channels)
        width, out = heads * out_channels, out_channels * (heads if concat else 1)
        self.lin_key = self._linear(source, width, bias)
        self.lin_query = self._linear(target, width, bias)
        self.lin_value = self._linear(source, width, bias)
        self.lin_edge = None if edge_dim is None else self._linear(edge_dim, width, False)
        # There without root_weight too, for the state dict that PyG has.
        self.lin_skip = self._linear(target, out, bias)
        self.lin_beta = self._linear(3 * out, 1, False) if self.beta else None

    @staticmethod
    def _linear(in_channels: int, out_channels: int, bias: bool) -> torch.nn.Linear:
        return linear("TransformerConv", in_channels, out_channels, bias=bias)

    def reset_parameters(self) -> None:
        """Draw every weight and bias as :class:`torch.nn.Linear` does."""
        maps = (
            self.lin_key,
            self.lin_query,
            self.lin_value,
            self.lin_edge,
            self.lin_skip,
            self.lin_beta,
        )
        for module in maps:
            if module is not None:
                module.reset_parameters()

    def forward(
        self,
        x: Tensor | tuple[Tensor, Tensor | None],
        edge_index: Tensor,
        edge_attr: Tensor | None = None,
        return_attention_weights: bool | None = None,
    ) -> Tensor:
        """The features of every target node after the convolution; see the class for shapes and errors.

        With ``return_attention_weights``, whether True or False, what :meth:`forward_with_attention` returns, except
        in TorchScript, where a method has one type of result: call that method there.
        """
        if return_attention_weights is not None:
            if not is_scripting():
                return self.forward_with_attention(x, edge_index, edge_attr)  # type: ignore[return-value]
            raise ValueError(two_types_of_result("TransformerConv"))
        terms = self._terms(x, edge_index, edge_attr)
        if self.training and self.dropout > 0.0:
            return self._finished(terms, self._dropped_sum(terms, self._coefficients(terms)))
        out, edge_out = dot_attention(
            terms.query,
            terms.key,
            terms.value,
            terms.rowptr,
            terms.col,
            self._scale(),
            terms.edge_query,
            terms.edge,
        )
        return self._finished(terms, self._with_edges(out, edge_out))

    @torch.jit.export
    def forward_with_attention(
        self,
        x: Tensor | tuple[Tensor, Tensor | None],
        edge_index: Tensor,
        edge_attr: Tensor | None = None,
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """The same, and the coefficients.

        Returns:
            The features, then ``edge_index`` and the coefficient of each edge [num_edges, heads], before dropout.
        """
        terms = self._terms(x, edge_index, edge_attr)
        alpha = self._coefficients(terms)
        out = self._finished(terms, self._dropped_sum(terms, alpha))
        return out, (edge_index, torch.empty_like(alpha).index_copy(0, terms.perm.long(), alpha))

    def _terms(
        self, x: Tensor | tuple[Tensor, Tensor | None], edge_index: Tensor, edge_attr: Tensor | None
    ) -> _Terms:
        source, target, _, _ = opened("TransformerConv", x, edge_index, None, self.flow, self.sender_first, 0)
        if target is None:
            raise ValueError(
                "geocompile.TransformerConv: the receiving features of the pair x are None; give both"
            )
        if not is_scripting():
            self._infer_sizes(source, target, edge_attr)
        check_matrix("TransformerConv", source, edge_index, self.lin_key.weight)
        check_matrix("TransformerConv", target, edge_index, self.lin_query.weight)
        rowptr, col, perm = sorted_edges(
            "TransformerConv", edge_index, self.flow, source.size(0), target.size(0)
        )
        query = self._in_heads(self.lin_query(target))
        key, value = self._in_heads(self.lin_key(source)), self._in_heads(self.lin_value(source))
        edge = self._edge_features(edge_attr, edge_index, source)
        edge_query: Tensor | None = None
        if edge is not None:
            edge, edge_query = edge.index_select(0, perm), grouped_product(query, self._edge_weight())
        return _Terms(rowptr, col, perm, target, query, key, value, edge_query, edge)

    def _in_heads(self, x: Tensor) -> Tensor:
        return x.view([x.size(0), self.heads, self.out_channels])

    def _infer_sizes(self, source: Tensor, target: Tensor, edge_attr: Tensor | None) -> None:
        for module, x in (
            (self.lin_key, source),
            (self.lin_value, source),
            (self.lin_query, target),
            (self.lin_skip, target),
        ):
            infer_size(module, x)
        if self.lin_edge is not None and isinstance(edge_attr, Tensor):
            infer_size(self.lin_edge, edge_attr.unsqueeze(1) if edge_attr.dim() == 1 else edge_attr)

    def _edge_features(self, edge_attr: Tensor | None, edge_index: Tensor, x: Tensor) -> Tensor | None:
        if self.lin_edge is None:
            if edge_attr is not None:
                raise ValueError(
                    "geocompile.TransformerConv: edge_attr is given, but edge_dim was None; set edge_dim"
                )
            return None
        if edge_attr is None:
            raise ValueError(
                "geocompile.TransformerConv: edge_attr is missing; with an edge_dim every edge has features"
            )
        return edge_attr_as("TransformerConv", edge_attr, edge_index, x, self.lin_edge.weight.size(1))

    def _edge_weight(self) -> Tensor:
        """:math:`\\mathbf{W}_6` as [heads, channels, edge_dim]."""
        assert self.lin_edge is not None
        weight = self.lin_edge.weight
        return weight.view([self.heads, self.out_channels, weight.size(1)])

    def _scale(self) -> float:
        return 1.0 / math.sqrt(max(self.out_channels, 1))

    def _coefficients(self, terms: _Terms) -> Tensor:
        """Of the edges in row order, before dropout."""
        return dot_coefficients(
            terms.query, terms.key, terms.rowptr, terms.col, self._scale(), terms.edge_query, terms.edge
        )

    def _dropped_sum(self, terms: _Terms, alpha: Tensor) -> Tensor:
        """The sums under the coefficients that are left after dropout."""
        alpha = torch.nn.functional.dropout(alpha, self.dropout, self.training)
        out = gather_segment_reduce(terms.value, terms.rowptr, terms.col, alpha, None, "sum")
        edge = terms.edge
        if edge is None:
            return out
        # One head after the other: together they would need the features of every edge once for each.
        places = torch.arange(edge.size(0), dtype=terms.col.dtype, device=edge.device)
        sums = [
            gather_segment_reduce(edge, terms.rowptr, places, alpha[:, h].contiguous(), None, "sum")
            for h in range(self.heads)
        ]
        return self._with_edges(out, torch.stack(sums, dim=1))

    def _with_edges(self, out: Tensor, edge_out: Tensor) -> Tensor:
        """The sums of values and, projected, those of edge features [num_targets, heads, edge_dim]."""
        if self.lin_edge is None:
            return out
        return out + grouped_product(edge_out, self._edge_weight().transpose(1, 2))

    def _finished(self, terms: _Terms, out: Tensor) -> Tensor:
        """Heads brought together, the node's own features added."""
        out = out.flatten(1) if self.concat else out.mean(1)
        if not self.root_weight:
            return out
        own: Tensor = self.lin_skip(terms.target)
        if self.lin_beta is None:
            return out + own
        beta: Tensor = self.lin_beta(torch.cat([out, own, out - own], dim=-1)).sigmoid()
        return beta * own + (1.0 - beta) * out
