"""APPNP: propagation by personalised PageRank."""

import torch
from torch import Tensor

from geocompile.layers.common.checks import check_count, check_edge_index, check_features
from geocompile.layers.common.normalised import Graph, NormalisedConv
from geocompile.layers.common.propagation import nodes_back, nodes_first


class APPNP(NormalisedConv):
    r"""Approximate personalised propagation of neural predictions.

    .. math::
        \mathbf{X}^{(0)} = \mathbf{X}, \qquad
        \mathbf{X}^{(k)} = (1 - \alpha) \hat{\mathbf{D}}^{-1/2} \hat{\mathbf{A}} \hat{\mathbf{D}}^{-1/2}
        \mathbf{X}^{(k-1)} + \alpha \mathbf{X}^{(0)}, \qquad \mathbf{X}' = \mathbf{X}^{(K)}

    with the matrix of :class:`GCNConv`: an existing self-loop keeps its weight, a missing one gets 1. Equal to
    PyG 2.8.1's APPNP, whose third argument however is ``dropout``, and which has no dropout without edge weights
    unless it normalises.

    Args:
        K: number of propagations.
        alpha: the share of the node's own features that each of them adds, :math:`\alpha`.
        bias: accepted for the reference's sake, without effect: the layer has no parameters.
        dropout: probability that a normalised weight is left out of a propagation in training.
        cached: compute the normalised graph on the first call only and ignore the edges of later calls. Engines hold
            the graph as a constant and take as many nodes as it has.
        add_self_loops: default: as ``normalize``.
        normalize: False: the weights of the edges are used as they are.
        aggr: in place of the sum: ``"mean"``, or, without dropout, ``"max"`` or ``"min"``.
        flow: as in :class:`MessagePassing`.
        node_dim: the dimension of ``x`` that counts nodes.

    Shapes:
        ``x`` [num_nodes, channels] (float32, float64, float16 or bfloat16; further dimensions in front as
        ``node_dim`` says), ``edge_index`` [2, num_edges] (int64 or int32), ``edge_weight`` [num_edges];
        result of the shape of ``x``.

    Raises:
        TypeError, ValueError: an argument has the wrong type, dtype, shape or device.
        IndexError: a node number is negative or too large.

    Source: Klicpera et al., "Predict then propagate: graph neural networks meet personalized PageRank" (2019).

    >>> APPNP(K=1, alpha=0.5)(torch.tensor([[1.0], [2.0]]), torch.tensor([[0, 1], [1, 0]]))
    tensor([[1.2500],
            [1.7500]])
    """

    def __init__(
        self,
        K: int,
        alpha: float,
        bias: bool = True,
        *,
        dropout: float = 0.0,
        cached: bool = False,
        add_self_loops: bool | None = None,
        normalize: bool = True,
        aggr: str = "add",
        flow: str = "source_to_target",
        node_dim: int = -2,
    ) -> None:
        super().__init__(
            aggr, flow, node_dim, cached=cached, normalize=normalize, add_self_loops=add_self_loops
        )
        check_count("APPNP", "K", K, 0)
        if not isinstance(bias, bool):
            raise TypeError(
                f"geocompile.APPNP: bias must be True or False, got {bias!r}; dropout is a keyword"
            )
        if not 0.0 <= dropout <= 1.0:
            raise ValueError(f"geocompile.APPNP: dropout must lie between 0 and 1, got {dropout}")
        if dropout > 0.0 and not self._is_linear():
            raise ValueError(f"geocompile.APPNP: dropout has no meaning for aggr={aggr!r}; use add or mean")
        self.K = K
        self.alpha = float(alpha)
        self.dropout = float(dropout)

    def forward(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None = None) -> Tensor:
        """The propagated features of every node; see the class for shapes and errors."""
        check_edge_index("APPNP", edge_index)
        check_features("APPNP", x, edge_index, x, -1, self.node_dim)
        h = nodes_first(x, self.node_dim)
        graph = self._graph(h, edge_index, edge_weight)
        out = h
        for _ in range(self.K):
            sent = self._dropped(graph, h) if self.training and self.dropout > 0.0 else graph
            out = (1.0 - self.alpha) * self._spread(out, sent) + self.alpha * h
        return nodes_back(out, self.node_dim)

    def _dropped(self, graph: Graph, x: Tensor) -> Graph:
        """The graph with some weights left out and the others scaled up."""
        rowptr, col, weight, self_weight = graph
        if weight is None:
            weight = x.new_ones([col.size(0)])
        weight = torch.nn.functional.dropout(weight, self.dropout)
        if self_weight is not None:
            self_weight = torch.nn.functional.dropout(self_weight, self.dropout)
        return rowptr, col, weight, self_weight
