"""RGCNConv: neighbours by the relation of their edge, each relation with a weight matrix."""

import torch
from torch import Tensor
from torch.jit import is_scripting  # type: ignore[attr-defined]

from geocompile.custom_ops import gather_segment_reduce
from geocompile.layers.common.checks import (
    check_count,
    check_edge_index,
    check_matrix,
    check_pair,
    edge_weight_as,
)
from geocompile.layers.common.kernels import channels_at_once, with_product
from geocompile.layers.common.linear import glorot_, pair_of_channels
from geocompile.layers.common.node_numbers import check_ends
from geocompile.layers.common.pairs import check_rows, count_receiving, sending_end
from geocompile.layers.common.propagation import end_of, ends, group_edges
from geocompile.layers.common.relations import check_learned, marked_outside, relations_as
from geocompile.layers.message_passing import MessagePassing


class RGCNConv(MessagePassing):
    r"""The relational graph convolution.

    .. math::
        \mathbf{x}'_i = \Theta_0 \mathbf{x}_i + \sum_{r=1}^{R} \frac{1}{|\mathcal{N}_r(i)|}
        \sum_{j \in \mathcal{N}_r(i)} \Theta_r \mathbf{x}_j + \mathbf{b}

    with :math:`\Theta_r = \sum_b a_{r,b} \mathbf{V}_b` of ``num_bases`` bases, or block-diagonal, or free. A given
    ``edge_norm`` stands in place of :math:`1 / |\mathcal{N}_r(i)|`, one number for each edge. Equal to PyG 2.8.1's
    RGCNConv, which has no ``edge_norm``, state dict included; PyG 1.2.0's is this layer with
    ``weight = basis, comp = att`` and always sums.

    Features are reduced by node and relation and then multiplied, no more than a few channels at a time: nothing of
    the size [num_edges, channels] or [num_nodes, num_relations, channels] exists.

    Args:
        in_channels: size of the input features; the number of nodes where they have none; a pair for source and
            target.
        out_channels: size of the output features.
        num_relations: :math:`R`.
        num_bases: the number of bases that the matrices are combinations of; None: they are free.
        bias: add a learned bias.
        num_blocks: in place of bases, the number of blocks on the diagonal of each matrix, all else 0.
        aggr: of the neighbours of each relation, in place of the mean: ``"add"``, ``"max"``, ``"min"`` or ``"mul"``
            (of :math:`\mathbf{x}_j`, before the matrix).
        root_weight: the term :math:`\Theta_0 \mathbf{x}_i`.
        is_sorted: as in PyG 2.8.1; without effect, edges are grouped by counting.
        sender_first: a pair is sending and receiving features whatever the flow, as in PyG 2.8.1; default: ``x[k]``
            belongs to ``edge_index[k]``.
        flow: as in :class:`MessagePassing`.

    Shapes:
        ``x`` [num_nodes, in_channels], or, for features that are learned, node numbers [num_nodes] (int64 or int32)
        in [0, in_channels), or None for all of them in order (both without ``num_blocks``); or a pair of such.
        ``edge_index`` [2, num_edges] (int64 or int32), ``edge_type`` [num_edges] (int64 or int32) in
        [0, num_relations), ``edge_norm`` [num_edges]; result [num_targets, out_channels].

    Raises:
        TypeError, ValueError: an argument has the wrong type, dtype, shape or device.
        IndexError: a node number or relation is negative or too large.

    Source: Schlichtkrull et al., "Modeling relational data with graph convolutional networks" (2018).

    >>> conv = RGCNConv(1, 1, num_relations=2, bias=False)
    >>> for weight in conv.parameters():
    ...     _ = torch.nn.init.ones_(weight)
    >>> x, edge_index = torch.tensor([[1.0], [2.0], [4.0], [8.0]]), torch.tensor([[1, 2, 3], [0, 0, 0]])
    >>> with torch.no_grad():
    ...     conv(x, edge_index, edge_type=torch.tensor([0, 0, 1]))
    tensor([[12.],
            [ 2.],
            [ 4.],
            [ 8.]])
    """

    computes_in_forward = True

    def __init__(
        self,
        in_channels: int | tuple[int, int],
        out_channels: int,
        num_relations: int,
        num_bases: int | None = None,
        bias: bool = True,
        *,
        num_blocks: int | None = None,
        aggr: str = "mean",
        root_weight: bool = True,
        is_sorted: bool = False,
        sender_first: bool = False,
        flow: str = "source_to_target",
    ) -> None:
        super().__init__(aggr, flow, node_dim=0)
        source, target = pair_of_channels("RGCNConv", in_channels)
        self.in_channels = in_channels
        self.source_channels = source
        self.out_channels = out_channels
        self.num_relations = num_relations
        self.num_bases = num_bases
        self.num_blocks = num_blocks
        self.is_sorted = is_sorted
        self.sender_first = sender_first
        self._check_sizes(target)
        self.weight = torch.nn.Parameter(torch.empty(self._shape()))
        comp = torch.empty(num_relations, num_bases) if num_bases is not None else None
        root = torch.empty(target, out_channels) if root_weight else None
        self.comp = None if comp is None else torch.nn.Parameter(comp)
        self.root = None if root is None else torch.nn.Parameter(root)
        self.bias = torch.nn.Parameter(torch.empty(out_channels)) if bias else None
        self.reset_parameters()

    def _check_sizes(self, target: int) -> None:
        sizes = {
            "in_channels": min(self.source_channels, target),
            "out_channels": self.out_channels,
            "num_relations": self.num_relations,
            "num_bases": 1 if self.num_bases is None else self.num_bases,
            "num_blocks": 1 if self.num_blocks is None else self.num_blocks,
        }
        for name, size in sizes.items():
            check_count("RGCNConv", name, size, 1)
        if self.num_blocks is None:
            return
        if self.num_bases is not None:
            raise ValueError("geocompile.RGCNConv: give num_bases or num_blocks, not both")
        if self.source_channels % self.num_blocks or self.out_channels % self.num_blocks:
            raise ValueError(
                f"geocompile.RGCNConv: num_blocks={self.num_blocks} must divide in_channels={self.source_channels} "
                f"and out_channels={self.out_channels}"
            )

    def _shape(self) -> tuple[int, ...]:
        """Of the weight."""
        if self.num_blocks is not None:
            blocks = self.num_blocks
            return self.num_relations, blocks, self.source_channels // blocks, self.out_channels // blocks
        matrices = self.num_relations if self.num_bases is None else self.num_bases
        return matrices, self.source_channels, self.out_channels

    def reset_parameters(self) -> None:
        """Draw the weights by Glorot's rule; the bias is 0."""
        for weight in (self.weight, self.comp, self.root):
            if weight is not None:
                glorot_(weight)
        if self.bias is not None:
            torch.nn.init.zeros_(self.bias)

    def forward(
        self,
        x: Tensor | tuple[Tensor | None, Tensor | None] | None,
        edge_index: Tensor,
        edge_type: Tensor,
        edge_norm: Tensor | None = None,
    ) -> Tensor:
        """The features of every target node after the convolution; see the class for shapes and errors."""
        source, target, count = self._opened(x, edge_index)
        i, j = ends(self.flow)
        check_ends("RGCNConv", "edge_index", edge_index, self.flow, source.size(0), count)
        # A row for each node and relation. Numbers of both are as long as int64 allows.
        relation = relations_as("RGCNConv", edge_type, edge_index, self.num_relations)
        rows = torch.add(relation, edge_index[i], alpha=self.num_relations)
        rowptr, col, perm = group_edges(rows, edge_index[j].long(), count * self.num_relations)
        norm = edge_weight_as("RGCNConv", edge_norm, edge_index, self.weight)
        if norm is not None:
            norm = norm.index_select(0, perm)
        own = self._own(target, source, count)
        if is_scripting() or not torch.compiler.is_compiling():
            check_rows("RGCNConv", count, own.size(0))
        if source.is_floating_point():
            return self._from_features(own, source, rowptr, col, norm)
        relation = rows.index_select(0, perm) % self.num_relations
        return own + self._from_numbers(relation, source, rowptr, col, norm, count)

    def _own(self, target: Tensor | None, source: Tensor, count: int) -> Tensor:
        """What a node has without neighbours, ``[num_targets, out_channels]``."""
        if self.root is None or target is None:
            own = self.weight.new_zeros([count, self.out_channels])
            return own if self.bias is None else own + self.bias
        if not target.is_floating_point():
            own = self.root.index_select(0, target)
            return own if self.bias is None else own + self.bias
        return torch.nn.functional.linear(target, self.root.t(), self.bias)

    def _opened(
        self, x: Tensor | tuple[Tensor | None, Tensor | None] | None, edge_index: Tensor
    ) -> tuple[Tensor, Tensor | None, int]:
        """Who sends, who receives, how many receive."""
        check_edge_index("RGCNConv", edge_index)
        sender = sending_end(self.flow, self.sender_first)
        if x is None:
            source = self._numbers_if_none(None)
            target: Tensor | None = source
        elif isinstance(x, Tensor):
            source, target = x, x
        else:
            if not is_scripting():
                check_pair("RGCNConv", x)
            source = self._numbers_if_none(end_of(x[0], x[1], sender))
            target = end_of(x[0], x[1], 1 - sender)
        self._check_nodes(source, edge_index, self.source_channels)
        if self.root is not None and target is not None:
            self._check_nodes(target, edge_index, self.root.size(0))
        return source, target, count_receiving(source, target, None, sender, self.flow, 0)

    def _numbers_if_none(self, x: Tensor | None) -> Tensor:
        if x is None:
            return torch.arange(self.source_channels, device=self.weight.device)
        return x

    def _check_nodes(self, x: Tensor, edge_index: Tensor, channels: int) -> None:
        """Features, or numbers of nodes whose features are learned."""
        if not isinstance(x, Tensor) or x.is_floating_point():
            check_matrix("RGCNConv", x, edge_index, self.weight, channels)
            return
        check_learned("RGCNConv", x, channels)
        if self.num_blocks is not None:
            raise ValueError(
                "geocompile.RGCNConv: num_blocks needs node features: a row of a block-diagonal matrix is no feature"
            )

    def _from_features(
        self, own: Tensor, x: Tensor, rowptr: Tensor, col: Tensor, norm: Tensor | None
    ) -> Tensor:
        if self.num_blocks is None:
            return self._multiplied(own, x, rowptr, col, norm, self._matrices())
        blocks: list[Tensor] = []
        size = self.weight.size(2)
        for block, part in enumerate(own.chunk(self.weight.size(1), dim=1)):
            features, matrices = x[:, block * size : (block + 1) * size], self.weight[:, block]
            blocks.append(self._multiplied(part.clone(), features, rowptr, col, norm, matrices))
        return torch.cat(blocks, dim=1)

    def _matrices(self) -> Tensor:
        """``[num_relations, in_channels, out_channels]``."""
        if self.comp is None:
            return self.weight
        else:  # noqa: RET505  (TorchScript compiles what stands behind a return)
            shape = [self.num_relations, self.weight.size(1), self.weight.size(2)]
            return (self.comp @ self.weight.flatten(1)).view(shape)

    def _multiplied(
        self, out: Tensor, x: Tensor, rowptr: Tensor, col: Tensor, norm: Tensor | None, matrices: Tensor
    ) -> Tensor:
        """``out`` plus features by node and relation, times each relation's matrix, a few channels after the other."""
        width = channels_at_once(matrices.size(1), self.num_relations)
        for start in range(0, matrices.size(1), width):
            part = x[:, start : start + width]
            # No variable holds the sums: those of one pass are gone before the next makes its own.
            out = with_product(
                out,
                gather_segment_reduce(part, rowptr, col, norm, None, self._per_relation(norm)).view(
                    [out.size(0), self.num_relations * part.size(1)]
                ),
                matrices[:, start : start + width],
            )
        return out

    def _from_numbers(
        self, relation: Tensor, x: Tensor, rowptr: Tensor, col: Tensor, norm: Tensor | None, count: int
    ) -> Tensor:
        """The feature of a node is the row of each relation's matrix that has its number."""
        matrices = self._matrices()
        nodes = marked_outside(x, self.source_channels).index_select(0, col)
        rows = matrices.flatten(0, 1)
        place = relation * self.source_channels + nodes
        parts: list[Tensor] = []
        width = channels_at_once(self.out_channels, self.num_relations)
        for start in range(0, self.out_channels, width):
            part = rows[:, start : start + width]
            h = gather_segment_reduce(part, rowptr, place, norm, None, self._per_relation(norm))
            parts.append(h.view([count, self.num_relations, part.size(1)]).sum(1))
        return torch.cat(parts, dim=1)

    def _per_relation(self, norm: Tensor | None) -> str:
        return "sum" if norm is not None and self._reduce == "mean" else self._reduce
