"""The rows of the table of layers: equal layers that follow one another are one row."""

from collections.abc import Mapping
from dataclasses import dataclass

from geocompile.report.folding import TIMES, Run, fold, span, template
from geocompile.report.grouping import operator_counts
from geocompile.report.program import Layer, ModelSummary, ProgramGraph


@dataclass(frozen=True)
class LayerRow:
    """One layer, or several that differ in nothing but their numbers.

    Attributes:
        layer: The first of them.
        paths: Where each of them stands.
        operators: Of each: `7 → 3` where the passes changed it; empty where it has none of its own.
    """

    layer: Layer
    paths: tuple[str, ...]
    operators: str

    @property
    def title(self) -> str:
        """`convs.0`, or `convs.1 … convs.149`."""
        return span(self.paths)

    @property
    def kind(self) -> str:
        """`GCNConv`, or `149 × GCNConv`."""
        return f"{len(self.paths)} {TIMES} {self.layer.kind}" if len(self.paths) > 1 else self.layer.kind

    @property
    def parameters(self) -> str:
        """Those of a layer; empty where it has none."""
        each = " each" if len(self.paths) > 1 else ""
        return f"{self.layer.parameters:,}{each}" if self.layer.parameters else ""


def layer_rows(
    model: ModelSummary, before: ProgramGraph | None, after: ProgramGraph | None
) -> list[LayerRow]:
    """The rows of a model; the graphs before and after the passes say how many operators each layer has."""
    was, now = (operator_counts(graph) if graph else {} for graph in (before, after))
    layers = [layer for layer in model.layers if layer.path]
    operators = [_operators(layer, was, now) for layer in layers]
    signatures = [
        (template(layer.path), layer.kind, layer.parameters, layer.settings, layer.replaced_by, text)
        for layer, text in zip(layers, operators, strict=True)
    ]
    runs = fold(signatures, [layer.path.count(".") for layer in layers])
    return [_row(layers, operators, run, entry) for run in runs for entry in range(run.period)]


def _row(layers: list[Layer], operators: list[str], run: Run, entry: int) -> LayerRow:
    first = run.start + entry
    return LayerRow(layers[first], tuple(layers[k].path for k in run.copies(entry)), operators[first])


def _operators(layer: Layer, before: Mapping[str, int], after: Mapping[str, int]) -> str:
    was, now = before.get(layer.path, 0), after.get(layer.path, 0)
    if not was and not now:
        return ""
    return f"{was} → {now}" if was != now else str(now)
