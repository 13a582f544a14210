"""What layers with GCN's symmetric normalisation share: the weighted graph by receiving node, its cache, its use."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.jit import is_scripting  # type: ignore[attr-defined]

from geocompile.custom_ops import csr_from_coo, gather_segment_reduce, gcn_norm
from geocompile.layers.common.checks import edge_weight_as
from geocompile.layers.common.node_numbers import check_numbers
from geocompile.layers.common.propagation import ends
from geocompile.layers.common.self_loops import counted_once
from geocompile.layers.message_passing import MessagePassing

Graph = tuple[Tensor, Tensor, Tensor | None, Tensor | None]
"""``rowptr``, ``col``, the weight of each edge and that of each node's own loop; None: 1, and no loop."""


class NormalisedConv(MessagePassing):
    r"""A layer that propagates along :math:`\hat{\mathbf{D}}^{-1/2} \hat{\mathbf{A}} \hat{\mathbf{D}}^{-1/2}`.

    The matrix is described at :class:`GCNConv`. A subclass asks for :meth:`_graph` and gives it to :meth:`_spread`.

    Args:
        aggr, flow, node_dim: as in :class:`MessagePassing`.
        cached: :meth:`_graph` keeps the graph of the first call.
        normalize: False: the weights of the edges are used as they are.
        add_self_loops: every node has a loop; None: as ``normalize``.
        improved: loops that are not among the edges weigh 2.
        improved_needs_edge_weight: ignore ``improved`` when no ``edge_weight`` is given.
    """

    computes_in_forward = True
    _cached: Graph | None

    def __init__(
        self,
        aggr: str,
        flow: str,
        node_dim: int,
        *,
        cached: bool = False,
        normalize: bool = True,
        add_self_loops: bool | None = None,
        improved: bool = False,
        improved_needs_edge_weight: bool = False,
    ) -> None:
        super().__init__(aggr, flow, node_dim=node_dim)
        self._name = type(self).__name__
        if add_self_loops and not normalize:
            raise ValueError(
                f"geocompile.{self._name}: add_self_loops=True needs normalize=True; "
                "add the loops to edge_index instead"
            )
        if self._reduce not in ("sum", "mean", "max", "min"):
            raise ValueError(
                f"geocompile.{self._name}: aggr must be one of add, mean, max, min, got {aggr!r}"
            )
        self.cached = cached
        self.normalize = normalize
        self.add_self_loops = normalize if add_self_loops is None else add_self_loops
        self.improved = improved
        self.improved_needs_edge_weight = improved_needs_edge_weight
        self._cached = None

    def reset_parameters(self) -> None:
        """Forget the cached graph."""
        self._cached = None

    def _graph(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None) -> Graph:
        """The edges by receiving node and their normalised weights, from the cache if there is one."""
        cached = self._cached
        if cached is not None:
            if cached[0].size(0) - 1 != x.size(0):
                raise ValueError(
                    f"geocompile.{self._name}: the cached graph has {cached[0].size(0) - 1} nodes, x has {x.size(0)}; "
                    "use cached=False for graphs that change, or forget the graph with reset_parameters()"
                )
            return cached
        graph = self._normalised(x, edge_index, edge_weight)
        if self.cached and self.normalize and (is_scripting() or not torch.compiler.is_compiling()):
            self._cached = _detached(graph)
        return graph

    def cached_num_nodes(self) -> int | None:
        """The number of nodes that every later call must have; None while nothing is cached.

        A capture asks for it: an engine that holds the graph takes this many nodes alone.
        """
        return None if self._cached is None else self._cached[0].size(0) - 1

    def _normalised(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None) -> Graph:
        """The same without a cache; ``x`` [num_nodes, *] gives the number of nodes and the dtype."""
        weight = edge_weight_as(self._name, edge_weight, edge_index, x)
        i, j = ends(self.flow)
        check_numbers(self._name, "edge_index", edge_index, x.size(0))
        rowptr, perm, col = csr_from_coo(edge_index[i], x, edge_index[j])
        if weight is not None:
            weight = weight.index_select(0, perm)
        if not self.normalize:
            return rowptr, col, weight, None
        fill_value = 2.0 if self.improved else 1.0
        if self.improved_needs_edge_weight and edge_weight is None:
            fill_value = 1.0
        weight, self_weight = gcn_norm(rowptr, col, x, weight, fill_value, self.add_self_loops)
        if not self.add_self_loops:
            return rowptr, col, weight, None
        if self._reduce != "sum":
            rows = edge_index[i].index_select(0, perm)
            weight, self_weight = counted_once(weight, self_weight, rowptr, col, rows, self._reduce)
        return rowptr, col, weight, self_weight

    def _spread(self, x: Tensor, graph: Graph) -> Tensor:
        """One propagation of ``x`` [num_nodes, *] along the edges of the graph."""
        rowptr, col, weight, self_weight = graph
        reduce = self._reduce
        if self._folds_mean():
            reduce = "sum"
        return gather_segment_reduce(x, rowptr, col, weight, self_weight, reduce)

    def _folds_mean(self) -> bool:
        """Whether 1 / (number of neighbours) is in the weights: loops among the edges must not be counted."""
        return self._reduce == "mean" and self.add_self_loops

    def _is_linear(self) -> bool:
        """Whether a linear map of the features commutes with the propagation."""
        return self._reduce == "sum" or self._reduce == "mean"

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:
        """The cached graph moves and changes dtype with the layer."""
        if self._cached is not None:
            rowptr, col, weight, self_weight = self._cached
            weight = None if weight is None else fn(weight)
            self._cached = (fn(rowptr), fn(col), weight, None if self_weight is None else fn(self_weight))
        return super()._apply(fn, recurse)  # type: ignore[no-untyped-call]


def _detached(graph: Graph) -> Graph:
    """Without the gradient of the edge weights, which only one backward pass could use and no copy could hold."""
    rowptr, col, weight, self_weight = graph
    weight = None if weight is None else weight.detach()
    return rowptr, col, weight, None if self_weight is None else self_weight.detach()
