"""Graph U-Net: handwritten digits as pixel graphs, of which each level keeps the half that matters most.

Scikit-learn's 1,797 digits: an inked pixel is a node, neighbouring ones are joined. TopKPooling learns which nodes to
keep, how many are kept differs from graph to graph, and each level's mean and maximum go into the decision.
"""

import argparse

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import geocompile
from geocompile.cli.terminal_progress import TerminalProgress
from geocompile.demo.digits import collate, load_digits
from geocompile.demo.training import fit
from geocompile.layers import GraphConv, TopKPooling, global_max_pool, global_mean_pool


class GraphUNet(nn.Module):
    """The scores of the ten digits for every graph."""

    def __init__(self, hidden: int = 64, levels: int = 3, ratio: float = 0.5) -> None:
        super().__init__()
        widths = [3] + [hidden] * (levels - 1)
        self.convs = nn.ModuleList(GraphConv(width, hidden, aggr="mean") for width in widths)
        self.pools = nn.ModuleList(TopKPooling(hidden, ratio) for _ in widths)
        self.hidden = nn.Linear(2 * hidden, hidden)
        self.digit = nn.Linear(hidden, 10)

    def forward(self, x: Tensor, edge_index: Tensor, batch: Tensor) -> Tensor:
        """`x` [num_nodes, 3], `edge_index` [2, num_edges], `batch` [num_nodes]; result [num_graphs, 10]."""
        seen = []
        for conv, pool in zip(self.convs, self.pools, strict=True):
            h = F.relu(conv(x, edge_index))
            seen.append(torch.cat([global_mean_pool(h, batch), global_max_pool(h, batch)], dim=1))
            x, edge_index, _, batch, _, _ = pool(h, edge_index, batch=batch)
        scores: Tensor = self.digit(F.relu(self.hidden(torch.stack(seen).sum(dim=0))))
        return scores


def main() -> None:
    """Trains, compiles, and asks the engine."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", default="build/unet", help="the bundle's folder (default: build/unet)")
    parser.add_argument("--epochs", type=int, default=60, help="(default: 60)")
    options = parser.parse_args()

    torch.manual_seed(0)
    progress = TerminalProgress()
    training, test = load_digits(seed=0)
    model = GraphUNet()
    with progress.step(f"Training on {len(training):,} digits"):
        fit(model, training, 0, options.epochs, progress)
    examples = [collate(test[:1]).inputs, collate(test[1:33]).inputs]
    bundle = geocompile.compile(model, examples, output=options.output, progress=progress)

    held_out = collate(test)
    told = torch.as_tensor(bundle.session("onnx")(*held_out.inputs)).argmax(dim=1)
    print(f"{(told == held_out.y).double().mean():.2%} of {len(test)} held-out digits told rightly")
    print(f"engines equal to eager: {', '.join(bundle.targets)}; see {bundle.path / 'report.html'}")


if __name__ == "__main__":
    main()
