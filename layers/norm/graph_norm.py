"""GraphNorm: every channel of a graph with a mean of 0, as far as is learned, and a variance of 1."""

import torch
from torch import Tensor

from geocompile.custom_ops import segment_reduce
from geocompile.layers.common.checks import check_count
from geocompile.layers.common.groups import groups_of
from geocompile.layers.common.options import options_of
from geocompile.layers.common.precision import widened
from geocompile.layers.norm.statistics import check_nodes, spread


class GraphNorm(torch.nn.Module):
    r"""Normalises every channel over the nodes of each graph.

    .. math::
        \mathbf{x}'_i = \gamma \odot \frac{\hat{\mathbf{x}}_i}{\sqrt{\mathrm{E}[\hat{\mathbf{x}}^2] + \epsilon}}
        + \beta, \qquad \hat{\mathbf{x}}_i = \mathbf{x}_i - \alpha \odot \mathrm{E}[\mathbf{x}]

    with means over the nodes of the graph; :math:`\mathrm{E}[\hat{\mathbf{x}}^2]` is the variance where
    :math:`\alpha = 1`. Equal to PyG 2.8.1's GraphNorm, state dict included.

    Args:
        in_channels: size of the features.
        eps: :math:`\epsilon`.

    Shapes:
        ``x`` [num_nodes, in_channels] (float32, float64, float16 or bfloat16), ``batch`` [num_nodes] (int64 or int32,
        in any order) the graph of each node, None for a single graph, ``batch_size`` the number of graphs, None for
        the largest ``batch`` plus one; result [num_nodes, in_channels].

    Raises:
        TypeError, ValueError: an argument has the wrong type, dtype, shape or device.
        IndexError: a graph number is negative, or not below ``batch_size``.

    Source: Cai et al., "GraphNorm: a principled approach to accelerating graph neural network training" (2021).

    >>> norm = GraphNorm(1, eps=0.0)
    >>> with torch.no_grad():
    ...     norm(torch.tensor([[1.0], [3.0], [5.0], [5.5]]), torch.tensor([0, 0, 1, 1]))
    tensor([[-1.],
            [ 1.],
            [-1.],
            [ 1.]])
    """

    def __init__(self, in_channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        check_count("GraphNorm", "in_channels", in_channels, 0)
        self.in_channels = in_channels
        self.eps = float(eps)
        self.weight = torch.nn.Parameter(torch.empty(in_channels))
        self.bias = torch.nn.Parameter(torch.empty(in_channels))
        self.mean_scale = torch.nn.Parameter(torch.empty(in_channels))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        r"""Set :math:`\gamma` and :math:`\alpha` to 1 and :math:`\beta` to 0."""
        torch.nn.init.ones_(self.weight)
        torch.nn.init.zeros_(self.bias)
        torch.nn.init.ones_(self.mean_scale)

    def forward(self, x: Tensor, batch: Tensor | None = None, batch_size: int | None = None) -> Tensor:
        """The normalised features of every node; see the class for shapes and errors."""
        check_nodes("GraphNorm", x, self.in_channels, self.weight)
        size = None if batch is None else batch_size
        rowptr, perm = groups_of("GraphNorm", x, batch, None, size, 0, "batch")
        wide = widened(x)
        mean = segment_reduce(wide, rowptr, perm, "mean")
        centred = wide - spread(mean * self.mean_scale, batch)
        square = segment_reduce(centred * centred, rowptr, perm, "mean")
        scale = self.weight / (square + self.eps).sqrt()
        return (centred * spread(scale, batch) + self.bias).to(x.dtype)

    def extra_repr(self) -> str:
        """The options, for ``print(model)``."""
        return options_of(self)
