"""Point clouds: handwritten digits as sets of points, by DGCNN.

Scikit-learn's 1,797 digits: an inked pixel is a point (ink, row, column), and there are no edges. Each layer joins a
point with its nearest ones in the space of the features that the layer before it computed; the engines search them too.
"""

import argparse
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import geocompile
from geocompile.cli.terminal_progress import TerminalProgress
from geocompile.demo.digits import collate, load_digits
from geocompile.demo.training import fit
from geocompile.layers import DynamicEdgeConv, global_max_pool, global_mean_pool


def perceptron(*widths: int) -> nn.Sequential:
    """Linear layers with a ReLU behind each."""
    layers = [m for a, b in pairwise(widths) for m in (nn.Linear(a, b), nn.ReLU())]
    return nn.Sequential(*layers)


class PointClassifier(nn.Module):
    """The scores of the ten digits for every cloud."""

    def __init__(self, hidden: int = 48, k: int = 8) -> None:
        super().__init__()
        self.in_space = DynamicEdgeConv(perceptron(2 * 3, hidden, hidden), k)
        self.in_features = DynamicEdgeConv(perceptron(2 * hidden, hidden), k)
        self.hidden = nn.Linear(4 * hidden, hidden)
        self.digit = nn.Linear(hidden, 10)

    def forward(self, pos: Tensor, batch: Tensor) -> Tensor:
        """`pos` [num_points, 3], `batch` [num_points]; result [num_clouds, 10]."""
        near = self.in_space(pos, batch)
        h = torch.cat([near, self.in_features(near, batch)], dim=1)
        pooled = torch.cat([global_mean_pool(h, batch), global_max_pool(h, batch)], dim=1)
        scores: Tensor = self.digit(F.dropout(F.relu(self.hidden(pooled)), 0.2, self.training))
        return scores


def main() -> None:
    """Trains, compiles, and asks the engine."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--output", default="build/points", help="the bundle's folder (default: build/points)"
    )
    parser.add_argument("--epochs", type=int, default=30, help="(default: 30)")
    options = parser.parse_args()

    torch.manual_seed(0)
    progress = TerminalProgress()
    training, test = load_digits(seed=0)
    model = PointClassifier()
    with progress.step(f"Training on {len(training):,} digits"):
        fit(model, training, 0, options.epochs, progress, inputs=lambda clouds: (clouds.x, clouds.batch))
    one, many, held_out = collate(test[:1]), collate(test[1:33]), collate(test)
    examples = [(one.x, one.batch), (many.x, many.batch)]
    bundle = geocompile.compile(model, examples, output=options.output, progress=progress)

    told = torch.as_tensor(bundle.session("onnx")(held_out.x, held_out.batch)).argmax(dim=1)
    print(f"{(told == held_out.y).double().mean():.2%} of {len(test)} held-out digits told rightly")
    print(f"engines equal to eager: {', '.join(bundle.targets)}; see {bundle.path / 'report.html'}")


if __name__ == "__main__":
    main()
