"""What pooling by a score shares: the nodes of the highest score of each graph, and the graph that is left of them."""

import math
import numbers

import torch
from torch import Tensor

from geocompile.custom_ops import filter_edges, segment_reduce, segment_softmax
from geocompile.layers.common.activations import Activation, activation
from geocompile.layers.common.checks import check_edge_index, check_features
from geocompile.layers.common.groups import check_batch, in_order, sorted_by
from geocompile.layers.common.node_numbers import check_numbers
from geocompile.layers.common.propagation import row_of_each

Pooled = tuple[Tensor, Tensor, Tensor | None, Tensor, Tensor, Tensor]
"""``x``, ``edge_index``, ``edge_attr``, ``batch``, ``perm``, ``score``."""
EVERY_NODE = float(2**60)
"""More nodes than a graph has, exact in float32; 2**53 in a TorchScript file is an integer, which cannot be loaded."""


class SelectTopK(torch.nn.Module):
    r"""Scores nodes by a learned projection, and chooses those of the highest score.

    Args:
        layer: the layer's name, for messages.
        in_channels: size of the features that are projected.
        ratio: a float is the share of each graph's nodes that is kept, an integer their number.
        min_score: in place of ``ratio``, the share of its graph's softmax that a node must exceed; the best node of a
            graph is always kept.
        nonlinearity: of the scores, without ``min_score``.
    """

    def __init__(
        self,
        layer: str,
        in_channels: int,
        ratio: float | int | None,
        min_score: float | None,
        nonlinearity: str | Activation,
    ) -> None:
        super().__init__()
        self.layer = layer
        self.min_score = min_score
        self.every_node = EVERY_NODE  # TorchScript sees attributes only
        self.wanted = _wanted(layer, ratio, min_score)
        self.is_share = is_share(ratio) and self.wanted < 1.0
        self.act = activation(layer, "nonlinearity", nonlinearity)
        self.weight = torch.nn.Parameter(torch.empty(1, in_channels))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        r"""Draw the projection from :math:`U(\pm 1/\sqrt{in\_channels})`."""
        bound = 1.0 / math.sqrt(max(self.weight.size(1), 1))
        torch.nn.init.uniform_(self.weight, -bound, bound)

    def forward(self, x: Tensor, batch: Tensor | None) -> tuple[Tensor, Tensor]:
        """Which nodes are kept, and their scores.

        Args:
            x: ``[num_nodes, in_channels]``.
            batch: ``[num_nodes]``, the graph of each node, in any order; None: all nodes are one graph.
        """
        score = torch.nn.functional.linear(x, self.weight).squeeze(-1)
        rowptr, order = _graphs(self.layer, x, batch)
        min_score = self.min_score
        if min_score is None:
            score = self.act(score / self.weight.norm(p=2, dim=-1))
            perm = self._highest(score, rowptr, order)
        else:
            score = segment_softmax(score, rowptr, order)
            highest = segment_reduce(score, rowptr, order, "max")
            of_graph = highest.expand(x.size(0)) if batch is None else highest.index_select(0, batch)
            kept = (score > (of_graph - 1e-7).clamp(max=min_score)) | (score == of_graph)
            perm = kept.nonzero().view(-1)
        return perm, score.index_select(0, perm)

    def _highest(self, score: Tensor, rowptr: Tensor, order: Tensor | None) -> Tensor:
        """The nodes of the highest score, graph by graph; their number is computed in the dtype of the scores."""
        places = in_order(order, rowptr, score.size(0))
        by_graph = score if order is None else score.index_select(0, places)
        if self.is_share and score.dtype == torch.float64:
            ranked = torch.ops.geocompile.topk(by_graph, rowptr, self.every_node)
            graph = row_of_each(rowptr, score.size(0))
            rank = torch.arange(score.size(0), device=score.device) - rowptr.index_select(0, graph)
            # A tensor, since a number is rounded to float32 in an ONNX file.
            share = torch.tensor(self.wanted, dtype=torch.float64, device=score.device)
            wanted = (share * rowptr.diff()).ceil()
            best = ranked.index_select(0, (rank < wanted.index_select(0, graph)).nonzero().view(-1))
        else:  # the operator computes a share in float32
            best = torch.ops.geocompile.topk(by_graph, rowptr, self.wanted)
        return best if order is None else places.index_select(0, best).long()


def pooled(
    x: Tensor,
    perm: Tensor,
    score: Tensor,
    multiplier: float,
    edge_index: Tensor,
    edge_attr: Tensor | None,
    batch: Tensor | None,
) -> Pooled:
    """The graph among the nodes ``perm``, their features times their scores and ``multiplier``."""
    out = x.index_select(0, perm) * score.unsqueeze(1)
    if multiplier != 1.0:
        out = multiplier * out
    edges, places = filter_edges(edge_index, perm, x)
    if edge_attr is not None:
        edge_attr = edge_attr.index_select(0, places)
    of_graph = edge_index.new_zeros([x.size(0)]) if batch is None else batch
    return out, edges, edge_attr, of_graph.index_select(0, perm), perm, score


def scored_features(
    layer: str, x: Tensor, edge_index: Tensor, edge_attr: Tensor | None, attn: Tensor | None, weight: Tensor
) -> Tensor:
    """What the score is taken of: ``attn``, else ``x``; a vector as one feature of each node.

    Raises:
        TypeError, ValueError: the graph or its features have the wrong type, dtype, shape or device.
        IndexError: a node number is negative or too large.
    """
    check_edge_index(layer, edge_index)
    _check_edge_rows(layer, edge_attr, edge_index)
    check_features(layer, x, edge_index, weight, -1, 0)
    check_numbers(layer, "edge_index", edge_index, x.size(0))
    read = x if attn is None else attn
    return read.unsqueeze(-1) if read.dim() == 1 else read


def _check_edge_rows(layer: str, edge_attr: Tensor | None, edge_index: Tensor) -> None:
    """Refuse edge features that are not one row, or one value, for each edge.

    Raises:
        ValueError: their first size is another one.
    """
    if edge_attr is not None and (edge_attr.dim() == 0 or edge_attr.size(0) != edge_index.size(1)):
        raise ValueError(
            f"geocompile.{layer}: edge_attr must have shape [{edge_index.size(1)}, ...], one row for each edge of "
            f"edge_index, got {list(edge_attr.shape)}"
        )


def _graphs(layer: str, x: Tensor, batch: Tensor | None) -> tuple[Tensor, Tensor | None]:
    if batch is None:
        return torch.arange(2, device=x.device) * x.size(0), None
    check_batch(layer, "batch", batch, x.size(0), x)
    return sorted_by(layer, batch, None)


def _wanted(layer: str, ratio: float | int | None, min_score: float | None) -> float:
    """What the operator takes: a share below 1, or a number of nodes."""
    if ratio is None and min_score is not None:
        return EVERY_NODE
    if not isinstance(ratio, numbers.Real) or isinstance(ratio, bool) or not 0 < ratio < math.inf:
        raise ValueError(
            f"geocompile.{layer}: ratio must be a share of the nodes above 0, or their number as an integer of at "
            f"least 1, got {ratio!r}; or give min_score"
        )
    return EVERY_NODE if is_share(ratio) and ratio >= 1.0 else float(ratio)


def is_share(ratio: object) -> bool:
    """A number that is no integer, NumPy's too."""
    return isinstance(ratio, numbers.Real) and not isinstance(ratio, numbers.Integral)
