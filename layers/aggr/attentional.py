"""AttentionalAggregation: a weighted sum of the nodes of each graph, the weights a softmax of learned scores."""

import torch
from torch import Tensor
from torch.jit import is_scripting  # type: ignore[attr-defined]

from geocompile.custom_ops import gather_segment_reduce, segment_reduce, segment_softmax
from geocompile.layers.common.groups import groups_of, in_order
from geocompile.layers.common.linear import reset
from geocompile.layers.common.networks import check_network
from geocompile.layers.common.propagation import nodes_back, nodes_first


class SoftAttention(torch.nn.Module):
    """What GlobalAttention and AttentionalAggregation share; they differ in the arguments of forward."""

    def __init__(self, gate_nn: torch.nn.Module, nn: torch.nn.Module | None = None) -> None:
        super().__init__()
        self.name = type(self).__name__
        for name, network in (("gate_nn", gate_nn), ("nn", nn)):
            if not isinstance(network, torch.nn.Module) and (network is not None or name == "gate_nn"):
                raise TypeError(
                    f"geocompile.{self.name}: {name} must be a torch.nn.Module, got {type(network)}; "
                    "wrap a function in a module"
                )
        self.gate_nn = gate_nn
        self.nn = nn

    def reset_parameters(self) -> None:
        """Draw the weights of both networks anew."""
        reset(self.gate_nn)
        if self.nn is not None:
            reset(self.nn)

    def _pooled(
        self, x: Tensor, index: Tensor | None, ptr: Tensor | None, dim_size: int | None, dim: int, name: str
    ) -> Tensor:
        """The weighted sums of the groups; ``name`` is what forward calls ``index``."""
        rowptr, perm = groups_of(self.name, x, index, ptr, dim_size, dim, name)
        if not is_scripting():
            check_network(self.name, "gate_nn", self.gate_nn, "x", x, x.size(-1))
        gate = self.gate_nn(x)
        h = x
        if self.nn is not None:
            if not is_scripting():
                check_network(self.name, "nn", self.nn, "x", x, x.size(-1))
            h = self.nn(x)
        if gate.dim() != x.dim() or h.dim() != x.dim():
            raise ValueError(
                f"geocompile.{self.name}: gate_nn must map x of shape {list(x.shape)} to [*, num_nodes, 1] and nn to "
                f"[*, num_nodes, out_channels], got {list(gate.shape)} and {list(h.shape)}"
            )
        return nodes_back(_attended(nodes_first(gate, dim), nodes_first(h, dim), rowptr, perm), dim)


def _attended(gate: Tensor, h: Tensor, rowptr: Tensor, perm: Tensor | None) -> Tensor:
    """The sum of ``h`` weighted by the softmax of ``gate``; one weight per node is never multiplied out."""
    alpha = segment_softmax(gate, rowptr, perm)
    if h.dim() != 2 or alpha.size(1) != 1:
        return segment_reduce(alpha * h, rowptr, perm, "sum")
    places = in_order(perm, rowptr, h.size(0))
    weight = alpha.squeeze(1).index_select(0, places)
    return gather_segment_reduce(h, rowptr, places, weight, None, "sum")


class AttentionalAggregation(SoftAttention):
    r"""Soft attention over the elements of each group: :class:`GlobalAttention` under PyG's name and arguments.

    .. math::
        \mathbf{r}_i = \sum_{n=1}^{N_i} \mathrm{softmax}_n\left(h_\mathrm{gate}(\mathbf{x}_n)\right) \odot
        h_\Theta(\mathbf{x}_n)

    Equal to PyG 2.8.1's AttentionalAggregation, state dict included, whose ``MLP`` modules are also given the groups
    (for norms over graphs): here networks see ``x`` alone. Without ``index`` and ``ptr`` no elements are one empty
    group (PyG: no group).

    Args:
        gate_nn: :math:`h_\mathrm{gate}`, a module that maps [*, num_elements, in_channels] to [*, num_elements, 1], or
            to [*, num_elements, out_channels] for a weight per channel.
        nn: :math:`h_\Theta`, a module that maps to [*, num_elements, out_channels]; None: the features as they are.

    Shapes:
        ``x`` [*, num_elements, in_channels], ``index`` [num_elements] (int64 or int32, in any order) or ``ptr``
        [num_groups + 1], ``dim_size`` the number of groups, ``dim`` the dimension of the elements; result
        [*, num_groups, out_channels]. A group without elements gives 0.

    Raises:
        TypeError, ValueError: an argument has the wrong type, dtype, shape or device.
        IndexError: a group number is negative, or not below ``dim_size``.

    Source: Li et al., "Gated graph sequence neural networks" (2016); per channel: Li et al., "Graph matching
    networks" (2019).

    >>> pool = AttentionalAggregation(torch.nn.Linear(1, 1))
    >>> for weight in pool.parameters():
    ...     _ = torch.nn.init.zeros_(weight)
    >>> with torch.no_grad():  # scores of 0: the mean
    ...     pool(torch.tensor([[1.0], [2.0], [4.0]]), torch.tensor([0, 0, 1]))
    tensor([[1.5000],
            [4.0000]])
    """

    def forward(
        self,
        x: Tensor,
        index: Tensor | None = None,
        ptr: Tensor | None = None,
        dim_size: int | None = None,
        dim: int = -2,
    ) -> Tensor:
        """The features of every group; see the class for shapes and errors."""
        return self._pooled(x, index, ptr, dim_size, dim, "index")
