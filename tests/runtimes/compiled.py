"""A bundle of a GCN graph classifier whose engines call geocompile's operators."""

from __future__ import annotations

from pathlib import Path

import torch

from geocompile.bundle import Bundle, BundleWriter
from geocompile.capture import capture
from geocompile.examples import normalize_examples
from geocompile.exporters import get_exporter
from geocompile.layers import GCNConv, global_mean_pool


class GraphClassifier(torch.nn.Module):
    """Two graph convolutions, the mean of each graph, a linear layer; returns node features too."""

    def __init__(self) -> None:
        super().__init__()
        self.first = GCNConv(4, 8)
        self.second = GCNConv(8, 8)
        self.head = torch.nn.Linear(8, 3)

    def forward(
        self, x: torch.Tensor, edge_index: torch.Tensor, batch: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        hidden = self.second(self.first(x, edge_index).relu(), edge_index)
        return self.head(global_mean_pool(hidden, batch)), hidden


def graphs(num_graphs: int, nodes_each: int, num_edges: int, seed: int = 0) -> tuple[torch.Tensor, ...]:
    """Random inputs of `GraphClassifier`."""
    generator = torch.Generator().manual_seed(seed)
    num_nodes = num_graphs * nodes_each
    return (
        torch.randn(num_nodes, 4, generator=generator),
        torch.randint(0, max(num_nodes, 1), (2, num_edges), generator=generator),
        torch.arange(num_graphs).repeat_interleave(nodes_each),
    )


def model() -> GraphClassifier:
    """The same weights every time."""
    torch.manual_seed(0)
    return GraphClassifier().eval()


def write_bundle(output: Path, *targets: str) -> Bundle:
    """Captured and exported without passes and without verification: these tests are about running it."""
    classifier, example = model(), graphs(3, 5, 40)
    program = capture(classifier, normalize_examples(classifier, [example]))
    with BundleWriter(output) as writer:
        for target in targets:
            writer.add_engine(get_exporter(target)(program, writer.folder))
        for inputs in (example, graphs(1, 1, 0), graphs(2, 50, 400)):
            with torch.no_grad():
                outputs = classifier(*inputs)
            writer.add_sample(
                {spec.name: value for spec, value in zip(program.inputs, inputs, strict=True)},
                {spec.name: value for spec, value in zip(program.outputs, outputs, strict=True)},
            )
        return writer.finish(
            model=program.model_name,
            inputs=program.inputs,
            outputs=program.outputs,
            output_structure=program.output_structure,
        )
