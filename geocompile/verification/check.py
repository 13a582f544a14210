"""`verify`: every engine of a bundle against eager PyTorch, on many graphs, within a measured bound."""

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from geocompile.errors import MissingRuntimeError

try:
    import torch
except ImportError as error:
    raise MissingRuntimeError(
        f"geocompile.verify compares with the model in torch ({error}): pip install 'geocompile[compile]'"
    ) from None

from geocompile.exclusive import exclusive
from geocompile.progress import Progress, or_silent
from geocompile.verification import bounds
from geocompile.verification.engines import check_engine, list_engines
from geocompile.verification.inputs import Array, is_integer
from geocompile.verification.judged import Judged
from geocompile.verification.reference import Reference
from geocompile.verification.report import Report
from geocompile.verification.suite import make_suite

if TYPE_CHECKING:
    from geocompile.bundle import Bundle


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
    model run in float64; what an engine may differ from it is measured on eager itself, and graphs on which
    rounding decides what eager says prove nothing (see `verification.bounds`).

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
        ValueError: A target is not in the bundle, there are no graphs, the model itself fails on a given graph,
            or gives other results when it is run again (it is random in eval mode).

    Warns:
        UserWarning: The inputs allow fewer than half of the kinds of graph; the text says which and why.
    """
    if not isinstance(model, torch.nn.Module):
        raise TypeError(f"geocompile.verify: model must be a torch.nn.Module, got {type(model).__name__}")
    progress = or_silent(progress)
    engines = list_engines(bundle, targets)
    manifest = bundle.manifest
    suite = make_suite(manifest.inputs, _examples(bundle, model, graphs), seed)
    with exclusive(progress):
        with progress.step("running eager in float64"):
            reference = Reference(model, manifest.output_structure, seed)
            reference.probe(suite.graphs[0].inputs)
            judged = Judged(bundle, reference, suite.graphs)
            for graph in suite.given():
                reference.refuse_random(graph.inputs)
        checks = []
        for engine in engines:
            with progress.step(f"verifying {engine.label}"):
                checks.append(check_engine(bundle, engine, judged.graphs, judged.judge))
    report = Report(
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
    if report.is_thin and any(is_integer(spec) for spec in manifest.inputs):
        warnings.warn(f"geocompile.verify: {report.notes()[0]}", stacklevel=2)
    return report


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
