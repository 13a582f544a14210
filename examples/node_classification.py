"""Node classification: which club did each member of a karate school join when it split?

Zachary's karate club (networkx): 34 members, and how often each two of them met outside of the school. Only the two
leaders' clubs are told to the model, two layers of GATConv that weigh a tie by its meetings; it tells the other 32.
"""

import argparse

import networkx
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import geocompile
from geocompile.cli.terminal_progress import TerminalProgress
from geocompile.layers import GATConv

LEADERS = [0, 33]


class ClubClassifier(nn.Module):
    """The scores of both clubs for every member."""

    def __init__(self, in_channels: int, hidden: int = 8, heads: int = 4) -> None:
        super().__init__()
        self.first = GATConv(in_channels, hidden, heads=heads, dropout=0.3, edge_dim=1)
        self.second = GATConv(heads * hidden, 2, heads=1, dropout=0.3, edge_dim=1)

    def forward(self, x: Tensor, edge_index: Tensor, edge_attr: Tensor) -> Tensor:
        """`x` [num_nodes, in_channels], `edge_index` [2, num_edges], `edge_attr` [num_edges, 1]: [num_nodes, 2]."""
        h = F.elu(self.first(x, edge_index, edge_attr))
        scores: Tensor = self.second(h, edge_index, edge_attr)
        return scores


def karate_club() -> tuple[tuple[Tensor, Tensor, Tensor], Tensor]:
    """Each member as a column of its own, the ties both ways with their meetings; and each member's club."""
    graph = networkx.karate_club_graph()
    ties = torch.tensor([(i, j, meetings) for i, j, meetings in graph.edges(data="weight")])
    edge_index = torch.cat([ties[:, :2], ties[:, [1, 0]]]).t().contiguous()
    meetings = ties[:, 2:].float().repeat(2, 1)
    club = torch.tensor([graph.nodes[i]["club"] == "Officer" for i in graph]).long()
    return (torch.eye(len(graph)), edge_index, meetings / meetings.max()), club


def train(model: nn.Module, graph: tuple[Tensor, Tensor, Tensor], club: Tensor, epochs: int) -> None:
    """Lowers the cross-entropy of the leaders' clubs."""
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02, weight_decay=5e-3)
    model.train()
    for _ in range(epochs):
        loss = F.cross_entropy(model(*graph)[LEADERS], club[LEADERS])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()


def main() -> None:
    """Trains, compiles, and asks the engine."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--output", default="build/karate", help="the bundle's folder (default: build/karate)"
    )
    parser.add_argument("--epochs", type=int, default=200, help="(default: 200)")
    options = parser.parse_args()

    torch.manual_seed(0)
    graph, club = karate_club()
    model = ClubClassifier(in_channels=graph[0].shape[1])
    train(model, graph, club, options.epochs)
    bundle = geocompile.compile(model, graph, output=options.output, progress=TerminalProgress())

    told = torch.as_tensor(bundle.session("onnx")(*graph)).argmax(dim=1)
    print(f"{int((told == club).sum()) - len(LEADERS)} of {len(club) - len(LEADERS)} members told rightly")
    print(f"engines equal to eager: {', '.join(bundle.targets)}; see {bundle.path / 'report.html'}")


if __name__ == "__main__":
    main()
