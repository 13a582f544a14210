"""GCN2Conv: graph convolution with a residual to the first layer and an identity map."""

import math

import torch
from torch import Tensor

from geocompile.layers.common.checks import check_edge_index, check_features
from geocompile.layers.common.linear import glorot_
from geocompile.layers.common.normalised import NormalisedConv
from geocompile.layers.common.propagation import nodes_back, nodes_first


class GCN2Conv(NormalisedConv):
    r"""The graph convolutional operator with initial residual and identity mapping.

    .. math::
        \mathbf{X}' = \left((1 - \alpha) \mathbf{P} \mathbf{X} + \alpha \mathbf{X}_0\right)
        \left((1 - \beta) \mathbf{I} + \beta \Theta_1\right), \qquad
        \beta = \log\left(\frac{\theta}{\ell} + 1\right)

    with the matrix of :class:`GCNConv`: :math:`\mathbf{P} = \hat{\mathbf{D}}^{-1/2} \hat{\mathbf{A}}
    \hat{\mathbf{D}}^{-1/2}`, and without ``shared_weights`` another weight :math:`\Theta_2` for the second term:

    .. math::
        \mathbf{X}' = (1 - \alpha) \mathbf{P} \mathbf{X} \left((1 - \beta) \mathbf{I} + \beta \Theta_1\right) +
        \alpha \mathbf{X}_0 \left((1 - \beta) \mathbf{I} + \beta \Theta_2\right)

    Equal to PyG 2.8.1's GCN2Conv, state dict included.

    Args:
        channels: size of the input and the output features.
        alpha: :math:`\alpha`, the share of the first layer's features.
        theta: :math:`\theta`; given with ``layer``, or neither, for :math:`\beta = 1`.
        layer: :math:`\ell`, the number of this layer, from 1.
        shared_weights: one weight for both terms.
        cached: compute the normalised graph on the first call only and ignore the edges of later calls. Engines hold
            the graph as a constant and take as many nodes as it has.
        add_self_loops: default: as ``normalize``.
        normalize: False: the weights of the edges are used as they are.
        aggr: in place of the sum in the product with the matrix: ``"mean"``, ``"max"`` or ``"min"``.
        flow: as in :class:`MessagePassing`.
        node_dim: the dimension of ``x`` that counts nodes.

    Shapes:
        ``x`` and ``x_0`` [num_nodes, channels] (float32, float64, float16 or bfloat16; further dimensions in front as
        ``node_dim`` says), ``edge_index`` [2, num_edges] (int64 or int32), ``edge_weight`` [num_edges]; result of the
        shape of ``x``.

    Raises:
        TypeError, ValueError: an argument has the wrong type, dtype, shape or device.
        IndexError: a node number is negative or too large.

    Source: Chen et al., "Simple and deep graph convolutional networks" (2020).

    >>> conv = GCN2Conv(1, alpha=0.5)
    >>> _ = torch.nn.init.ones_(conv.weight1)
    >>> x = torch.tensor([[1.0], [2.0]])
    >>> with torch.no_grad():
    ...     conv(x, x, torch.tensor([[0, 1], [1, 0]]))
    tensor([[1.2500],
            [1.7500]])
    """

    def __init__(
        self,
        channels: int,
        alpha: float,
        theta: float | None = None,
        layer: int | None = None,
        shared_weights: bool = True,
        cached: bool = False,
        add_self_loops: bool | None = None,
        normalize: bool = True,
        *,
        aggr: str = "add",
        flow: str = "source_to_target",
        node_dim: int = -2,
    ) -> None:
        super().__init__(
            aggr, flow, node_dim, cached=cached, normalize=normalize, add_self_loops=add_self_loops
        )
        self.channels = channels
        self.alpha = float(alpha)
        self.beta = _beta(theta, layer)
        self.weight1 = torch.nn.Parameter(torch.empty(channels, channels))
        self.weight2 = None if shared_weights else torch.nn.Parameter(torch.empty(channels, channels))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weights (Glorot), forget the cached graph."""
        glorot_(self.weight1)
        if self.weight2 is not None:
            glorot_(self.weight2)
        self._cached = None

    def forward(
        self, x: Tensor, x_0: Tensor, edge_index: Tensor, edge_weight: Tensor | None = None
    ) -> Tensor:
        """The features of every node after the convolution; see the class for shapes and errors."""
        check_edge_index("GCN2Conv", edge_index)
        for features in (x, x_0):
            check_features("GCN2Conv", features, edge_index, self.weight1, self.channels, self.node_dim)
        h = nodes_first(x, self.node_dim)
        first = self.alpha * nodes_first(x_0, self.node_dim)
        h = (1.0 - self.alpha) * self._spread(h, self._graph(h, edge_index, edge_weight))
        if self.weight2 is None:
            out = self._mapped(h + first, self.weight1)
        else:
            out = self._mapped(h, self.weight1) + self._mapped(first, self.weight2)
        return nodes_back(out, self.node_dim)

    def _mapped(self, h: Tensor, weight: Tensor) -> Tensor:
        return (1.0 - self.beta) * h + self.beta * (h @ weight)

    def extra_repr(self) -> str:
        """The options, for ``print(model)``."""
        return f"{self.channels}, alpha={self.alpha}, beta={self.beta}"


def _beta(theta: float | None, layer: int | None) -> float:
    if theta is None and layer is None:
        return 1.0
    if theta is None or layer is None:
        raise ValueError(
            f"geocompile.GCN2Conv: theta and layer go together, got theta={theta}, layer={layer}"
        )
    if layer < 1:
        raise ValueError(f"geocompile.GCN2Conv: layer counts from 1, got {layer}")
    return math.log(theta / layer + 1)
