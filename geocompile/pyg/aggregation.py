"""The stand-ins for PyG's aggregation modules."""

import torch
from torch import Tensor

from geocompile.custom_ops import segment_reduce, segment_softmax
from geocompile.layers.common.groups import groups_of
from geocompile.layers.common.propagation import nodes_back, nodes_first


class SegmentAggregation(torch.nn.Module):
    """Reduces the rows of ``x`` that belong together, with the arguments of PyG's aggregation modules.

    Args:
        reduce: ``"sum"``, ``"mean"``, ``"max"``, ``"min"`` or ``"mul"``.

    >>> SegmentAggregation("sum")(torch.tensor([[1.0], [2.0], [4.0]]), torch.tensor([0, 0, 1]))
    tensor([[3.],
            [4.]])
    """

    def __init__(self, reduce: str) -> None:
        super().__init__()
        self.reduce = reduce

    def forward(
        self,
        x: Tensor,
        index: Tensor | None = None,
        ptr: Tensor | None = None,
        dim_size: int | None = None,
        dim: int = -2,
        max_num_elements: int | None = None,
    ) -> Tensor:
        """Reduce ``x`` along ``dim``.

        Args:
            x: ``[num_elements, *]``.
            index: the group of each element, int64 or int32; None: all elements are one group, also
                when there is none (PyG gives no group then).
            ptr: in place of ``index`` for sorted elements, where each group starts.
            dim_size: number of groups; None: the largest ``index`` plus one.
            dim: the dimension of the elements.
            max_num_elements: without effect, as in PyG.

        Raises:
            ValueError: ``x`` does not have dimension ``dim``, or ``ptr`` does not fit ``dim_size``.
        """
        rowptr, perm = groups_of("SegmentAggregation", x, index, ptr, dim_size, dim)
        return nodes_back(segment_reduce(nodes_first(x, dim), rowptr, perm, self.reduce), dim)

    def extra_repr(self) -> str:
        """The reduction, for ``print(model)``."""
        return self.reduce


class SoftmaxSegmentAggregation(torch.nn.Module):
    r"""Sums the rows of ``x`` that belong together, weighted per channel by their softmax at a temperature.

    .. math::
        \sum_i \frac{\exp(t x_i)}{\sum_j \exp(t x_j)} x_i

    Args:
        t: inverse temperature, a number, or a parameter ``[1]`` or ``[channels]``.
        semi_grad: no gradient through the softmax.

    Source: Li et al., "DeeperGCN: all you need to train deeper GCNs" (2020); PyG's SoftmaxAggregation.

    >>> x = torch.tensor([[1.0], [3.0], [4.0]])
    >>> SoftmaxSegmentAggregation(0.0, False)(x, torch.tensor([0, 0, 1]))
    tensor([[2.],
            [4.]])
    """

    def __init__(self, t: float | torch.nn.Parameter, semi_grad: bool) -> None:
        super().__init__()
        self.t = t
        self.semi_grad = semi_grad

    def forward(
        self,
        x: Tensor,
        index: Tensor | None = None,
        ptr: Tensor | None = None,
        dim_size: int | None = None,
        dim: int = -2,
        max_num_elements: int | None = None,
    ) -> Tensor:
        """Arguments and errors as in :class:`SegmentAggregation`."""
        rowptr, perm = groups_of("SegmentAggregation", x, index, ptr, dim_size, dim)
        scores = x.detach() if self.semi_grad else x
        alpha = segment_softmax(nodes_first(scores * self.t, dim), rowptr, perm)
        return nodes_back(segment_reduce(nodes_first(x, dim) * alpha, rowptr, perm, "sum"), dim)
