"""A model of standard operators only: atom types are embedded, messages gathered and added up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch

from geocompile.bundle import Bundle, BundleWriter
from geocompile.capture import capture
from geocompile.examples import normalize_examples
from geocompile.exporters import get_exporter

NUM_NODES, NUM_EDGES = 400, 5000  # large enough for Inductor to run its loops on several threads


class Embedding(torch.nn.Module):
    """out[i] = sum of the embeddings of the sources of the edges into i."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = torch.nn.Embedding(9, 16)

    def forward(self, z: torch.Tensor, edge_index: torch.Tensor) -> torch.Tensor:
        h = self.embedding(z)
        return torch.zeros_like(h).index_add(0, edge_index[1], h.index_select(0, edge_index[0]))


def model() -> Embedding:
    """The same weights every time."""
    torch.manual_seed(0)
    return Embedding().eval().requires_grad_(False)


def inputs() -> dict[str, torch.Tensor]:
    """A random graph."""
    generator = torch.Generator().manual_seed(0)
    return {
        "z": torch.randint(0, 9, (NUM_NODES,), generator=generator),
        "edge_index": torch.randint(0, NUM_NODES, (2, NUM_EDGES), generator=generator),
    }


def bad_inputs() -> Iterator[dict[str, torch.Tensor]]:
    """The graph with one bad index each."""
    for name, place, value in (
        ("z", (3,), -1),
        ("z", (3,), 9),
        ("edge_index", (0, 5), 7777),
        ("edge_index", (1, 5), -1),
    ):
        bad = inputs()
        bad[name][place] = value
        yield bad


def write_bundle(output: Path, target: str) -> Bundle:
    """Captured and exported without passes and without verification."""
    embedding = model()
    program = capture(embedding, normalize_examples(embedding, [inputs()]))
    with BundleWriter(output) as writer:
        writer.add_engine(get_exporter(target)(program, writer.folder))
        return writer.finish(
            model=program.model_name,
            inputs=program.inputs,
            outputs=program.outputs,
            output_structure=program.output_structure,
        )
