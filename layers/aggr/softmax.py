"""SoftmaxAggregation: a sum weighted by the softmax of the features themselves."""

import torch
from torch import Tensor

from geocompile.custom_ops import segment_reduce, segment_softmax
from geocompile.layers.common.checks import check_count
from geocompile.layers.common.groups import groups_of
from geocompile.layers.common.options import options_of
from geocompile.layers.common.propagation import nodes_back, nodes_first


class SoftmaxAggregation(torch.nn.Module):
    r"""Sums the elements of each group, weighted per channel by their softmax at a temperature.

    .. math::
        \mathbf{r} = \sum_i \frac{\exp(t \, \mathbf{x}_i)}{\sum_j \exp(t \, \mathbf{x}_j)} \odot \mathbf{x}_i

    Equal to PyG 2.8.1's SoftmaxAggregation, state dict included. Without ``index`` and ``ptr`` no elements are one
    empty group (PyG: no group).

    Args:
        t: inverse temperature, or where it starts.
        learn: learn it.
        semi_grad: no gradient through the softmax; not with ``learn``.
        channels: with ``learn``, a temperature for each of as many channels; 1: one for all.

    Shapes:
        ``x`` [*, num_elements, channels] (float32, float64, float16 or bfloat16), ``index`` [num_elements] (int64 or
        int32, in any order) or ``ptr`` [num_groups + 1], ``dim_size`` the number of groups, ``dim`` the dimension of
        the elements; result [*, num_groups, channels]. A group without elements gives 0.

    Raises:
        TypeError, ValueError: an argument has the wrong type, dtype, shape or device.
        IndexError: a group number is negative, or not below ``dim_size``.

    Source: Li et al., "DeeperGCN: all you need to train deeper GCNs" (2020).

    >>> SoftmaxAggregation(t=0.0)(torch.tensor([[1.0], [3.0], [4.0]]), torch.tensor([0, 0, 1]))
    tensor([[2.],
            [4.]])
    """

    def __init__(
        self, t: float = 1.0, learn: bool = False, semi_grad: bool = False, channels: int = 1
    ) -> None:
        super().__init__()
        check_count("SoftmaxAggregation", "channels", channels, 1)
        if learn and semi_grad:
            raise ValueError(
                "geocompile.SoftmaxAggregation: with semi_grad=True nothing tells how to learn t"
            )
        if channels != 1 and not learn:
            raise ValueError(
                "geocompile.SoftmaxAggregation: a t for each of several channels needs learn=True"
            )
        self.initial_t = float(t)
        self.learn = learn
        self.semi_grad = semi_grad
        self.channels = channels
        self.t: Tensor | float = self.initial_t
        if learn:
            self.t = torch.nn.Parameter(torch.full((channels,), self.initial_t))

    def reset_parameters(self) -> None:
        """Set t back."""
        if isinstance(self.t, Tensor):
            torch.nn.init.constant_(self.t, self.initial_t)

    def forward(
        self,
        x: Tensor,
        index: Tensor | None = None,
        ptr: Tensor | None = None,
        dim_size: int | None = None,
        dim: int = -2,
    ) -> Tensor:
        """The features of every group; see the class for shapes and errors."""
        if not isinstance(x, Tensor) or not x.is_floating_point():
            raise TypeError("geocompile.SoftmaxAggregation: x must be a floating-point tensor; use x.float()")
        if self.channels != 1 and x.size(-1) != self.channels:
            raise ValueError(
                f"geocompile.SoftmaxAggregation: x must have shape [*, num_elements, {self.channels}], "
                f"got {list(x.shape)}"
            )
        rowptr, perm = groups_of("SoftmaxAggregation", x, index, ptr, dim_size, dim)
        scores = x.detach() if self.semi_grad else x
        alpha = segment_softmax(nodes_first(scores * self.t, dim), rowptr, perm)
        return nodes_back(segment_reduce(nodes_first(x, dim) * alpha, rowptr, perm, "sum"), dim)

    def extra_repr(self) -> str:
        """The options, for ``print(model)``."""
        return options_of(self)
