"""The stand-ins for PyG's aggregation modules."""

import torch
from torch import Tensor

from geocompile.custom_ops import segment_reduce
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
