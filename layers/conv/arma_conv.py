"""ARMAConv: stacks of recursive filters with a skip connection to the input."""

from collections.abc import Callable

import torch
from torch import Tensor

from geocompile.layers.common.checks import check_count, check_edge_index, check_features
from geocompile.layers.common.grouped_linear import grouped_product
from geocompile.layers.common.linear import glorot_
from geocompile.layers.common.normalised import Graph, NormalisedConv
from geocompile.layers.common.propagation import nodes_back, nodes_first


class ARMAConv(NormalisedConv):
    r"""The ARMA graph convolutional operator.

    .. math::
        \mathbf{X}' = \frac{1}{K} \sum_{k=1}^{K} \mathbf{X}_k^{(T)}, \qquad
        \mathbf{X}_k^{(t+1)} = \sigma\left(\hat{\mathbf{L}} \mathbf{X}_k^{(t)} \mathbf{W}_k^{(t)} +
        \mathbf{X}^{(0)} \mathbf{V}_k^{(t)} + \mathbf{b}_k^{(t)}\right), \qquad
        \hat{\mathbf{L}} = \mathbf{D}^{-1/2} \mathbf{A} \mathbf{D}^{-1/2}

    where :math:`A_{ij}` is the weight of the edge j → i, self-loops only where ``edge_index`` has them, and
    :math:`D_{ii} = \sum_j A_{ij}`. Equal to PyG 2.8.1's ARMAConv, state dict included, but for ``in_channels=-1``.

    Args:
        in_channels: size of the input features.
        out_channels: size of the output features.
        num_stacks: :math:`K`.
        num_layers: :math:`T`.
        shared_weights: one W, V and b for all layers of a stack (the first layer's W is its own).
        act: :math:`\sigma`, a module, a function that TorchScript compiles, or None for none.
        dropout: probability that an input feature is left out of the skip connection in training.
        bias: add a learned bias.
        aggr: in place of the sum in the products with the matrix: ``"mean"``, ``"max"`` or ``"min"``.
        flow: as in :class:`MessagePassing`.

    Shapes:
        ``x`` [num_nodes, in_channels] (float32, float64, float16 or bfloat16; or with further dimensions in front),
        ``edge_index`` [2, num_edges] (int64 or int32), ``edge_weight`` [num_edges]; result [num_nodes, out_channels].

    Raises:
        TypeError, ValueError: an argument has the wrong type, dtype, shape or device.
        IndexError: a node number is negative or too large.

    Source: Bianchi et al., "Graph neural networks with convolutional ARMA filters" (2019).

    >>> conv = ARMAConv(1, 1, bias=False)
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
        num_stacks: int = 1,
        num_layers: int = 1,
        shared_weights: bool = False,
        act: Callable[[Tensor], Tensor] | None = torch.nn.functional.relu,
        dropout: float = 0,
        bias: bool = True,
        *,
        aggr: str = "add",
        flow: str = "source_to_target",
    ) -> None:
        super().__init__(aggr, flow, -2, add_self_loops=False)
        sizes = {
            "in_channels": in_channels,
            "out_channels": out_channels,
            "num_stacks": num_stacks,
            "num_layers": num_layers,
        }
        for name, size in sizes.items():
            check_count("ARMAConv", name, size, 1)
        if act is not None and not callable(act):
            raise TypeError(f"geocompile.ARMAConv: act must be a module, a function or None, got {type(act)}")
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.num_stacks = num_stacks
        self.num_layers = num_layers
        self.shared_weights = shared_weights
        self.act = unchanged if act is None else act
        self.dropout = float(dropout)
        depth = 1 if shared_weights else num_layers
        shape = (num_stacks, in_channels, out_channels)
        self.weight = torch.nn.Parameter(
            torch.empty(max(1, depth - 1), num_stacks, out_channels, out_channels)
        )
        self.init_weight = torch.nn.Parameter(torch.empty(shape))
        self.root_weight = torch.nn.Parameter(torch.empty((depth, *shape)))
        self.bias = torch.nn.Parameter(torch.empty(depth, num_stacks, 1, out_channels)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weights (Glorot), set the bias to 0."""
        for weight in (self.weight, self.init_weight, self.root_weight):
            glorot_(weight)
        if self.bias is not None:
            torch.nn.init.zeros_(self.bias)

    def forward(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None = None) -> Tensor:
        """The features of every node after the convolution; see the class for shapes and errors."""
        check_edge_index("ARMAConv", edge_index)
        check_features("ARMAConv", x, edge_index, self.init_weight, self.in_channels, self.node_dim)
        x = nodes_first(x, self.node_dim)
        graph = self._graph(x, edge_index, edge_weight)
        out = self._first(x, graph)
        for t in range(self.num_layers):
            if t > 0:
                out = self._spread(
                    grouped_product(out, self.weight[0 if self.shared_weights else t - 1]), graph
                )
            root = torch.nn.functional.dropout(x, self.dropout, self.training)
            k = 0 if self.shared_weights else t
            out = out + self._to_stacks(root, self.root_weight[k])
            if self.bias is not None:
                out = out + self.bias[k].squeeze(1)
            out = self.act(out)
        return nodes_back(out.mean(dim=-2), self.node_dim)

    def _first(self, x: Tensor, graph: Graph) -> Tensor:
        """The first propagation: the narrower side crosses the edges, where the weight commutes with that."""
        if self._is_linear() and self.in_channels < self.num_stacks * self.out_channels:
            return self._to_stacks(self._spread(x, graph), self.init_weight)
        return self._spread(self._to_stacks(x, self.init_weight), graph)

    def _to_stacks(self, x: Tensor, weight: Tensor) -> Tensor:
        """``x`` [*, in_channels] times ``weight`` [num_stacks, in_channels, out_channels]: [*, num_stacks, out]."""
        out = x @ weight.transpose(0, 1).flatten(1)
        stacks: Tensor = out.unflatten(-1, [self.num_stacks, self.out_channels])  # type: ignore[no-untyped-call]
        return stacks


def unchanged(x: Tensor) -> Tensor:
    """What stands for no activation, so that TorchScript finds a function to call."""
    return x
