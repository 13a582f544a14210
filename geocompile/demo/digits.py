"""Scikit-learn's 1,797 handwritten digits as graphs: a node per inked pixel, an edge between neighbouring ones."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.datasets import load_digits as _load_images

IMAGE_SIZE = 8
MAX_INTENSITY = 16.0


@dataclass(frozen=True)
class Graphs:
    """One graph, or several as one: their nodes concatenated, `batch` saying which graph a node belongs to.

    Attributes:
        x: Node features `[num_nodes, 3]`, float32: intensity in (0, 1], row and column in [-1, 1].
        edge_index: `[2, num_edges]`, int64: source and target of every edge.
        batch: `[num_nodes]`, int64: the graph of each node, ascending.
        y: `[num_graphs]`, int64: the digit.
    """

    x: torch.Tensor
    edge_index: torch.Tensor
    batch: torch.Tensor
    y: torch.Tensor

    @property
    def inputs(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """What the model is called with: `x`, `edge_index`, `batch`."""
        return self.x, self.edge_index, self.batch


def load_digits(seed: int, test_fraction: float = 0.2) -> tuple[list[Graphs], list[Graphs]]:
    """All digits, one graph each, split at random into a training and a test list."""
    images, labels = _load_images(return_X_y=True)
    graphs = [
        pixel_graph(image.reshape(IMAGE_SIZE, IMAGE_SIZE), int(label))
        for image, label in zip(images, labels, strict=True)
    ]
    order = np.random.default_rng(seed).permutation(len(graphs))
    shuffled = [graphs[i] for i in order]
    num_test = round(test_fraction * len(graphs))
    return shuffled[num_test:], shuffled[:num_test]


def pixel_graph(image: np.ndarray, label: int) -> Graphs:
    """The graph of one image: inked pixels are nodes, each joined with its inked neighbours (up to eight)."""
    rows, columns = np.nonzero(image)
    centre = (IMAGE_SIZE - 1) / 2
    features = np.stack(
        [image[rows, columns] / MAX_INTENSITY, rows / centre - 1, columns / centre - 1], axis=1
    )
    distance = np.maximum(np.abs(rows[:, None] - rows), np.abs(columns[:, None] - columns))
    source, target = np.nonzero(distance == 1)
    return Graphs(
        x=torch.from_numpy(features.astype(np.float32)),
        edge_index=torch.from_numpy(np.stack([source, target])),
        batch=torch.zeros(len(rows), dtype=torch.int64),
        y=torch.tensor([label]),
    )


def collate(graphs: Sequence[Graphs]) -> Graphs:
    """Join single graphs into one: node numbers shift by the nodes before them, `batch` counts the graphs."""
    num_nodes = torch.tensor([graph.x.shape[0] for graph in graphs])
    first_node = (num_nodes.cumsum(0) - num_nodes).tolist()
    edges = [graph.edge_index + offset for graph, offset in zip(graphs, first_node, strict=True)]
    return Graphs(
        x=torch.cat([graph.x for graph in graphs]),
        edge_index=torch.cat(edges, dim=1),
        batch=torch.repeat_interleave(torch.arange(len(graphs)), num_nodes),
        y=torch.cat([graph.y for graph in graphs]),
    )


def minibatches(graphs: Sequence[Graphs], size: int, generator: torch.Generator) -> Iterator[Graphs]:
    """The graphs once over, in random order, `size` at a time."""
    order = torch.randperm(len(graphs), generator=generator).tolist()
    for first in range(0, len(graphs), size):
        yield collate([graphs[i] for i in order[first : first + size]])
