"""Trains the digit classifier: about a minute on two cores, the same weights for the same seed on the same machine."""

import math
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from geocompile.demo.digits import Graphs, collate, minibatches
from geocompile.demo.model import DigitClassifier
from geocompile.progress import Progress, or_silent

EPOCHS = 60
BATCH_SIZE = 32
LEARNING_RATE = 0.01
JITTER = 0.1


def train(
    graphs: Sequence[Graphs], seed: int, epochs: int = EPOCHS, progress: Progress | None = None
) -> DigitClassifier:
    """A classifier trained on `graphs`, in eval mode.

    AdamW with one warm-up and a cosine decay; every epoch sees each digit slanted, shifted and inked a little
    differently. The random state of the process is left as it was.
    """
    progress = or_silent(progress)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = DigitClassifier().train()
        optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=1e-3)
        steps = epochs * math.ceil(len(graphs) / BATCH_SIZE)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps)
        generator = torch.Generator().manual_seed(seed)
        for epoch in range(epochs):
            with progress.step(f"epoch {epoch + 1} of {epochs}"):
                for batch in minibatches(graphs, BATCH_SIZE, generator):
                    _step(model, jitter(batch, JITTER, generator), optimizer)
                    schedule.step()
    return model.eval()


def predict(model: torch.nn.Module, graphs: Sequence[Graphs]) -> Tensor:
    """The digit that the model sees in each graph, `[num_graphs]`, all graphs in one batch."""
    with torch.no_grad():
        scores: Tensor = model(*collate(graphs).inputs)
    return scores.argmax(dim=1)


def jitter(graphs: Graphs, amount: float, generator: torch.Generator) -> Graphs:
    """Slant, scale and shift every graph at random, and vary the ink of every pixel.

    A graph has real-valued positions, so this needs no resampling, as it would for an image.
    """
    num_graphs, num_nodes = graphs.y.shape[0], graphs.x.shape[0]
    slant = torch.eye(2) + amount * torch.randn(num_graphs, 2, 2, generator=generator)
    shift = amount * torch.randn(num_graphs, 2, generator=generator)
    ink = 1 + amount * torch.randn(num_nodes, 1, generator=generator)
    intensity, position = graphs.x[:, :1], graphs.x[:, 1:]
    moved = (slant[graphs.batch] @ position.unsqueeze(2)).squeeze(2) + shift[graphs.batch]
    return replace(graphs, x=torch.cat([intensity * ink, moved], dim=1))


def _step(model: DigitClassifier, batch: Graphs, optimizer: torch.optim.Optimizer) -> None:
    optimizer.zero_grad()
    torch.autograd.backward(F.cross_entropy(model(*batch.inputs), batch.y))
    optimizer.step()
