"""TAGConv: a linear map for each number of hops."""

import torch
from torch import Tensor
from torch.jit import is_scripting  # type: ignore[attr-defined]

from geocompile.layers.common.checks import check_count, check_edge_index, check_features
from geocompile.layers.common.linear import infer_size, linear
from geocompile.layers.common.normalised import NormalisedConv
from geocompile.layers.common.propagation import nodes_back, nodes_first


class TAGConv(NormalisedConv):
    r"""The topology adaptive graph convolutional operator.

    .. math::
        \mathbf{X}' = \sum_{k=0}^{K} \left(\mathbf{D}^{-1/2} \mathbf{A} \mathbf{D}^{-1/2}\right)^k \mathbf{X} \Theta_k
        + \mathbf{b}

    where :math:`A_{ij}` is the weight of the edge j → i, self-loops only where ``edge_index`` has them, and
    :math:`D_{ii} = \sum_j A_{ij}`. Equal to PyG 2.8.1's TAGConv, state dict included.

    Args:
        in_channels: size of the input features, -1 to take it from the first input.
        out_channels: size of the output features.
        K: number of hops.
        bias: add a learned bias.
        normalize: False: the weights of the edges are used as they are.
        aggr: in place of the sum in the products with the matrix: ``"mean"``, ``"max"`` or ``"min"``.
        flow: as in :class:`MessagePassing`.
        node_dim: the dimension of ``x`` that counts nodes.

    Shapes:
        ``x`` [num_nodes, in_channels] (float32, float64, float16 or bfloat16; further dimensions in front as
        ``node_dim`` says), ``edge_index`` [2, num_edges] (int64 or int32), ``edge_weight`` [num_edges];
        result [num_nodes, out_channels].

    Raises:
        TypeError, ValueError: an argument has the wrong type, dtype, shape or device.
        IndexError: a node number is negative or too large.

    Source: Du et al., "Topology adaptive graph convolutional networks" (2017).

    >>> conv = TAGConv(1, 1, K=1, bias=False)
    >>> for weight in conv.parameters():
    ...     _ = torch.nn.init.ones_(weight)
    >>> with torch.no_grad():
    ...     conv(torch.tensor([[1.0], [2.0], [4.0]]), torch.tensor([[0, 1], [1, 0]]))
    tensor([[3.],
            [3.],
            [4.]])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        K: int = 3,
        bias: bool = True,
        normalize: bool = True,
        *,
        aggr: str = "add",
        flow: str = "source_to_target",
        node_dim: int = -2,
    ) -> None:
        super().__init__(aggr, flow, node_dim, normalize=normalize, add_self_loops=False)
        check_count("TAGConv", "K", K, 0)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.K = K
        self.lins = torch.nn.ModuleList(
            linear("TAGConv", in_channels, out_channels, bias=False) for _ in range(K + 1)
        )
        self.bias = torch.nn.Parameter(torch.zeros(out_channels)) if bias else None

    def reset_parameters(self) -> None:
        """Draw the weights as :class:`torch.nn.Linear` does, set the bias to 0."""
        for lin in self.lins:
            lin.reset_parameters()  # type: ignore[operator]
        if self.bias is not None:
            torch.nn.init.zeros_(self.bias)

    def forward(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None = None) -> Tensor:
        """The features of every node after the convolution; see the class for shapes and errors."""
        check_edge_index("TAGConv", edge_index)
        if not is_scripting():
            for lin in self.lins:
                infer_size(lin, x)  # type: ignore[arg-type]
        weight: Tensor = self.lins[0].weight  # type: ignore[assignment]
        check_features("TAGConv", x, edge_index, weight, self.in_channels, self.node_dim)
        x = nodes_first(x, self.node_dim)
        graph = self._graph(x, edge_index, edge_weight)
        out = x
        for k, lin in enumerate(self.lins):
            if k == 0:
                out = lin(x)
            else:
                x = self._spread(x, graph)
                out = out + lin(x)
        if self.bias is not None:
            out = out + self.bias
        return nodes_back(out, self.node_dim)
