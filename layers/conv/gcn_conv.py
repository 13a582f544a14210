"""GCNConv: graph convolution with symmetric normalisation."""

import torch
from torch import Tensor
from torch.jit import is_scripting  # type: ignore[attr-defined]

from geocompile.custom_ops import csr_from_coo, gcn_norm
from geocompile.layers.common.checks import check_edge_index, check_features, edge_weight_as
from geocompile.layers.common.linear import infer_size, linear
from geocompile.layers.common.node_numbers import check_numbers
from geocompile.layers.common.normalised import NormalisedConv
from geocompile.layers.common.propagation import nodes_back, nodes_first


class GCNConv(NormalisedConv):
    r"""The graph convolutional operator.

    .. math::
        \mathbf{X}' = \hat{\mathbf{D}}^{-1/2} \hat{\mathbf{A}} \hat{\mathbf{D}}^{-1/2} \mathbf{X} \Theta + \mathbf{b},
        \qquad \hat{D}_{ii} = \sum_j \hat{A}_{ij}

    where :math:`A_{ij}` is the weight of the edge j → i and :math:`\hat{\mathbf{A}}` is :math:`\mathbf{A}` in
    which every node without a self-loop gets one of weight 1 (``improved``: 2). An existing self-loop keeps its
    weight; of several the last counts.

    Equal to PyG 2.8.1's GCNConv, state dict included, except that ``improved`` is honoured without ``edge_weight`` too
    (there it is ignored; ``improved_needs_edge_weight=True`` does the same here). Edge weights of another dtype are
    converted to that of ``x``.

    Args:
        in_channels: size of the input features, -1 to take it from the first input.
        out_channels: size of the output features.
        improved: :math:`\hat{\mathbf{A}} = \mathbf{A} + 2\mathbf{I}`.
        cached: compute the normalised graph on the first call only and ignore the edges of later calls (a gradient of
            ``edge_weight`` comes from the first call only). Engines hold the graph as a constant, that of the first
            example where none is cached yet, and take as many nodes as it has.
        bias: add a learned bias.
        add_self_loops: default: as ``normalize``.
        normalize: False: the weights of the edges are used as they are.
        improved_needs_edge_weight: ignore ``improved`` when no ``edge_weight`` is given.
        aggr: how neighbours are reduced: ``"add"``, ``"mean"``, ``"max"`` or ``"min"``.
        flow: as in :class:`MessagePassing`.
        node_dim: the dimension of ``x`` that counts nodes.

    Shapes:
        ``x`` [num_nodes, in_channels] (float32, float64, float16 or bfloat16; further dimensions in front as
        ``node_dim`` says), ``edge_index`` [2, num_edges] (int64 or int32), ``edge_weight`` [num_edges];
        result [num_nodes, out_channels].

    Raises:
        TypeError, ValueError: an argument has the wrong type, dtype, shape or device.
        IndexError: a node number is negative or too large.

    Source: Kipf and Welling, "Semi-supervised classification with graph convolutional networks" (2017).

    >>> conv = GCNConv(1, 1, bias=False)
    >>> _ = torch.nn.init.ones_(conv.lin.weight)
    >>> with torch.no_grad():
    ...     conv(torch.tensor([[1.0], [2.0]]), torch.tensor([[0, 1], [1, 0]]))
    tensor([[1.5000],
            [1.5000]])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        improved: bool = False,
        cached: bool = False,
        bias: bool = True,
        *,
        add_self_loops: bool | None = None,
        normalize: bool = True,
        improved_needs_edge_weight: bool = False,
        aggr: str = "add",
        flow: str = "source_to_target",
        node_dim: int = -2,
    ) -> None:
        super().__init__(
            aggr,
            flow,
            node_dim,
            cached=cached,
            normalize=normalize,
            add_self_loops=add_self_loops,
            improved=improved,
            improved_needs_edge_weight=improved_needs_edge_weight,
        )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.lin = linear("GCNConv", in_channels, out_channels, bias=False, glorot=True)
        self.bias = torch.nn.Parameter(torch.zeros(out_channels)) if bias else None

    def reset_parameters(self) -> None:
        """Draw the weight (Glorot), set the bias to 0, forget the cached graph."""
        self.lin.reset_parameters()
        if self.bias is not None:
            torch.nn.init.zeros_(self.bias)
        self._cached = None

    def forward(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None = None) -> Tensor:
        """The features of every node after the convolution; see the class for shapes and errors."""
        check_edge_index("GCNConv", edge_index)
        if not is_scripting():
            infer_size(self.lin, x)
        check_features("GCNConv", x, edge_index, self.lin.weight, self.lin.in_features, self.node_dim)
        graph = self._graph(nodes_first(x, self.node_dim), edge_index, edge_weight)
        # What costs is the edges' traffic, so the narrower side is aggregated; a maximum does not commute with lin.
        lin_last = self.lin.in_features < self.lin.out_features and self._is_linear()
        if not lin_last:  # before the nodes move: of a view export would ask whether it is in order
            x = self.lin(x)
        x = self._spread(nodes_first(x, self.node_dim), graph)
        if lin_last:
            x = self.lin(x)
        if self.bias is not None:
            x = x + self.bias
        return nodes_back(x, self.node_dim)

    @staticmethod
    def norm(
        edge_index: Tensor,
        num_nodes: int,
        edge_weight: Tensor | None = None,
        improved: bool = False,
        dtype: torch.dtype | None = None,
    ) -> tuple[Tensor, Tensor]:
        """The normalised graph as edges: those that are no loops in their order, then one loop for every node.

        Args:
            edge_index: ``[2, num_edges]``.
            num_nodes: number of nodes.
            edge_weight: ``[num_edges]``; None: 1.
            improved: loops that are not among the edges weigh 2 in place of 1.
            dtype: dtype of the result without ``edge_weight``; None: torch's default dtype.

        Returns:
            ``edge_index`` [2, num_other_edges + num_nodes] and the weight of each edge in
            :math:`\\hat{D}^{-1/2} \\hat{A} \\hat{D}^{-1/2}` (degrees by ``edge_index[1]``).
        """
        check_edge_index("GCNConv.norm", edge_index)
        if dtype is None:
            dtype = torch.get_default_dtype() if edge_weight is None else edge_weight.dtype
        like = torch.empty((num_nodes, 0), dtype=dtype, device=edge_index.device)
        weight = edge_weight_as("GCNConv.norm", edge_weight, edge_index, like)
        check_numbers("GCNConv.norm", "edge_index", edge_index, num_nodes)
        rowptr, perm, col = csr_from_coo(edge_index[1], like, edge_index[0])
        sorted_weight = None if weight is None else weight.index_select(0, perm)
        by_row, loops = gcn_norm(rowptr, col, like, sorted_weight, 2.0 if improved else 1.0, True)
        by_edge = torch.empty_like(by_row).index_copy(0, perm.long(), by_row)
        other = edge_index[0] != edge_index[1]
        nodes = torch.arange(num_nodes, dtype=edge_index.dtype, device=edge_index.device)
        return (
            torch.cat([edge_index[:, other], nodes.expand(2, -1)], dim=1),
            torch.cat([by_edge[other], loops]),
        )
