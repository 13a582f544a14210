"""SGConv: several propagations and one linear map."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.jit import is_scripting  # type: ignore[attr-defined]

from geocompile.layers.common.checks import check_count, check_edge_index, check_features
from geocompile.layers.common.linear import infer_size, linear
from geocompile.layers.common.normalised import Graph, NormalisedConv
from geocompile.layers.common.propagation import nodes_back, nodes_first


class SGConv(NormalisedConv):
    r"""The simple graph convolutional operator.

    .. math::
        \mathbf{X}' = \left(\hat{\mathbf{D}}^{-1/2} \hat{\mathbf{A}} \hat{\mathbf{D}}^{-1/2}\right)^K \mathbf{X} \Theta
        + \mathbf{b}

    with the matrix of :class:`GCNConv`: an existing self-loop keeps its weight, a missing one gets 1. Equal to
    PyG 2.8.1's SGConv, state dict included, except that ``cached`` refuses another ``x`` (there it is ignored).

    Args:
        in_channels: size of the input features, -1 to take it from the first input.
        out_channels: size of the output features.
        K: number of propagations.
        cached: propagate on the first call only. Later calls take the same ``x``, and their edges are ignored;
            gradients of ``x`` and ``edge_weight`` come from the first call only. Engines hold the
            normalised graph as a constant and propagate the ``x`` that they are given.
        bias: add a learned bias.
        add_self_loops: False: the loops are those of ``edge_index``.
        aggr: in place of the sum: ``"mean"``, ``"max"`` or ``"min"``.
        flow: as in :class:`MessagePassing`.
        node_dim: the dimension of ``x`` that counts nodes.

    Shapes:
        ``x`` [num_nodes, in_channels] (float32, float64, float16 or bfloat16; further dimensions in front as
        ``node_dim`` says), ``edge_index`` [2, num_edges] (int64 or int32), ``edge_weight`` [num_edges];
        result [num_nodes, out_channels].

    Raises:
        TypeError, ValueError: an argument has the wrong type, dtype, shape or device, or with ``cached`` another ``x``
            than the first is given.
        IndexError: a node number is negative or too large.

    Source: Wu et al., "Simplifying graph convolutional networks" (2019).

    >>> conv = SGConv(1, 1, K=2, bias=False)
    >>> _ = torch.nn.init.ones_(conv.lin.weight)
    >>> with torch.no_grad():
    ...     conv(torch.tensor([[1.0], [2.0]]), torch.tensor([[0, 1], [1, 0]]))
    tensor([[1.5000],
            [1.5000]])
    """

    _cached: Graph | None  # TorchScript reads the annotations of one class alone
    _cached_x: tuple[Tensor, Tensor] | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        K: int = 1,
        cached: bool = False,
        bias: bool = True,
        *,
        add_self_loops: bool = True,
        aggr: str = "add",
        flow: str = "source_to_target",
        node_dim: int = -2,
    ) -> None:
        super().__init__(aggr, flow, node_dim, cached=cached, add_self_loops=add_self_loops)
        check_count("SGConv", "K", K, 0)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.K = K
        self.lin = linear("SGConv", in_channels, out_channels, bias=bias)
        self._cached_x = None

    def reset_parameters(self) -> None:
        """Draw weight and bias as :class:`torch.nn.Linear` does, forget what was propagated."""
        super().reset_parameters()
        self.lin.reset_parameters()
        self._cached_x = None

    def forward(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None = None) -> Tensor:
        """The features of every node after the convolution; see the class for shapes and errors."""
        check_edge_index("SGConv", edge_index)
        if not is_scripting():
            infer_size(self.lin, x)
        check_features("SGConv", x, edge_index, self.lin.weight, self.lin.in_features, self.node_dim)
        cached = self._cached_x
        if cached is not None and (is_scripting() or not torch.compiler.is_compiling()):
            _check_same(cached[0], x)
            return self.lin(cached[1])  # type: ignore[no-any-return]
        h = nodes_first(x, self.node_dim)
        # What is cached must not depend on the weight; else the narrower side is propagated, where that commutes.
        lin_last = self.cached or not self._is_linear() or self.lin.in_features < self.lin.out_features
        if not lin_last:
            h = torch.nn.functional.linear(h, self.lin.weight)
        graph = self._graph(h, edge_index, edge_weight)
        for _ in range(self.K):
            h = self._spread(h, graph)
        h = nodes_back(h, self.node_dim)
        if self.cached and (is_scripting() or not torch.compiler.is_compiling()):
            self._cached_x = (x.detach().clone(), h.detach())
        if lin_last:
            return self.lin(h)  # type: ignore[no-any-return]
        return h if self.lin.bias is None else h + self.lin.bias

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:
        """What is cached moves and changes dtype with the layer."""
        if self._cached_x is not None:
            self._cached_x = (fn(self._cached_x[0]), fn(self._cached_x[1]))
        return super()._apply(fn, recurse)


def _check_same(first: Tensor, x: Tensor) -> None:
    """Refuse features that differ by more than the rounding to float32, which another machine or dtype may bring."""
    if first.shape != x.shape or not torch.allclose(first, x, rtol=1e-6, atol=0.0):
        raise ValueError(
            "geocompile.SGConv: with cached=True the features propagated on the first call are used again, and this x "
            "is another one; use cached=False, or forget the first with reset_parameters()"
        )
