"""BatchNorm: every channel of all nodes with a mean of 0 and a variance of 1."""

import torch
from torch import Tensor

from geocompile.layers.common.options import options_of
from geocompile.layers.common.precision import widened
from geocompile.layers.norm.statistics import check_nodes


class BatchNorm(torch.nn.Module):
    r"""Normalises every channel over all nodes of a batch of graphs.

    .. math::
        \mathbf{x}'_i = \gamma \odot \frac{\mathbf{x}_i - \mathrm{E}[\mathbf{x}]}
        {\sqrt{\mathrm{Var}[\mathbf{x}] + \epsilon}} + \beta

    with the mean and variance of the batch in training, and their running averages in evaluation. Equal to PyG 2.8.1's
    BatchNorm, state dict included, except that a single node without running averages gives :math:`\beta` in evaluation
    (there an error).

    Args:
        in_channels: size of the features.
        eps: :math:`\epsilon`.
        momentum: the share of a batch in the running averages; None: averages over all batches.
        affine: learn :math:`\gamma` and :math:`\beta`.
        track_running_stats: keep running averages; False: those of the batch count in evaluation too.
        allow_single_element: in training, normalise less than two nodes by the running averages, in place of an error.

    Shapes:
        ``x`` [num_nodes, in_channels] (float32, float64, float16 or bfloat16); result [num_nodes, in_channels].

    Raises:
        TypeError, ValueError: ``x`` has the wrong dtype or shape, or, in training, less than two nodes.

    Source: Ioffe and Szegedy, "Batch normalization: accelerating deep network training by reducing internal covariate
    shift" (2015).

    >>> norm = BatchNorm(1, eps=1e-12)
    >>> with torch.no_grad():
    ...     norm(torch.tensor([[1.0], [3.0]]))
    tensor([[-1.],
            [ 1.]])
    """

    def __init__(
        self,
        in_channels: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        allow_single_element: bool = False,
    ) -> None:
        super().__init__()
        if allow_single_element and not track_running_stats:
            raise ValueError("geocompile.BatchNorm: allow_single_element=True needs track_running_stats=True")
        self.in_channels = in_channels
        self.allow_single_element = allow_single_element
        self.module = torch.nn.BatchNorm1d(in_channels, eps, momentum, affine, track_running_stats)

    def reset_parameters(self) -> None:
        r"""Set :math:`\gamma` to 1 and :math:`\beta` to 0, and forget the running averages."""
        self.module.reset_parameters()

    def reset_running_stats(self) -> None:
        """Forget the running averages."""
        self.module.reset_running_stats()

    def forward(self, x: Tensor) -> Tensor:
        """The normalised features of every node; see the class for shapes and errors."""
        check_nodes("BatchNorm", x, self.in_channels, self.module.weight)
        if self.training and not (self.allow_single_element and x.size(0) <= 1):
            return self.module(x)  # type: ignore[no-any-return]
        module = self.module
        if module.running_mean is None:
            return self._by_its_own(widened(x)).to(x.dtype)
        mean, variance, weight, bias = module.running_mean, module.running_var, module.weight, module.bias
        return torch.nn.functional.batch_norm(x, mean, variance, weight, bias, False, 0.0, module.eps)

    def _by_its_own(self, x: Tensor) -> Tensor:
        """By the mean and variance of the batch, however few its nodes are."""
        variance, mean = torch.var_mean(x, [0], correction=0)
        out = (x - mean) / (variance + self.module.eps).sqrt()
        if self.module.weight is not None and self.module.bias is not None:
            out = out * self.module.weight + self.module.bias
        return out

    def extra_repr(self) -> str:
        """The options, for ``print(model)``."""
        return options_of(self)
