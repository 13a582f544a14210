"""TopKPooling: the nodes of each graph that a learned projection scores highest."""

import torch
from torch import Tensor

from geocompile.layers.common.activations import Activation
from geocompile.layers.common.checks import check_count
from geocompile.layers.common.options import options_of
from geocompile.layers.pool.score_pooling import Pooled, SelectTopK, pooled, scored_features


class TopKPooling(torch.nn.Module):
    r"""Keeps the nodes of each graph that a learned projection scores highest.

    .. math::
        \mathbf{y} = \sigma\left(\frac{\mathbf{X} \mathbf{p}}{\|\mathbf{p}\|}\right), \qquad
        \mathbf{i} = \mathrm{top}_k(\mathbf{y}), \qquad
        \mathbf{X}' = (\mathbf{X} \odot \mathbf{y})_\mathbf{i}, \qquad
        \mathbf{A}' = \mathbf{A}_{\mathbf{i},\mathbf{i}}

    with :math:`\sigma = \tanh` and :math:`k = \lceil ratio \cdot N \rceil` of each graph's N nodes; with ``min_score``
    :math:`\mathbf{y} = \mathrm{softmax}(\mathbf{X} \mathbf{p})` over the nodes of each graph, and
    :math:`\mathbf{i} = \{n : \mathbf{y}_n > min\_score\}`, or the best node where no node has so much.

    Equal to PyG 2.8.1's TopKPooling, state dict included, except that a float ``ratio`` is always a share: 1.0 keeps
    every node (there one node, as the integer 1 does here). Of equal scores the first node is kept.

    Args:
        in_channels: size of the features that are projected.
        ratio: the share of the nodes that is kept, or, an integer, their number. Without effect with ``min_score``.
            :math:`\lceil ratio \cdot N \rceil` is computed in float64 for scores in it, else in float32.
        min_score: the score that a node must exceed.
        multiplier: what the pooled features are multiplied by.
        nonlinearity: :math:`\sigma`, a name as in ``torch.nn``, a module, or a function that TorchScript compiles.

    Shapes:
        ``x`` [num_nodes, in_channels] (float32, float64, float16 or bfloat16), ``edge_index`` [2, num_edges] (int64 or
        int32), ``edge_attr`` [num_edges, *], ``batch`` [num_nodes] (int64 or int32, in any order) the graph of each
        node, None for a single graph, ``attn`` [num_nodes, in_channels] what is projected in place of ``x`` (which may
        then have any number of channels).

        Result ``x`` [num_kept, in_channels], ``edge_index`` [2, num_kept_edges] with the new numbers of nodes,
        ``edge_attr`` [num_kept_edges, *] or None, ``batch`` [num_kept], ``perm`` [num_kept] the nodes kept, of each
        graph the highest score first (with ``min_score`` in their order), ``score`` [num_kept].

    Raises:
        TypeError, ValueError: an argument has the wrong type, dtype, shape or device.
        IndexError: a node or graph number is negative or too large.

    Source: Gao and Ji, "Graph U-Nets" (2019); Cangea et al., "Towards sparse hierarchical graph classifiers" (2018);
    with ``min_score`` Knyazev et al., "Understanding attention and generalization in graph neural networks" (2019).

    >>> pool = TopKPooling(1, ratio=0.5, nonlinearity=torch.nn.Identity())
    >>> _ = torch.nn.init.ones_(pool.select.weight)
    >>> with torch.no_grad():
    ...     x, edge_index, _, _, perm, _ = pool(torch.tensor([[1.0], [3.0], [2.0]]), torch.tensor([[0, 2], [1, 1]]))
    >>> perm, edge_index
    (tensor([1, 2]), tensor([[1],
            [0]]))
    """

    def __init__(
        self,
        in_channels: int,
        ratio: float | int | None = 0.5,
        *,
        min_score: float | None = None,
        multiplier: float = 1.0,
        nonlinearity: str | Activation = "tanh",
    ) -> None:
        super().__init__()
        check_count("TopKPooling", "in_channels", in_channels, 1)
        self.in_channels = in_channels
        self.ratio = ratio
        self.min_score = min_score
        self.multiplier = float(multiplier)
        self.select = SelectTopK("TopKPooling", in_channels, ratio, min_score, nonlinearity)

    def reset_parameters(self) -> None:
        r"""Draw :math:`\mathbf{p}` from :math:`U(\pm 1/\sqrt{in\_channels})`."""
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
        read = scored_features("TopKPooling", x, edge_index, edge_attr, attn, self.select.weight)
        if x.dim() != 2 or read.dim() != 2 or read.size(1) != self.in_channels or read.size(0) != x.size(0):
            raise ValueError(
                f"geocompile.TopKPooling: what is projected must have shape [num_nodes, {self.in_channels}], and x one "
                f"row for each node, got {list(read.shape)} and {list(x.shape)}"
            )
        perm, score = self.select(read, batch)
        return pooled(x, perm, score, self.multiplier, edge_index, edge_attr, batch)

    def extra_repr(self) -> str:
        """The options, for ``print(model)``."""
        return options_of(self)
