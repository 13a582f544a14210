"""Trains the digit classifier: half a minute to a minute; equal seeds give equal weights on equal machines."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from geocompile.demo.digits import Graphs, collate, minibatches
from geocompile.demo.model import DigitClassifier
from geocompile.progress import Progress, or_silent

EPOCHS = 100
BATCH_SIZE = 32
LEARNING_RATE = 0.01
JITTER = 0.1


def train(
    graphs: Sequence[Graphs], seed: int, epochs: int = EPOCHS, progress: Progress | None = None
) -> DigitClassifier:
    """A classifier trained on `graphs`, in eval mode. The random state of the process is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = DigitClassifier()
        fit(model, graphs, seed, epochs, progress)
    return model


def fit(
    model: torch.nn.Module,
    graphs: Sequence[Graphs],
    seed: int,
    epochs: int,
    progress: Progress | None = None,
    inputs: Callable[[Graphs], tuple[Tensor, ...]] = lambda graphs: graphs.inputs,
    amount: float = JITTER,
) -> None:
    """Train `model`, which scores the ten digits of what `inputs` takes from the graphs; leave it in eval mode.

    AdamW with one warm-up and a cosine decay; every epoch sees each digit slanted, shifted and inked a little
    differently, by `amount`. One thread trains small batches as fast as many, on a busy machine faster, and gives the
    same weights on machines with different numbers of cores.
    """
    progress = or_silent(progress)
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=1e-3)
    steps = epochs * math.ceil(len(graphs) / BATCH_SIZE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps)
    generator = torch.Generator().manual_seed(seed)
    with one_thread():
        for first in range(0, epochs, 10):
            last = min(first + 10, epochs)
            with progress.step(f"epochs {first + 1} to {last} of {epochs}"):
                for _ in range(first, last):
                    for batch in minibatches(graphs, BATCH_SIZE, generator):
                        seen = jitter(batch, amount, generator)
                        _step(optimizer, model(*inputs(seen)), seen.y)
                        schedule.step()
    model.eval()


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


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch's operators use one thread, and restore what was set."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _step(optimizer: torch.optim.Optimizer, scores: Tensor, digits: Tensor) -> None:
    optimizer.zero_grad()
    torch.autograd.backward(F.cross_entropy(scores, digits))
    optimizer.step()
