"""SAGEConv: the mean of a node and its neighbours, transformed."""

import torch
from torch import Tensor
from torch.jit import is_scripting  # type: ignore[attr-defined]

from geocompile.custom_ops import gather_segment_reduce
from geocompile.layers.common.checks import check_features
from geocompile.layers.common.linear import infer_size, linear, pair_of_channels
from geocompile.layers.common.node_numbers import sorted_edges
from geocompile.layers.common.pairs import opened, with_own
from geocompile.layers.common.precision import unit_length
from geocompile.layers.common.propagation import ends, nodes_back, nodes_first
from geocompile.layers.common.self_loops import reduce_with_self
from geocompile.layers.message_passing import MessagePassing


class SAGEConv(MessagePassing):
    r"""The GraphSAGE operator.

    .. math::
        \hat{\mathbf{x}}_i = \Theta \cdot \mathrm{mean}_{j \in \mathcal{N}(i) \cup \{i\}} \mathbf{x}_j + \mathbf{b},
        \qquad \mathbf{x}'_i = \frac{\hat{\mathbf{x}}_i}{\|\hat{\mathbf{x}}_i\|_2}

    where a node counts once among its neighbours, however many self-loops the graph has. With ``root_weight=True``

    .. math::
        \hat{\mathbf{x}}_i = \Theta \cdot \mathrm{mean}_{j \in \mathcal{N}(i)} \mathbf{x}_j + \mathbf{b}
        + \Theta_r \mathbf{x}_i

    which, with ``normalize=False``, is PyG 2.8.1's SAGEConv as it is by default, state dict included.

    Args:
        in_channels: size of the input features, -1 to take it from the first input; a pair for source and target.
        out_channels: size of the output features.
        normalize: divide the result by its length.
        bias: add a learned bias.
        aggr: in place of the mean: ``"add"``, ``"max"``, ``"min"``, or, without ``add_self_loops``, ``"mul"``.
        root_weight: a weight of their own for the node's own features.
        add_self_loops: a node is its own neighbour; default: where it has no weight of its own. PyG 2.8.1's
            ``root_weight=False`` is ``add_self_loops=False`` here.
        project: :math:`\mathbf{x}_j` becomes :math:`\mathrm{ReLU}(\Theta_p \mathbf{x}_j + \mathbf{b}_p)` first.
        sender_first: a pair is sending and receiving features whatever the flow, as in PyG 2.8.1; default: ``x[k]``
            belongs to ``edge_index[k]``.
        flow: as in :class:`MessagePassing`.
        node_dim: the dimension of ``x`` that counts nodes.

    Shapes:
        ``x`` [num_nodes, in_channels] (float32, float64, float16 or bfloat16; further dimensions in front as
        ``node_dim`` says) or, without ``add_self_loops``, a pair ([num_sources, in_channels[0]],
        [num_targets, in_channels[1]] or None for no :math:`\Theta_r` term), ``edge_index`` [2, num_edges] (int64 or
        int32), ``size`` the number of nodes at ``edge_index[0]`` and ``edge_index[1]``;
        result [num_targets, out_channels].

    Raises:
        TypeError, ValueError: an argument has the wrong type, dtype, shape or device.
        IndexError: a node number is negative or too large.

    Source: Hamilton et al., "Inductive representation learning on large graphs" (2017).

    >>> conv = SAGEConv(1, 1, normalize=False, bias=False)
    >>> _ = torch.nn.init.ones_(conv.lin_l.weight)
    >>> with torch.no_grad():
    ...     conv(torch.tensor([[1.0], [2.0], [6.0]]), torch.tensor([[1, 2], [0, 0]]))
    tensor([[3.],
            [2.],
            [6.]])
    """

    computes_in_forward = True

    def __init__(
        self,
        in_channels: int | tuple[int, int],
        out_channels: int,
        normalize: bool = True,
        bias: bool = True,
        *,
        aggr: str = "mean",
        root_weight: bool = False,
        add_self_loops: bool | None = None,
        project: bool = False,
        sender_first: bool = False,
        flow: str = "source_to_target",
        node_dim: int = -2,
    ) -> None:
        super().__init__(aggr, flow, node_dim=node_dim)
        source, target = pair_of_channels("SAGEConv", in_channels)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.normalize = normalize
        self.root_weight = root_weight
        self.add_self_loops = not root_weight if add_self_loops is None else add_self_loops
        self.sender_first = sender_first
        self._refuse_loops_that_have_no_meaning()
        if project and source == -1:
            raise ValueError("geocompile.SAGEConv: project=True needs in_channels as a number, got -1")
        self.lin = linear("SAGEConv", source, source, bias=True) if project else None
        self.lin_l = linear("SAGEConv", source, out_channels, bias=bias)
        self.lin_r = linear("SAGEConv", target, out_channels, bias=False) if root_weight else None

    def _refuse_loops_that_have_no_meaning(self) -> None:
        if self.add_self_loops and isinstance(self.in_channels, (tuple, list)):
            raise ValueError(
                f"geocompile.SAGEConv: with in_channels={self.in_channels} no node is its own neighbour; "
                "use root_weight=True, or add_self_loops=False"
            )
        if self.add_self_loops and self._reduce == "mul":
            raise ValueError(
                "geocompile.SAGEConv: aggr='mul' has no form with the node among its neighbours; "
                "use root_weight=True, or add_self_loops=False"
            )

    def reset_parameters(self) -> None:
        """Draw every weight and bias as :class:`torch.nn.Linear` does."""
        for module in (self.lin, self.lin_l, self.lin_r):
            if module is not None:
                module.reset_parameters()

    def forward(
        self,
        x: Tensor | tuple[Tensor, Tensor | None],
        edge_index: Tensor,
        size: tuple[int, int] | None = None,
    ) -> Tensor:
        """The features of every target node after the convolution; see the class for shapes and errors."""
        source, target, count, is_pair = opened(
            "SAGEConv", x, edge_index, size, self.flow, self.sender_first, self.node_dim
        )
        if is_pair and self.add_self_loops:
            raise ValueError(
                "geocompile.SAGEConv: in a pair of features no node is its own neighbour; "
                "use root_weight=True, or add_self_loops=False"
            )
        if not is_scripting():
            infer_size(self.lin_l, source)
        check_features(
            "SAGEConv", source, edge_index, self.lin_l.weight, self.lin_l.in_features, self.node_dim
        )
        out = nodes_back(self._neighbours(source, edge_index, count), self.node_dim)
        if self.lin_r is not None and target is not None:
            if not is_scripting():
                infer_size(self.lin_r, target)
            check_features(
                "SAGEConv", target, edge_index, self.lin_r.weight, self.lin_r.in_features, self.node_dim
            )
            out = with_own("SAGEConv", out, self.lin_r(target))
        return unit_length(out) if self.normalize else out

    def _neighbours(self, source: Tensor, edge_index: Tensor, num_receiving: int) -> Tensor:
        """The first term, nodes first: the narrower side is aggregated where the weight commutes with that."""
        # Maps come before the nodes move: of a view export would ask whether it is in order, and so for one node.
        h = source
        if self.lin is not None:
            h = self.lin(h).relu()
        is_linear = self._reduce == "sum" or self._reduce == "mean"
        transform_first = is_linear and self.lin_l.in_features >= self.lin_l.out_features
        if transform_first:
            h = torch.nn.functional.linear(h, self.lin_l.weight)
        h = nodes_first(h, self.node_dim)
        rowptr, col, perm = sorted_edges("SAGEConv", edge_index, self.flow, h.size(0), num_receiving)
        if self.add_self_loops:
            h = reduce_with_self(
                h, rowptr, col, edge_index[ends(self.flow)[0]].index_select(0, perm), self._reduce
            )
        else:
            h = gather_segment_reduce(h, rowptr, col, None, None, self._reduce)
        if not transform_first:
            return self.lin_l(h)  # type: ignore[no-any-return]
        return h if self.lin_l.bias is None else h + self.lin_l.bias
