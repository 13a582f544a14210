"""AGNNConv: a weighted mean of neighbours, the weights being a softmax of cosines."""

import torch
from torch import Tensor

from geocompile.custom_ops import cosine_attention
from geocompile.layers.common.attention import AttentionGraph, with_loops
from geocompile.layers.common.checks import check_edge_index, check_features
from geocompile.layers.common.node_numbers import sorted_edges
from geocompile.layers.common.propagation import ends
from geocompile.layers.message_passing import MessagePassing


class AGNNConv(MessagePassing):
    r"""The graph attentional propagation layer.

    .. math::
        \mathbf{X}' = \mathbf{P} \mathbf{X}, \qquad P_{i,j} = \frac{\exp(\beta \cos(\mathbf{x}_i, \mathbf{x}_j))}
        {\sum_{k \in \mathcal{N}(i) \cup \{i\}} \exp(\beta \cos(\mathbf{x}_i, \mathbf{x}_k))}

    where a node counts once among its neighbours, however many self-loops the graph has, and the cosine with a zero
    vector is 0. Equal to PyG 2.8.1's AGNNConv, state dict included.

    Args:
        requires_grad: learn :math:`\beta`, which starts at 1.
        add_self_loops: False: a node is its own neighbour only where ``edge_index`` says so.
        flow: as in :class:`MessagePassing`.

    Shapes:
        ``x`` [num_nodes, channels] (float32, float64, float16 or bfloat16), ``edge_index`` [2, num_edges] (int64 or
        int32); result of the shape of ``x``.

    Raises:
        TypeError, ValueError: an argument has the wrong type, dtype, shape or device.
        IndexError: a node number is negative or too large.

    Source: Thekumparampil et al., "Attention-based graph neural network for semi-supervised learning" (2018).

    >>> with torch.no_grad():
    ...     AGNNConv()(torch.tensor([[1.0, 0.0], [3.0, 0.0], [0.0, 2.0]]), torch.tensor([[1], [0]]))
    tensor([[2., 0.],
            [3., 0.],
            [0., 2.]])
    """

    computes_in_forward = True

    def __init__(
        self,
        requires_grad: bool = True,
        *,
        add_self_loops: bool = True,
        flow: str = "source_to_target",
    ) -> None:
        super().__init__("add", flow)
        self.requires_grad = requires_grad
        self.add_self_loops = add_self_loops
        if requires_grad:
            self.beta: Tensor = torch.nn.Parameter(torch.ones(1))
        else:
            self.register_buffer("beta", torch.ones(1))

    def reset_parameters(self) -> None:
        r"""Set :math:`\beta` back to 1 where it is learned."""
        if self.requires_grad:
            torch.nn.init.ones_(self.beta)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        """The weighted means of every node; see the class for shapes and errors."""
        check_edge_index("AGNNConv", edge_index)
        check_features("AGNNConv", x, edge_index, self.beta, -1, self.node_dim)
        if x.dim() != 2:
            raise ValueError(
                f"geocompile.AGNNConv: x must have shape [num_nodes, channels], got {list(x.shape)}"
            )
        i, _ = ends(self.flow)
        rowptr, col, perm = sorted_edges("AGNNConv", edge_index, self.flow, x.size(0), x.size(0))
        if not self.add_self_loops:
            return cosine_attention(x, rowptr, col, self.beta)
        rows = edge_index[i].index_select(0, perm)
        graph = with_loops(AttentionGraph(rowptr, col, perm, None, None), rows, x.size(0), x.size(0))
        # The loops that were there end in a row behind the last node's; none sends from it.
        return cosine_attention(x, graph.rowptr, graph.col, self.beta)[: x.size(0)]
