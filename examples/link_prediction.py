"""Link prediction: who else met whom in Les Misérables? A variational graph auto-encoder.

Hugo's 77 characters and the 254 pairs that meet (networkx). A tenth of the meetings is held back; the model learns
from the others, and its engine gives any pair of characters the probability that they meet.
"""

import argparse

import networkx
import torch
from torch import Tensor, nn

import geocompile
from geocompile.cli.terminal_progress import TerminalProgress
from geocompile.layers import VGAE, GCNConv, InnerProductDecoder


class Encoder(nn.Module):
    """Mean and logarithm of the standard deviation of every node's embedding."""

    def __init__(self, in_channels: int, hidden: int, out_channels: int) -> None:
        super().__init__()
        self.shared = GCNConv(in_channels, hidden)
        self.mean = GCNConv(hidden, out_channels)
        self.log_std = GCNConv(hidden, out_channels)

    def forward(self, x: Tensor, edge_index: Tensor) -> tuple[Tensor, Tensor]:
        """`x` [num_nodes, in_channels], `edge_index` [2, num_edges]; two tensors [num_nodes, out_channels]."""
        h = self.shared(x, edge_index).relu()
        return self.mean(h, edge_index), self.log_std(h, edge_index)


class MeetingPredictor(nn.Module):
    """What is shipped: the encoder's mean and the decoder."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = InnerProductDecoder()

    def forward(self, x: Tensor, edge_index: Tensor, pairs: Tensor) -> Tensor:
        """The probability of each of the `pairs` [2, num_pairs]."""
        mean, _ = self.encoder(x, edge_index)
        probability: Tensor = self.decoder(mean, pairs)
        return probability


class Characters:
    """The graph as `split_edges` takes it; PyG's `Data` would do as well."""

    def __init__(self, graph: networkx.Graph) -> None:
        number = {name: i for i, name in enumerate(graph)}
        pairs = torch.tensor([(number[a], number[b]) for a, b in graph.edges]).t()
        self.names = list(graph)
        self.num_nodes = len(number)
        self.x = torch.eye(self.num_nodes)
        self.edge_index = torch.cat([pairs, pairs.flip(0)], dim=1)


def train(model: VGAE, x: Tensor, edges: Tensor, epochs: int) -> None:
    """Lowers the negative evidence lower bound."""
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    model.train()
    for epoch in range(epochs):
        z = model.encode(x, edges)
        loss = model.recon_loss(z, edges) + model.kl_loss() / len(x)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if (epoch + 1) % 50 == 0:
            print(f"epoch {epoch + 1} of {epochs}: loss {loss.item():.4f}")
    model.eval()


def main() -> None:
    """Trains, tests, compiles, and asks the engine."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--output", default="build/meetings", help="the bundle's folder (default: build/meetings)"
    )
    parser.add_argument("--epochs", type=int, default=200, help="(default: 200)")
    options = parser.parse_args()

    torch.manual_seed(0)
    data = Characters(networkx.les_miserables_graph())
    model = VGAE(Encoder(data.num_nodes, 32, 16))
    data = model.split_edges(data, val_ratio=0.0, test_ratio=0.1)
    edges = data.train_pos_edge_index
    train(model, data.x, edges, options.epochs)
    area, precision = model.test(
        model.encode(data.x, edges), data.test_pos_edge_index, data.test_neg_edge_index
    )
    print(f"held-out meetings: area under the ROC curve {area:.3f}, average precision {precision:.3f}")

    some, more = (torch.randint(data.num_nodes, (2, n)) for n in (10, 17))
    examples = [(data.x, edges, some), (data.x, edges[:, :100], more)]
    bundle = geocompile.compile(
        MeetingPredictor(model.encoder), examples, output=options.output, progress=TerminalProgress()
    )

    hero = data.names.index("Valjean")
    pairs = torch.stack([torch.full((data.num_nodes,), hero), torch.arange(data.num_nodes)])
    probability = torch.as_tensor(bundle.session("onnx")(data.x, edges, pairs))
    best = [data.names[i] for i in probability.argsort(descending=True).tolist() if i != hero][:5]
    print(f"likeliest to meet Valjean: {', '.join(best)}")
    print(f"engines equal to eager: {', '.join(bundle.targets)}; see {bundle.path / 'report.html'}")


if __name__ == "__main__":
    main()
