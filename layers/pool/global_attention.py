"""GlobalAttention: a weighted sum of the nodes of each graph, the weights a softmax of learned scores."""

from torch import Tensor

from geocompile.layers.aggr.attentional import SoftAttention


class GlobalAttention(SoftAttention):
    r"""Global soft attention.

    .. math::
        \mathbf{r}_i = \sum_{n=1}^{N_i} \mathrm{softmax}_n\left(h_\mathrm{gate}(\mathbf{x}_n)\right) \odot
        h_\Theta(\mathbf{x}_n)

    Equal to PyG 2.8.1's ``nn.glob.GlobalAttention``, which is :class:`AttentionalAggregation` with other arguments;
    state dict included. Without ``batch`` no nodes are one empty graph (PyG: no graph).

    Args:
        gate_nn: :math:`h_\mathrm{gate}`, a module that maps [num_nodes, in_channels] to [num_nodes, 1], or to
            [num_nodes, out_channels] for a weight per channel.
        nn: :math:`h_\Theta`, a module that maps to [num_nodes, out_channels]; None: the features as they are.

    Shapes:
        ``x`` [num_nodes, in_channels] (float32, float64, float16 or bfloat16), ``batch`` [num_nodes] (int64 or int32,
        in any order) the graph of each node, None for a single graph, ``size`` the number of graphs, None for the
        largest ``batch`` plus one; result [num_graphs, out_channels]. A graph without nodes gives 0.

    Raises:
        TypeError, ValueError: an argument has the wrong type, dtype, shape or device.
        IndexError: a graph number is negative, or not below ``size``.

    Source: Li et al., "Gated graph sequence neural networks" (2016).

    >>> import torch
    >>> pool = GlobalAttention(torch.nn.Linear(1, 1))
    >>> for weight in pool.parameters():
    ...     _ = torch.nn.init.zeros_(weight)
    >>> with torch.no_grad():  # scores of 0: the mean
    ...     pool(torch.tensor([[1.0], [2.0], [4.0]]), torch.tensor([0, 0, 1]), size=3)
    tensor([[1.5000],
            [4.0000],
            [0.0000]])
    """

    def forward(self, x: Tensor, batch: Tensor | None = None, size: int | None = None) -> Tensor:
        """The features of every graph; see the class for shapes and errors."""
        return self._pooled(x, batch, None, size, -2, "batch")
