"""LayerNorm: all features of a graph, or those of a node, with a mean of 0 and a variance of 1."""

import torch
from torch import Tensor

from geocompile.custom_ops import segment_reduce
from geocompile.layers.common.checks import check_count
from geocompile.layers.common.groups import groups_of
from geocompile.layers.common.options import options_of
from geocompile.layers.common.precision import widened
from geocompile.layers.norm.statistics import check_nodes, spread

MODES = ("graph", "node")


class LayerNorm(torch.nn.Module):
    r"""Normalises all features of each graph, or of each node.

    .. math::
        \mathbf{x}'_i = \gamma \odot \frac{\mathbf{x}_i - \mathrm{E}[\mathbf{x}]}
        {\sqrt{\mathrm{Var}[\mathbf{x}] + \epsilon}} + \beta

    where mean and variance are one number for all nodes and channels of a graph (``mode="graph"``), or for the channels
    of a node (``mode="node"``). Equal to PyG 2.8.1's LayerNorm, state dict included, except that this one divides by
    :math:`\sqrt{\mathrm{Var}[\mathbf{x}]} + \epsilon` in mode ``"graph"`` without ``batch``
    (``eps_beside_root=True`` does the same here).

    Args:
        in_channels: size of the features.
        eps: :math:`\epsilon`.
        affine: learn :math:`\gamma` and :math:`\beta`.
        mode: ``"graph"`` or ``"node"``.
        eps_beside_root: without ``batch``, add :math:`\epsilon` to the root.

    Shapes:
        ``x`` [num_nodes, in_channels] (float32, float64, float16 or bfloat16; further dimensions between them),
        ``batch`` [num_nodes] (int64 or int32, in any order) the graph of each node, None for a single graph,
        ``batch_size`` the number of graphs, None for the largest ``batch`` plus one; result as ``x``.

    Raises:
        TypeError, ValueError: an argument has the wrong type, dtype, shape or device.
        IndexError: a graph number is negative, or not below ``batch_size``.

    Source: Ba et al., "Layer normalization" (2016).

    >>> norm = LayerNorm(2, eps=0.0)
    >>> with torch.no_grad():
    ...     norm(torch.tensor([[1.0, 3.0], [1.0, 3.0], [5.0, 5.5]]), torch.tensor([0, 0, 1]))
    tensor([[-1.,  1.],
            [-1.,  1.],
            [-1.,  1.]])
    """

    def __init__(
        self,
        in_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        mode: str = "graph",
        *,
        eps_beside_root: bool = False,
    ) -> None:
        super().__init__()
        check_count("LayerNorm", "in_channels", in_channels, 1)
        if mode not in MODES:
            raise ValueError(f"geocompile.LayerNorm: mode must be 'graph' or 'node', got {mode!r}")
        self.in_channels = in_channels
        self.eps = float(eps)
        self.affine = affine
        self.mode = mode
        self.eps_beside_root = eps_beside_root
        self.weight = torch.nn.Parameter(torch.empty(in_channels)) if affine else None
        self.bias = torch.nn.Parameter(torch.empty(in_channels)) if affine else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        r"""Set :math:`\gamma` to 1 and :math:`\beta` to 0."""
        if self.weight is not None and self.bias is not None:
            torch.nn.init.ones_(self.weight)
            torch.nn.init.zeros_(self.bias)

    def forward(self, x: Tensor, batch: Tensor | None = None, batch_size: int | None = None) -> Tensor:
        """The normalised features of every node; see the class for shapes and errors."""
        check_nodes("LayerNorm", x, self.in_channels, self.weight)
        if self.mode == "node":
            return torch.nn.functional.layer_norm(x, [self.in_channels], self.weight, self.bias, self.eps)
        out = self._over_graphs(widened(x).flatten(1), batch, batch_size).view(x.shape)
        if self.weight is not None and self.bias is not None:
            out = out * self.weight + self.bias
        return out.to(x.dtype)

    def _over_graphs(self, x: Tensor, batch: Tensor | None, batch_size: int | None) -> Tensor:
        """``x`` [num_nodes, features]; every node of a graph has as many, so means of means are means."""
        size = None if batch is None else batch_size
        rowptr, perm = groups_of("LayerNorm", x, batch, None, size, 0, "batch")
        mean = segment_reduce(x.mean(1), rowptr, perm, "mean")
        centred = x - spread(mean, batch).unsqueeze(1)
        variance = segment_reduce((centred * centred).mean(1), rowptr, perm, "mean")
        is_beside = self.eps_beside_root and batch is None
        divisor = variance.sqrt() + self.eps if is_beside else (variance + self.eps).sqrt()
        return centred / spread(divisor, batch).unsqueeze(1)

    def extra_repr(self) -> str:
        """The options, for ``print(model)``."""
        return options_of(self)
