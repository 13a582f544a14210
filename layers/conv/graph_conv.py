"""GraphConv: a node's own features and its neighbours', each with a weight matrix."""

import torch
from torch import Tensor
from torch.jit import is_scripting  # type: ignore[attr-defined]

from geocompile.layers.common.checks import check_edge_index, check_features, check_pair, edge_weight_as
from geocompile.layers.common.linear import infer_size, linear, pair_of_channels
from geocompile.layers.common.pairs import with_own
from geocompile.layers.common.propagation import (
    along_nodes,
    end_of,
    ends,
    gather_reduce,
    initial_sizes,
    note_size,
    pick_end,
)
from geocompile.layers.message_passing import MessagePassing


class GraphConv(MessagePassing):
    r"""The higher-order graph operator: own and neighbours' features, each with a weight matrix.

    .. math::
        \mathbf{x}'_i = \Theta_1 \mathbf{x}_i + \square_{j \in \mathcal{N}(i)} e_{ji} \Theta_2 \mathbf{x}_j + \mathbf{b}

    Equal to PyG 2.8.1's GraphConv for ``aggr="add"`` and ``"mean"``, state dict included. For ``"max"`` and ``"min"``
    the neighbours' weight is applied before they are compared, as the formula says;
    PyG 2.8.1 applies it after, and ``weight_after=True`` does the same here.
    Of a pair, ``x[k]`` are the features of the nodes of ``edge_index[k]``, so that with ``flow="target_to_source"``
    the messages come from ``x[1]``; PyG 2.8.1 sends ``x[0]`` whatever the flow, and ``sender_first=True`` does the
    same here.

    Args:
        in_channels: size of the input features, -1 to take it from the first input; a pair for source and target.
        out_channels: size of the output features.
        aggr: ``"add"``, ``"mean"``, ``"max"``, ``"min"`` or ``"mul"``.
        bias: add a learned bias.
        weight_after: aggregate first, then multiply by :math:`\Theta_2` and add the bias.
        sender_first: a pair is sending and receiving features whatever the flow, as in PyG 2.8.1, which takes the
            number of receiving nodes from ``size`` or ``x`` of ``edge_index[0]`` all the same: with
            ``flow="target_to_source"`` both elements need as many rows.
        flow: as in :class:`MessagePassing`.
        node_dim: the dimension of ``x`` that counts nodes.

    Shapes:
        ``x`` [num_nodes, in_channels] or a pair ([num_sources, in_channels[0]], [num_targets, in_channels[1]] or
        None for no :math:`\Theta_1` term), ``edge_index`` [2, num_edges] (int64 or int32), ``edge_weight`` [num_edges],
        ``size`` the number of nodes at ``edge_index[0]`` and ``edge_index[1]``; result [num_targets, out_channels].

    Raises:
        TypeError, ValueError: an argument has the wrong type, dtype, shape or device.
        IndexError: a node number is negative or too large.

    Source: Morris et al., "Weisfeiler and Leman go neural: higher-order graph neural networks" (2019).

    >>> conv = GraphConv(1, 1, bias=False)
    >>> for weight in conv.parameters():
    ...     _ = torch.nn.init.ones_(weight)
    >>> with torch.no_grad():
    ...     conv(torch.tensor([[1.0], [2.0], [4.0]]), torch.tensor([[1, 2], [0, 0]]))
    tensor([[7.],
            [2.],
            [4.]])
    """

    def __init__(
        self,
        in_channels: int | tuple[int, int],
        out_channels: int,
        aggr: str = "add",
        bias: bool = True,
        *,
        weight_after: bool = False,
        sender_first: bool = False,
        flow: str = "source_to_target",
        node_dim: int = -2,
    ) -> None:
        super().__init__(aggr, flow, node_dim=node_dim)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.weight_after = weight_after
        self.sender_first = sender_first
        source, target = pair_of_channels("GraphConv", in_channels)
        self.lin_rel = linear("GraphConv", source, out_channels, bias=bias)
        self.lin_root = linear("GraphConv", target, out_channels, bias=False)

    def reset_parameters(self) -> None:
        """Draw both weights and the bias as :class:`torch.nn.Linear` does."""
        self.lin_rel.reset_parameters()
        self.lin_root.reset_parameters()

    def forward(
        self,
        x: Tensor | tuple[Tensor, Tensor | None],
        edge_index: Tensor,
        edge_weight: Tensor | None = None,
        size: tuple[int, int] | None = None,
    ) -> Tensor:
        """The features of every target node after the convolution; see the class for shapes and errors."""
        check_edge_index("GraphConv", edge_index)
        if isinstance(x, Tensor):
            x = (x, x)
        if not is_scripting():
            check_pair("GraphConv", x)
        i, j = ends(self.flow)
        swapped = self.sender_first and j == 1
        if swapped:
            i, j = 1, 0
        source, target = pick_end("x", x[0], x[1], j), end_of(x[0], x[1], i)
        if not is_scripting():
            infer_size(self.lin_rel, source)
            infer_size(self.lin_root, target)
        check_features(
            "GraphConv", source, edge_index, self.lin_rel.weight, self.lin_rel.in_features, self.node_dim
        )
        weight = edge_weight_as("GraphConv", edge_weight, edge_index, source)

        transform_first = self._transforms_first()
        h = torch.nn.functional.linear(source, self.lin_rel.weight) if transform_first else source
        ends_of_edges: tuple[Tensor | None, Tensor | None] = (h, target) if j == 0 else (target, h)
        if swapped:
            sizes = initial_sizes(size)
            note_size("x", sizes, 0, source, self.node_dim)
            note_size("x", sizes, 1, target, self.node_dim)
            ends_of_edges, size = (h, h), None
        # propagate_type: (x: Tuple[Optional[Tensor], Optional[Tensor]], edge_weight: Optional[Tensor])
        out: Tensor = self.propagate(edge_index, size=size, x=ends_of_edges, edge_weight=weight)
        if not transform_first:
            out = torch.nn.functional.linear(out, self.lin_rel.weight)
        if self.lin_rel.bias is not None:
            out = out + self.lin_rel.bias
        if target is not None:
            check_features(
                "GraphConv",
                target,
                edge_index,
                self.lin_root.weight,
                self.lin_root.in_features,
                self.node_dim,
            )
            out = with_own("GraphConv", out, self.lin_root(target))
        return out

    def message(self, x_j: Tensor, edge_weight: Tensor | None) -> Tensor:
        """The sending node's features, times the weight of the edge."""
        return x_j if edge_weight is None else x_j * along_nodes(edge_weight, x_j, self.node_dim)

    def message_and_aggregate(
        self,
        x: tuple[Tensor | None, Tensor | None],
        edge_weight: Tensor | None,
        rowptr: Tensor,
        col: Tensor,
        perm: Tensor,
    ) -> Tensor:
        """The same in one operator."""
        source = pick_end("x", x[0], x[1], ends(self.flow)[1])
        weight = None if edge_weight is None else edge_weight.index_select(0, perm)
        return gather_reduce(source, rowptr, col, weight, self.node_dim, self._reduce)

    def _transforms_first(self) -> bool:
        """Whether the neighbours' weight comes before the aggregation.

        Sum and mean give the same either way, so that the narrower side crosses the edges.
        """
        if self._reduce == "sum" or self._reduce == "mean":
            return self.lin_rel.in_features >= self.lin_rel.out_features
        return not self.weight_after
