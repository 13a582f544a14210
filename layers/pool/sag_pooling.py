"""SAGPooling: the nodes of each graph that a graph convolution scores highest."""

from typing import Any

import torch
from torch import Tensor

from geocompile.layers.common.activations import Activation
from geocompile.layers.common.checks import check_count
from geocompile.layers.common.linear import reset
from geocompile.layers.common.options import options_of
from geocompile.layers.conv.graph_conv import GraphConv
from geocompile.layers.pool.score_pooling import Pooled, SelectTopK, pooled, scored_features


class SAGPooling(torch.nn.Module):
    r"""Keeps the nodes of each graph that a graph convolution scores highest.

    .. math::
        \mathbf{y} = \sigma\left(\frac{p}{|p|} \, \mathrm{GNN}(\mathbf{X}, \mathbf{A})\right), \qquad
        \mathbf{i} = \mathrm{top}_k(\mathbf{y}), \qquad
        \mathbf{X}' = (\mathbf{X} \odot \mathbf{y})_\mathbf{i}, \qquad
        \mathbf{A}' = \mathbf{A}_{\mathbf{i},\mathbf{i}}

    with a learned number :math:`p`, of which the sign alone counts (the paper has none), and the rest as in
    :class:`TopKPooling`; with ``min_score`` :math:`\mathbf{y} = \mathrm{softmax}(p \, \mathrm{GNN}(\mathbf{X},
    \mathbf{A}))`. Equal to PyG 2.8.1's SAGPooling, state dict included, except that a float ``ratio`` is always a
    share.

    Args:
        in_channels: size of the features that are scored.
        ratio: the share of the nodes that is kept, or, an integer, their number. Without effect with ``min_score``.
        GNN: what makes the convolution, called with ``in_channels``, 1 and the further keywords.
        min_score: the score that a node must exceed.
        multiplier: what the pooled features are multiplied by.
        nonlinearity: :math:`\sigma`, a name as in ``torch.nn``, a module, or a function that TorchScript compiles.
        **options: of ``GNN``.

    Shapes:
        as :class:`TopKPooling`; ``attn`` [num_nodes, in_channels] is what is scored in place of ``x``.

    Raises:
        TypeError, ValueError: an argument has the wrong type, dtype, shape or device.
        IndexError: a node or graph number is negative or too large.

    Source: Lee et al., "Self-attention graph pooling" (2019); Knyazev et al., "Understanding attention and
    generalization in graph neural networks" (2019).

    >>> pool = SAGPooling(1, ratio=1, nonlinearity=torch.nn.Identity())
    >>> for weight in pool.parameters():
    ...     _ = torch.nn.init.ones_(weight)
    >>> with torch.no_grad():  # scores of 2, 5 and 8
    ...     x = pool(torch.tensor([[1.0], [3.0], [4.0]]), torch.tensor([[0, 1], [1, 2]]))[0]
    >>> x
    tensor([[32.]])
    """

    def __init__(
        self,
        in_channels: int,
        ratio: float | int | None = 0.5,
        GNN: Any = GraphConv,
        min_score: float | None = None,
        multiplier: float = 1.0,
        nonlinearity: str | Activation = "tanh",
        **options: Any,
    ) -> None:
        super().__init__()
        check_count("SAGPooling", "in_channels", in_channels, 1)
        self.in_channels = in_channels
        self.ratio = ratio
        self.min_score = min_score
        self.multiplier = float(multiplier)
        self.gnn = GNN(in_channels, 1, **options)
        self.select = SelectTopK("SAGPooling", 1, ratio, min_score, nonlinearity)

    def reset_parameters(self) -> None:
        """Draw the weights of the convolution anew, and :math:`p` from U(-1, 1)."""
        reset(self.gnn)
        self.select.reset_parameters()

    def forward(
        self,
        x: Tensor,
        edge_index: Tensor,
        edge_attr: Tensor | None = None,
        batch: Tensor | None = None,
        attn: Tensor | None = None,
    ) -> Pooled:
        """The smaller graphs; see the class for shapes and errors."""
        read = scored_features("SAGPooling", x, edge_index, edge_attr, attn, self.select.weight)
        score = self.gnn(read, edge_index)
        if x.dim() != 2 or score.dim() != 2 or score.size(1) != 1 or score.size(0) != x.size(0):
            raise ValueError(
                "geocompile.SAGPooling: GNN must give [num_nodes, 1], one score for each row of x, "
                f"got {list(score.shape)} for x of shape {list(x.shape)}"
            )
        perm, kept = self.select(score, batch)
        return pooled(x, perm, kept, self.multiplier, edge_index, edge_attr, batch)

    def extra_repr(self) -> str:
        """The options, for ``print(model)``."""
        return options_of(self)
