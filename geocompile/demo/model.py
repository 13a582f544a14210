"""The classifier of the demo: a message passing layer of one's own, two GraphConv layers, two pools."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from geocompile.layers import GraphConv, MessagePassing, global_max_pool, global_mean_pool


class StrokeConv(MessagePassing):
    r"""How the ink runs on: neighbours' features together with the direction in which they lie.

    .. math::
        \mathbf{x}'_i = \Theta_1 \mathbf{x}_i + \max_{j \in \mathcal{N}(i)}
        \mathrm{ReLU}(\Theta_2 [\mathbf{x}_j \, \Vert \, \mathbf{p}_j - \mathbf{p}_i])

    This is all that a layer of one's own needs: it trains, scripts and compiles as it stands.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(aggr="max")
        self.neighbour = nn.Linear(in_channels + 2, out_channels)
        self.root = nn.Linear(in_channels, out_channels)

    def forward(self, x: Tensor, position: Tensor, edge_index: Tensor) -> Tensor:
        """`x` [num_nodes, in_channels], `position` [num_nodes, 2]; result [num_nodes, out_channels]."""
        out: Tensor = self.root(x) + self.propagate(edge_index, x=x, position=position)
        return out

    def message(self, x_j: Tensor, position_i: Tensor, position_j: Tensor) -> Tensor:
        """What node j tells its neighbour i, `[num_edges, out_channels]`."""
        return F.relu(self.neighbour(torch.cat([x_j, position_j - position_i], dim=1)))


class DigitClassifier(nn.Module):
    """From pixel graphs to the ten digits.

    Args:
        hidden: Channels of the hidden layers.
        dropout: Share of the features that training drops before the last layer.
    """

    def __init__(self, hidden: int = 64, dropout: float = 0.1) -> None:
        super().__init__()
        self.strokes = StrokeConv(3, hidden)
        self.convs = nn.ModuleList([GraphConv(hidden, hidden, aggr="mean") for _ in range(2)])
        self.hidden = nn.Linear(2 * hidden, hidden)
        self.dropout = nn.Dropout(dropout)
        self.digit = nn.Linear(hidden, 10)

    def forward(self, x: Tensor, edge_index: Tensor, batch: Tensor) -> Tensor:
        """The scores of the ten digits for every graph, `[num_graphs, 10]`.

        Args:
            x: Intensity, row and column of every inked pixel, `[num_nodes, 3]`.
            edge_index: Neighbouring pixels, `[2, num_edges]`.
            batch: The graph of every pixel, `[num_nodes]`.
        """
        h = F.relu(self.strokes(x, x[:, 1:], edge_index))
        for conv in self.convs:
            h = F.relu(conv(h, edge_index))
        pooled = torch.cat([global_mean_pool(h, batch), global_max_pool(h, batch)], dim=1)
        scores: Tensor = self.digit(self.dropout(F.relu(self.hidden(pooled))))
        return scores
