"""`verify`: every engine of a bundle against eager PyTorch, on many graphs, within a measured bound."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch

from geocompile.progress import Progress, or_silent
from geocompile.verification import bounds
from geocompile.verification.compare import compare
from geocompile.verification.drawing import Array
from geocompile.verification.engines import check_engine, list_engines
from geocompile.verification.reference import Reference, Truth
from geocompile.verification.report import GraphInfo, OutputCheck, Report, first_line
from geocompile.verification.suite import Graph, make_suite

if TYPE_CHECKING:
    from geocompile.bundle import Bundle

REDRAWS = 4  # how often a graph is drawn anew when rounding alone flips a choice of the model on it
FLIP = (
    2.0**-10
)  # relative change that no smooth model shows when its inputs move by 2**-24; half of float32's digits


def verify(
    bundle: "Bundle",
    model: torch.nn.Module,
    graphs: Any = None,
    targets: Sequence[str] | None = None,
    progress: Progress | None = None,
    seed: int = 0,
) -> Report:
    """Compare the engines of a bundle with the model they were made from.

    The suite is the given graphs and graphs made from them (see `verification.suite`). The truth is the
    model run in float64; what an engine may differ from it is measured on eager itself (see
    `verification.bounds`).

    Args:
        bundle: An opened bundle.
        model: The model that it was compiled from; it is not changed, and evaluated in eval mode.
        graphs: Example graphs as `compile` takes them; the bundle's own samples by default.
        targets: Engines to verify; all by default.
        progress: Where to report progress; nowhere by default.
        seed: Seed of the suite; equal seeds give equal suites.

    Returns:
        The report. It does not raise for a wrong engine: `report.raise_if_failed()` does.

    Raises:
        TypeError: `model` is not a `torch.nn.Module`.
        ValueError: A target is not in the bundle, there are no graphs, or the model itself fails on a given
            graph.
    """
    if not isinstance(model, torch.nn.Module):
        raise TypeError(f"geocompile.verify: model must be a torch.nn.Module, got {type(model).__name__}")
    progress = or_silent(progress)
    engines = list_engines(bundle, targets)
    manifest = bundle.manifest
    suite = make_suite(manifest.inputs, _examples(bundle, model, graphs), seed)
    with progress.step("running eager in float64"):
        reference = Reference(model, manifest.output_structure, seed)
        reference.probe(suite.graphs[0].inputs)
        judged = _Judged(bundle, reference, suite.graphs)
    checks = []
    for engine in engines:
        with progress.step(f"verifying {engine.label}"):
            checks.append(check_engine(bundle, engine, judged.graphs, judged.judge))
    return Report(
        engines=tuple(checks),
        graphs=tuple(judged.infos),
        skipped_graphs=(*suite.skipped, *judged.skipped),
        reference=reference.precision,
        reference_reason=reference.reason,
        multiple=judged.multiple,
        units=bounds.UNITS,
        tolerances=judged.tolerances(),
        seed=seed,
    )


def _examples(bundle: "Bundle", model: torch.nn.Module, graphs: Any) -> list[dict[str, Array]]:
    """The given graphs as arrays by name; those of the bundle where none are given."""
    if graphs is None:
        return [inputs for inputs, _ in bundle.samples()]
    from geocompile.examples import normalize_examples

    names = [spec.name for spec in bundle.manifest.inputs]
    examples = []
    for k, example in enumerate(normalize_examples(model, graphs)):
        given = {name: tensor.detach().numpy() for name, tensor in example.tensors.items()}
        if set(given) != set(names):
            raise ValueError(
                f"geocompile.verify: graph {k} has inputs {sorted(given)}, "
                f"the bundle was compiled for {sorted(names)}"
            )
        examples.append({name: given[name] for name in names})
    return examples


class _Judged:
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
        while truth is not None and graph.redraw and redraws < REDRAWS and not is_stable(truth):
            redraws += 1
            graph = graph.redraw(redraws)
            truth = self._run(reference, graph)
        if truth is not None:
            self.graphs.append(graph)
            self._truths.append(truth)
            self.infos.append(GraphInfo(graph.name, self._sizes(graph.inputs), redraws, not is_stable(truth)))

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

    def _sizes(self, inputs: Mapping[str, Array]) -> dict[str, int]:
        return {
            name: inputs[spec.name].shape[axis]
            for spec in self._specs
            for axis, name in enumerate(spec.shape)
            if isinstance(name, str)
        }


def is_stable(truth: Truth) -> bool:
    """Whether rounding leaves the model's choices alone: sizes, integers, and floats up to a small change."""
    if not truth.sizes_agree:
        return False
    for output, exact in enumerate(truth.exact):
        noise = truth.noise(output)
        limit = (
            FLIP * abs(exact[abs(exact) < float("inf")]).max(initial=0.0) if exact.dtype.kind == "f" else 0.0
        )
        if (noise > limit).any():
            return False
    return True
