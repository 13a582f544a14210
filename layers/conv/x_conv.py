"""XConv: neighbouring points brought into an order by a matrix that is learned from where they lie."""

import math

import torch
from torch import Tensor
from torch.jit import is_scripting  # type: ignore[attr-defined]
from torch.nn import ELU, BatchNorm1d, Conv1d, Sequential

from geocompile.custom_ops import knn
from geocompile.layers.common.checks import check_count, check_kind
from geocompile.layers.common.linear import reset
from geocompile.layers.common.options import options_of
from geocompile.layers.common.propagation import group_edges


class XConv(torch.nn.Module):
    r"""The convolution on :math:`\mathcal{X}`-transformed points.

    .. math::
        \mathbf{x}'_i = \mathrm{Conv}\left(\mathbf{K}, \mathbf{T}_i \, [h_\Theta(\mathbf{P}_i - \mathbf{p}_i) \,
        \Vert \, \mathbf{X}_i]\right), \qquad \mathbf{T}_i = \gamma_\Theta(\mathbf{P}_i - \mathbf{p}_i)

    where the K rows of :math:`\mathbf{P}_i` and :math:`\mathbf{X}_i` are positions and features of the points that are
    nearest to i, itself first. PyG 2.8.1's XConv, state dict included, is this layer with ``transposed=True`` and
    ``random_dilation=False``: it multiplies by :math:`\mathbf{T}_i^\top`, and of the nearest K * d points takes every
    d-th always. Here, with ``dilation`` d, training draws K of them (as PyG 1.2.0 does, with replacement). Where a
    graph has fewer points, the farthest one stands in for those that are missing; PyG fails.

    Args:
        in_channels: size of the input features, 0 for none.
        out_channels: size of the output features.
        dim: the dimensions of a position.
        kernel_size: K, the number of neighbours, the point itself among them.
        hidden_channels: size that :math:`h_\Theta` lifts positions to; None: a quarter of ``in_channels``.
        dilation: d.
        bias: add a learned bias.
        num_workers: accepted as in PyG; the threads are torch's.
        transposed: multiply by the transpose of :math:`\mathbf{T}_i`.
        random_dilation: draw the K points in training.

    Shapes:
        ``x`` [num_nodes, in_channels], or None where ``in_channels`` is 0, ``pos`` [num_nodes, dim], ``batch``
        [num_nodes] (int64 or int32, ascending) the graph of each point, None for one; result
        [num_nodes, out_channels].

    Raises:
        TypeError, ValueError: an argument has the wrong type, dtype or shape.

    Source: Li et al., "PointCNN: convolution on X-transformed points" (2018).

    >>> conv = XConv(4, 8, dim=2, kernel_size=3).eval()
    >>> with torch.no_grad():
    ...     conv(torch.ones(5, 4), torch.rand(5, 2)).shape
    torch.Size([5, 8])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        dim: int,
        kernel_size: int,
        hidden_channels: int | None = None,
        dilation: int = 1,
        bias: bool = True,
        num_workers: int = 1,
        *,
        transposed: bool = False,
        random_dilation: bool = True,
    ) -> None:
        super().__init__()
        check_count("XConv", "in_channels", in_channels, 0)
        hidden = in_channels // 4 if hidden_channels is None else hidden_channels
        if hidden_channels is None and in_channels < 4:
            raise ValueError(
                f"geocompile.XConv: hidden_channels, if not given, is a quarter of in_channels={in_channels}, which is "
                "0; give it, at least 1"
            )
        sizes = {"out_channels": out_channels, "dim": dim, "kernel_size": kernel_size, "dilation": dilation}
        for name, size in {**sizes, "hidden_channels": hidden}.items():
            check_count("XConv", name, size, 1)
        self.in_channels = in_channels
        self.hidden_channels = hidden
        self.out_channels = out_channels
        self.dim = dim
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.num_workers = num_workers
        self.transposed = transposed
        self.random_dilation = random_dilation
        self.mlp1 = _lift(dim, hidden, kernel_size)
        self.mlp2 = _transformation(dim, kernel_size)
        self.conv = _convolution(in_channels + hidden, out_channels, kernel_size, bias)

    def reset_parameters(self) -> None:
        """Draw all weights anew."""
        reset(self.mlp1)
        reset(self.mlp2)
        reset(self.conv)

    def forward(self, x: Tensor | None, pos: Tensor, batch: Tensor | None = None) -> Tensor:
        """The features of every point after the convolution; see the class for shapes and errors."""
        pos = pos.unsqueeze(1) if pos.dim() == 1 else pos
        self._check(x, pos)
        count, k = pos.size(0), self.kernel_size
        near = self._neighbours(pos, batch)
        where = pos.index_select(0, near).view([count, k, self.dim]) - pos.unsqueeze(1)
        features = self.mlp1(where.view([count * k, self.dim]))
        if x is not None and self.in_channels > 0:
            own = x.reshape([count, self.in_channels]).index_select(0, near)
            features = torch.cat([features, own.view([count, k, self.in_channels])], dim=2)
        matrix = self.mlp2(where.view([count, k * self.dim]))
        matrix = matrix.transpose(1, 2) if self.transposed else matrix
        return self.conv(torch.matmul(matrix, features).transpose(1, 2))  # type: ignore[no-any-return]

    def _neighbours(self, pos: Tensor, batch: Tensor | None) -> Tensor:
        """``[num_nodes * kernel_size]``: of each point the nearest ones."""
        pairs = knn(pos, pos, self.kernel_size * self.dilation, batch, batch)
        rowptr, col, _ = group_edges(pairs[0], pairs[1], pos.size(0))
        first, last = rowptr[:-1].unsqueeze(1), rowptr[1:].unsqueeze(1) - 1
        return col.index_select(0, torch.minimum(first + self._places(pos), last).flatten())

    def _places(self, pos: Tensor) -> Tensor:
        """``[num_nodes, kernel_size]`` or ``[1, kernel_size]``: which of the nearest points are taken."""
        if self.dilation > 1 and self.random_dilation and self.training:
            shape = [pos.size(0), self.kernel_size]
            return torch.randint(0, self.kernel_size * self.dilation, shape, device=pos.device)
        return (torch.arange(self.kernel_size, device=pos.device) * self.dilation).unsqueeze(0)

    def _weight(self) -> Tensor:
        """One of the weights, for its dtype."""
        weight = self.mlp1[0].weight
        assert isinstance(weight, Tensor)
        return weight

    def _check(self, x: Tensor | None, pos: Tensor) -> None:
        if not is_scripting():
            check_kind("XConv", "pos", pos, self._weight())
            if x is not None:
                check_kind("XConv", "x", x, self._weight())
        if pos.dim() != 2 or pos.size(1) != self.dim:
            raise ValueError(
                f"geocompile.XConv: pos must have shape [num_nodes, {self.dim}], got {list(pos.shape)}"
            )
        if x is None:
            if self.in_channels > 0:
                raise ValueError(
                    f"geocompile.XConv: x is missing; the layer has in_channels={self.in_channels}"
                )
            return
        column = x.dim() == 1 and self.in_channels == 1
        if not column and (x.dim() != 2 or x.size(1) != self.in_channels):
            raise ValueError(
                f"geocompile.XConv: x must have shape [num_nodes, {self.in_channels}], got {list(x.shape)}"
            )
        if x.size(0) != pos.size(0):
            raise ValueError(
                f"geocompile.XConv: x has {x.size(0)} rows and pos {pos.size(0)}; each point needs one of both"
            )

    def extra_repr(self) -> str:
        """The options, for ``print(model)``."""
        return options_of(self)


class Reshape(torch.nn.Module):
    """``[*]`` to ``[-1, *shape]``."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.shape = [-1, *shape]

    def forward(self, x: Tensor) -> Tensor:
        """The same numbers in the other shape."""
        return x.reshape(self.shape)


def _lift(dim: int, hidden: int, k: int) -> Sequential:
    return Sequential(
        torch.nn.Linear(dim, hidden),
        ELU(),
        BatchNorm1d(hidden),
        torch.nn.Linear(hidden, hidden),
        ELU(),
        BatchNorm1d(hidden),
        Reshape(k, hidden),
    )


def _transformation(dim: int, k: int) -> Sequential:
    """From the K positions to a matrix [K, K]."""
    return Sequential(
        torch.nn.Linear(dim * k, k * k),
        ELU(),
        BatchNorm1d(k * k),
        Reshape(k, k),
        Conv1d(k, k * k, k, groups=k),
        ELU(),
        BatchNorm1d(k * k),
        Reshape(k, k),
        Conv1d(k, k * k, k, groups=k),
        BatchNorm1d(k * k),
        Reshape(k, k),
    )


def _convolution(channels: int, out_channels: int, k: int, bias: bool) -> Sequential:
    """Over K rows of features: of each channel first, then a linear map."""
    depth = math.ceil(out_channels / channels)
    return Sequential(
        Conv1d(channels, channels * depth, k, groups=channels),
        Reshape(channels * depth),
        torch.nn.Linear(channels * depth, out_channels, bias=bias),
    )
