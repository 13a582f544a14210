"""DNAConv: every node chooses by attention which layer of each neighbour it reads."""

import math

import torch
from torch import Tensor

from geocompile.custom_ops import dot_coefficients, gather_segment_reduce
from geocompile.layers.common.checks import check_edge_index, check_features
from geocompile.layers.common.grouped_linear import GroupedLinear
from geocompile.layers.common.normalised import NormalisedConv
from geocompile.layers.common.propagation import row_of_each


class MultiHead(torch.nn.Module):
    """The maps to queries, keys and values, under the names that PyG's state dict has."""

    def __init__(self, channels: int, groups: int, bias: bool) -> None:
        super().__init__()
        self.lin_q = GroupedLinear(channels, groups, bias)
        self.lin_k = GroupedLinear(channels, groups, bias)
        self.lin_v = GroupedLinear(channels, groups, bias)

    def reset_parameters(self) -> None:
        """Draw weights and biases."""
        for lin in (self.lin_q, self.lin_k, self.lin_v):
            lin.reset_parameters()


class DNAConv(NormalisedConv):
    r"""The dynamic neighbourhood aggregation operator.

    .. math::
        \mathbf{x}'_i = \sum_{j \in \mathcal{N}(i) \cup \{i\}} c_{ij} \sum_{l=1}^{L} \alpha_{ijl} \,
        \mathbf{x}_j^{(l)} \Theta_V, \qquad
        \alpha_{ijl} = \frac{\exp s_{ijl}}{1 + \sum_m \exp s_{ijm}}, \qquad
        s_{ijl} = \frac{\langle \mathbf{x}_i^{(L)} \Theta_Q, \, \mathbf{x}_j^{(l)} \Theta_K \rangle}{\sqrt{d}}

    in each of several heads of size d, every projection with a bias. The 1 in the denominator is a score of 0 that
    lets a node read nothing. c is the normalised adjacency matrix of :class:`GCNConv`. Equal to PyG 2.8.1's DNAConv,
    state dict included, which however needs ``edge_weight`` where it does not normalise.

    Keys and values are projected at the nodes. Of the edges there are tensors of shape [num_edges, channels] (the
    queries) and [num_edges, num_layers, heads], none of [num_edges, num_layers, channels].

    Args:
        channels: size of the input and the output features, a multiple of ``heads`` and of ``groups``.
        heads: number of attention heads; a multiple of ``groups`` or a divisor of it.
        groups: number of parts of the features with projections of their own.
        dropout: probability that a coefficient is left out in training.
        cached: compute the normalised graph on the first call only and ignore the edges of later calls. Engines hold
            the graph as a constant and take as many nodes as it has.
        bias: the projections have biases.
        normalize: False: c is the weight of the edge.
        add_self_loops: default: as ``normalize``.
        flow: as in :class:`MessagePassing`.

    Shapes:
        ``x`` [num_nodes, num_layers, channels] (float32, float64, float16 or bfloat16), ``edge_index`` [2, num_edges]
        (int64 or int32), ``edge_weight`` [num_edges]; result [num_nodes, channels].

    Raises:
        TypeError, ValueError: an argument has the wrong type, dtype, shape or device.
        IndexError: a node number is negative or too large.

    Source: Fey, "Just jump: dynamic neighborhood aggregation in graph neural networks" (2019).

    >>> conv = DNAConv(1, bias=False)
    >>> for weight in conv.parameters():
    ...     _ = torch.nn.init.zeros_(weight)
    >>> _ = torch.nn.init.ones_(conv.multi_head.lin_v.weight)
    >>> with torch.no_grad():
    ...     conv(torch.tensor([[[3.0], [6.0]], [[6.0], [0.0]]]), torch.tensor([[0], [1]]))
    tensor([[3.0000],
            [3.1213]])
    """

    def __init__(
        self,
        channels: int,
        heads: int = 1,
        groups: int = 1,
        dropout: float = 0,
        cached: bool = False,
        bias: bool = True,
        *,
        normalize: bool = True,
        add_self_loops: bool | None = None,
        flow: str = "source_to_target",
    ) -> None:
        super().__init__("add", flow, 0, cached=cached, normalize=normalize, add_self_loops=add_self_loops)
        for name, parts in (("heads", heads), ("groups", groups)):
            if not isinstance(parts, int) or parts < 1 or channels % parts != 0:
                raise ValueError(f"geocompile.DNAConv: {name} must divide channels={channels}, got {parts!r}")
        if max(heads, groups) % min(heads, groups) != 0:
            raise ValueError(
                f"geocompile.DNAConv: of heads={heads} and groups={groups} one must divide the other"
            )
        if not 0.0 <= dropout <= 1.0:
            raise ValueError(f"geocompile.DNAConv: dropout must lie between 0 and 1, got {dropout}")
        self.channels = channels
        self.heads = heads
        self.groups = groups
        self.dropout = float(dropout)
        self.has_bias = bias
        self.multi_head = MultiHead(channels, groups, bias)

    def reset_parameters(self) -> None:
        """Draw the projections, forget the cached graph."""
        self.multi_head.reset_parameters()
        self._cached = None

    def forward(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None = None) -> Tensor:
        """The features that every node reads; see the class for shapes and errors."""
        check_edge_index("DNAConv", edge_index)
        check_features("DNAConv", x, edge_index, self.multi_head.lin_q.weight, self.channels, 0)
        if x.dim() != 3 or x.size(1) == 0:
            raise ValueError(
                f"geocompile.DNAConv: x must have shape [num_nodes, num_layers, {self.channels}] with at least one "
                f"layer, got {list(x.shape)}"
            )
        rowptr, col, weight, self_weight = self._graph(x, edge_index, edge_weight)
        query = self._in_heads(self.multi_head.lin_q(x[:, -1]))
        key = self._in_heads(self.multi_head.lin_k(x))
        value = self._in_heads(self.multi_head.lin_v(x))
        alpha = self._read_over_edges(query, key, rowptr, col)
        if weight is not None:
            alpha = alpha * weight.view(-1, 1, 1)
        out = gather_segment_reduce(
            value.flatten(0, 1), rowptr * x.size(1), _layers_of(col, x.size(1)).flatten(), alpha.flatten(0, 1)
        )
        if self_weight is not None:
            alpha = self._read_at_nodes(query, key) * self_weight.view(-1, 1, 1)
            out = out + (alpha.unsqueeze(3) * value).sum(1)
        return out.flatten(1)

    def _in_heads(self, x: Tensor) -> Tensor:
        parts: Tensor = x.unflatten(-1, [self.heads, self.channels // self.heads])  # type: ignore[no-untyped-call]
        return parts

    def _read_over_edges(self, query: Tensor, key: Tensor, rowptr: Tensor, col: Tensor) -> Tensor:
        """The coefficients ``[num_edges, num_layers, heads]``: for the operator every edge is a row of its own.

        What an edge's row holds are the layers of the sending node, and last a zero vector, whose score is the 0 of
        the denominator.
        """
        num_layers, num_edges = key.size(1), col.size(0)
        keys = torch.nn.functional.pad(key.flatten(0, 1), [0, 0, 0, 0, 0, 1])
        nothing = torch.full_like(col, key.size(0) * num_layers).unsqueeze(1)
        places = torch.cat([_layers_of(col, num_layers), nothing], dim=1).flatten()
        starts = torch.arange(num_edges + 1, dtype=rowptr.dtype, device=rowptr.device) * (num_layers + 1)
        rows = row_of_each(rowptr, num_edges)
        alpha = dot_coefficients(query.index_select(0, rows), keys, starts, places, self._scale())
        return self._dropped(alpha.view(-1, num_layers + 1, self.heads)[:, :-1])

    def _read_at_nodes(self, query: Tensor, key: Tensor) -> Tensor:
        """The same for every node and itself, ``[num_nodes, num_layers, heads]``."""
        scores = (query.unsqueeze(1) * key).sum(3) * self._scale()
        return self._dropped(torch.nn.functional.pad(scores, [0, 0, 0, 1]).softmax(1)[:, :-1])

    def _dropped(self, alpha: Tensor) -> Tensor:
        return torch.nn.functional.dropout(alpha, self.dropout, self.training)

    def _scale(self) -> float:
        return 1.0 / math.sqrt(self.channels // self.heads)


def _layers_of(col: Tensor, num_layers: int) -> Tensor:
    """Where the layers of each sending node stand, ``[num_edges, num_layers]``."""
    return col.unsqueeze(1) * num_layers + torch.arange(num_layers, dtype=col.dtype, device=col.device)
