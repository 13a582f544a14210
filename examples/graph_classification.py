"""Graph classification: handwritten digits as pixel graphs, by B-splines of where a neighbouring pixel lies.

Scikit-learn's 1,797 digits: an inked pixel is a node, neighbouring ones are joined. Two layers of SplineConv see the
direction of every edge, so that the model needs no positions of pixels.
"""

import argparse

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import geocompile
from geocompile.cli.terminal_progress import TerminalProgress
from geocompile.demo.digits import Graphs, collate, load_digits
from geocompile.demo.training import fit
from geocompile.layers import SplineConv, global_max_pool, global_mean_pool


class SplineClassifier(nn.Module):
    """The scores of the ten digits for every graph."""

    def __init__(self, hidden: int = 48, kernel_size: int = 3) -> None:
        super().__init__()
        widths = [3, hidden, hidden, hidden]
        self.convs = nn.ModuleList(
            SplineConv(width, hidden, dim=2, kernel_size=kernel_size) for width in widths[:-1]
        )
        self.hidden = nn.Linear(2 * hidden, hidden)
        self.digit = nn.Linear(hidden, 10)

    def forward(self, x: Tensor, edge_index: Tensor, edge_attr: Tensor, batch: Tensor) -> Tensor:
        """`x` [num_nodes, 3], `edge_index` [2, num_edges], `edge_attr` [num_edges, 2], `batch` [num_nodes]."""
        for conv in self.convs:
            x = F.elu(conv(x, edge_index, edge_attr))
        pooled = torch.cat([global_mean_pool(x, batch), global_max_pool(x, batch)], dim=1)
        scores: Tensor = self.digit(F.dropout(F.relu(self.hidden(pooled)), 0.2, self.training))
        return scores


def inputs(graphs: Graphs) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The graphs with the direction of each edge as its pseudo-coordinates in [0, 1]."""
    position = graphs.x[:, 1:]
    source, target = graphs.edge_index
    step = 2 / 7  # between neighbouring pixels
    return graphs.x, graphs.edge_index, (position[source] - position[target]) / (2 * step) + 0.5, graphs.batch


def main() -> None:
    """Trains, compiles, and asks the engine."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--output", default="build/digits", help="the bundle's folder (default: build/digits)"
    )
    parser.add_argument("--epochs", type=int, default=30, help="(default: 30)")
    options = parser.parse_args()

    torch.manual_seed(0)
    progress = TerminalProgress()
    training, test = load_digits(seed=0)
    model = SplineClassifier()
    with progress.step(f"Training on {len(training):,} digits"):
        fit(model, training, 0, options.epochs, progress, inputs=inputs, amount=0.0)
    examples = [inputs(collate(test[:1])), inputs(collate(test[1:33]))]
    bundle = geocompile.compile(model, examples, output=options.output, progress=progress)

    held_out = collate(test)
    told = torch.as_tensor(bundle.session("onnx")(*inputs(held_out))).argmax(dim=1)
    print(f"{(told == held_out.y).double().mean():.2%} of {len(test)} held-out digits told rightly")
    print(f"engines equal to eager: {', '.join(bundle.targets)}; see {bundle.path / 'report.html'}")


if __name__ == "__main__":
    main()
