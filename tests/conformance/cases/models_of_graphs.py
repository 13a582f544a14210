"""Models for MetaLayer, after the example of the reference; the missing arguments are None."""

import torch
from torch import Tensor, nn

from geocompile.custom_ops import scatter
from geocompile.layers import global_mean_pool


class EdgeModel(nn.Module):
    """Of both ends, the edge itself and, if it is there, the graph: [num_edges, 2]."""

    def __init__(self) -> None:
        super().__init__()
        self.of_nodes = nn.Linear(8, 2)
        self.of_graph = nn.Linear(2, 2)

    def forward(
        self, source: Tensor, target: Tensor, edge_attr: Tensor | None, u: Tensor | None, batch: Tensor | None
    ) -> Tensor:
        assert edge_attr is not None
        out = self.of_nodes(torch.cat([source, target, edge_attr], dim=1)).tanh()
        if u is not None and batch is not None:
            out = out + self.of_graph(u).index_select(0, batch)
        return out


class NodeModel(nn.Module):
    """Of the mean of what a node receives, and its graph: [num_nodes, 3]."""

    def __init__(self) -> None:
        super().__init__()
        self.of_edges = nn.Linear(5, 3)
        self.of_graph = nn.Linear(5, 3)

    def forward(
        self, x: Tensor, edge_index: Tensor, edge_attr: Tensor | None, u: Tensor | None, batch: Tensor | None
    ) -> Tensor:
        assert edge_attr is not None
        assert u is not None
        assert batch is not None
        messages = self.of_edges(torch.cat([x.index_select(0, edge_index[0]), edge_attr], dim=1)).tanh()
        mean = scatter(messages, edge_index[1], 0, x.size(0), "mean")
        return self.of_graph(torch.cat([mean, u.index_select(0, batch)], dim=1))  # type: ignore[no-any-return]


class GlobalModel(nn.Module):
    """Of the mean of the nodes of each graph, and the graph itself: [num_graphs, 2]."""

    def __init__(self) -> None:
        super().__init__()
        self.map = nn.Linear(5, 2)

    def forward(
        self, x: Tensor, edge_index: Tensor, edge_attr: Tensor | None, u: Tensor | None, batch: Tensor | None
    ) -> Tensor:
        assert u is not None
        return self.map(torch.cat([u, global_mean_pool(x, batch, u.size(0))], dim=1))  # type: ignore[no-any-return]
