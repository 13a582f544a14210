"""The graphs that eager accepts, with their truths and bounds: what an engine's answers are held against."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from geocompile.verification import bounds
from geocompile.verification.compare import compare
from geocompile.verification.inputs import Array, symbolic_sizes
from geocompile.verification.picturing import picture_of
from geocompile.verification.reference import Reference, Truth
from geocompile.verification.report import GraphInfo, OutputCheck, first_line
from geocompile.verification.suite import Graph

if TYPE_CHECKING:
    from geocompile.bundle import Bundle

REDRAWS = 4  # how often a graph is drawn anew when rounding alone flips a choice of the model on it


class Judged:
    """The graphs that eager accepts, with their truths and the bounds measured on them."""

    def __init__(self, bundle: "Bundle", reference: Reference, graphs: Sequence[Graph]) -> None:
        self._specs = bundle.manifest.inputs
        self._outputs = bundle.manifest.outputs
        self.graphs: list[Graph] = []
        self.infos: list[GraphInfo] = []
        self.skipped: list[tuple[str, str]] = []
        self._truths: list[Truth] = []
        for graph in graphs:
            self._add(reference, graph)
        self.multiple = bounds.MULTIPLE * (1 if reference.precision == "float64" else 2)
        kept = {size for spec in self._outputs for size in spec.shape if isinstance(size, str)}
        terms = [bounds.longest_sum(self._specs, graph.inputs, reduced=not kept) for graph in self.graphs]
        self._by_column = [len(spec.shape) > 1 and isinstance(spec.shape[-1], int) for spec in self._outputs]
        self._bounds = [
            bounds.measure(self._truths, k, self._by_column[k], terms, self.multiple)
            for k in range(len(self._outputs))
        ]

    def judge(self, graph: int, outputs: list[Array]) -> tuple[OutputCheck, ...]:
        """Compare an engine's outputs on one graph with the truth."""
        truth = self._truths[graph]
        return tuple(
            compare(spec.name, outputs[k], truth, k, self._bounds[k][graph], self._by_column[k])
            for k, spec in enumerate(self._outputs)
        )

    def tolerances(self) -> dict[str, float]:
        """Per output, how far an engine within its bound can be from float32 eager on the given graphs."""
        given = [k for k, graph in enumerate(self.graphs) if graph.redraw is None]
        return {
            spec.name: max(float(limits[k].columns.max(initial=0.0)) + limits[k].eager_error for k in given)
            for spec, limits in zip(self._outputs, self._bounds, strict=True)
        }

    def _add(self, reference: Reference, graph: Graph) -> None:
        """Run eager on a graph; redraw it while rounding alone changes what the model chooses."""
        redraws = 0
        truth = self._run(reference, graph)
        while truth is not None and graph.redraw and redraws < REDRAWS and not _is_stable(truth):
            redraws += 1
            graph = graph.redraw(redraws)
            truth = self._run(reference, graph)
        if truth is not None:
            self.graphs.append(graph)
            self._truths.append(truth)
            sizes = symbolic_sizes(self._specs, graph.inputs)
            given = graph.redraw is None
            picture = picture_of(self._specs, graph.inputs)
            self.infos.append(GraphInfo(graph.name, sizes, redraws, not _is_stable(truth), given, picture))

    def _run(self, reference: Reference, graph: Graph) -> Truth | None:
        try:
            return reference(graph.inputs)
        except (
            Exception
        ) as error:  # whatever a user's model raises: on a drawn graph it is no case for the engines
            if graph.redraw is None:
                raise ValueError(
                    f"geocompile.verify: the model itself fails on {graph.name}: {first_line(error)}"
                ) from error
            self.skipped.append((graph.name, f"eager refuses it: {first_line(error)}"))
            return None


def _is_stable(truth: Truth) -> bool:
    return all(truth.is_stable(output) for output in range(len(truth.eager)))
