"""`compile`: a trained model and example graphs become a verified bundle of engines, in one call."""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geocompile.bundle import Bundle, BundleWriter
from geocompile.errors import CaptureError, ExportError, MissingRuntimeError, VerificationError
from geocompile.exclusive import exclusive
from geocompile.exporters import CapturedProgram, get_exporter
from geocompile.exporters import ExportError as EngineError
from geocompile.manifest import Tolerance
from geocompile.progress import Progress, or_silent
from geocompile.report import ReportData, Section, remove_diagnostics, write_diagnostics, write_report
from geocompile.verification.report import Report, first_line
from geocompile.verification.structure import flatten

try:
    import torch
except ImportError as error:
    raise MissingRuntimeError(
        f"geocompile.compile needs torch ({error}): pip install 'geocompile[compile]'"
    ) from None

from geocompile.compile_arguments import check_examples, check_model, check_runtimes, checked_targets

if TYPE_CHECKING:
    from geocompile.measurement.results import Measurement
    from geocompile.pyg import Report as Replacements

TARGETS = ("onnx", "torchscript", "aotinductor")


def compile(
    model: torch.nn.Module,
    examples: Any,
    targets: Sequence[str] = TARGETS,
    output: str | Path | None = None,
    dynamic: Mapping[str, Any] | None = None,
    passes: Sequence[str] | None = None,
    verify: bool = True,
    progress: Progress | None = None,
    measure: bool = True,
    sections: Callable[[Bundle], Sequence[Section]] | None = None,
) -> Bundle:
    """Compile a graph neural network into a bundle of engines, and prove that they equal eager PyTorch.

    Compilations in several threads run one after the other: tracing changes state of the whole process.
    Everything is written beside `output` and renamed at the end: an error, a failed verification or Ctrl-C
    leaves a bundle that was there before as it was. A failed verification leaves its report in
    `<output>.failed`.

    Args:
        model: A trained model on the CPU, float32 or float64; PyG's layers are taken as they are. It is
            compiled in eval mode and is not changed.
        examples: One call of the model (a tuple, a dict by name, a PyG `Data` or `Batch`), or a list of
            calls. Two examples of different sizes tell which dimensions are dynamic.
        targets: The engines to make: `onnx`, `torchscript`, `aotinductor`.
        output: The bundle's folder; `build/<model's class name>` by default. A bundle there is replaced.
        dynamic: Which dimensions are dynamic, where names and examples do not say it: `{"atom": {0: "num_nodes"}}`, or
            all sizes of an input, `{"atom": ["num_nodes"]}`; equal names are equal sizes.
        passes: The passes to run; all by default.
        verify: Whether to run every engine against eager before the bundle is put in place.
        progress: Where to report progress; nowhere by default.
        measure: Whether to measure time, memory and operators of eager and the engines for the report: a few seconds
            per engine.
        sections: Sections of your own for the report: called with the verified bundle, in its temporary folder, right
            before it is put in place.

    Returns:
        The bundle, opened.

    Raises:
        TypeError: The model or an example is of a kind that cannot be compiled.
        ValueError: A target or pass is unknown, there is no example, the model is not on the CPU or in half
            precision, fails on an example itself, or is random in eval mode.
        BundleError: `output` is a file, or a folder that is not a bundle.
        CaptureError: The model cannot be captured; the message names the line.
        ExportError: An engine cannot be made.
        VerificationError: An engine does not equal eager, or rounding decides so much of what eager says that it
            cannot be told.
    """
    from geocompile.examples import normalize_examples
    from geocompile.passes import chosen_passes

    progress = or_silent(progress)
    targets = checked_targets(targets)
    if verify:
        check_runtimes(targets)
    chosen_passes(passes)
    check_model(model)
    calls = [example.tensors for example in normalize_examples(model, examples)]
    check_examples(calls)
    folder = Path("build", type(model).__name__.lower()) if output is None else Path(output)
    with BundleWriter(folder) as writer, exclusive(progress):
        compilation = _Compilation(model, calls, writer, progress)
        compilation.make(targets, dynamic, passes)
        report = compilation.verify(folder) if verify else None
        bundle = compilation.finish(report, measure, sections)
    remove_diagnostics(folder)
    return bundle


class _Compilation:
    """One run of `compile`: the model is captured and exported into a staged bundle, verified there, published."""

    def __init__(
        self,
        model: torch.nn.Module,
        calls: Sequence[Mapping[str, torch.Tensor]],
        writer: BundleWriter,
        progress: Progress,
    ) -> None:
        self._model = _copy(model)
        self._calls = calls
        self._writer = writer
        self._progress = progress
        self._passes: list[dict[str, Any]] = []
        self._fields: dict[str, Any] = {}

    def make(
        self, targets: Sequence[str], dynamic: Mapping[str, Any] | None, passes: Sequence[str] | None
    ) -> None:
        """Put samples and engines into the staged bundle."""
        with self._progress.step("running the examples in eager"):
            results = [_run(self._model, call, k) for k, call in enumerate(self._calls)]
        self._captured = self._capture(dynamic)
        self._program = program = self._run_passes(self._captured, passes)
        for call, result in zip(self._calls, results, strict=True):
            leaves = flatten(result, program.output_structure)
            outputs = {spec.name: leaf for spec, leaf in zip(program.outputs, leaves, strict=True)}
            self._writer.add_sample({spec.name: call[spec.name] for spec in program.inputs}, outputs)
        for target in targets:
            self._export(program, target)
        self._fields = {
            "model": program.model_name,
            "inputs": program.inputs,
            "outputs": program.outputs,
            "output_structure": program.output_structure,
            "passes": self._passes,
        }

    def verify(self, folder: Path) -> Report:
        """Verify the staged engines; what is known about a failure is written beside the bundle's place."""
        from geocompile.verification import verify

        draft = self._writer.draft(**self._fields)
        report = verify(draft, self._model, progress=self._progress)
        if not report.ok:
            data = self._report_data(report)
            place = write_diagnostics(folder, draft.manifest, data)  # first: the search may be interrupted
            report = self._with_fault(draft, report, place)
            write_diagnostics(folder, draft.manifest, replace(data, verification=report))
            try:
                report.raise_if_failed()
            except VerificationError as error:
                raise VerificationError(f"{error}; {_what_is_in(place, report)}", report.fault) from None
        return report

    def _with_fault(self, draft: Bundle, report: Report, place: Path) -> Report:
        """The report with the stage, the node and the layer at which the numbers went wrong."""
        from geocompile.verification.bisection import find_fault

        names = [result["name"] for result in self._passes[1:]]  # the first is from_pyg, a part of capture
        try:
            with self._progress.step("looking for what is wrong"):
                fault = find_fault(draft, self._model, report, self._captured, names, place, self._progress)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(
                f"interrupted while looking for what is wrong; verification failed, the report is in {place}"
            ) from None
        except Exception as error:  # the failure itself must be told, whatever the search meets
            return replace(report, stage=f"a stage that could not be found ({first_line(error)})")
        return replace(report, fault=fault, stage=fault.where if fault is not None else "")

    def finish(
        self, report: Report | None, measure: bool, sections: Callable[[Bundle], Sequence[Section]] | None
    ) -> Bundle:
        """Write the report and publish the bundle."""
        if report is not None:
            self._fields["verification"] = report.summary()
            self._fields["tolerances"] = {
                name: Tolerance(atol=bound, rtol=0.0) for name, bound in report.tolerances.items()
            }
        draft = self._writer.draft(**self._fields)
        data = self._report_data(report)
        if measure:
            data = replace(data, measurement=self._measure(draft), unmeasured="")
        if sections is not None:
            data = replace(data, sections=tuple(sections(draft)))
        with self._progress.step("writing the bundle"):
            write_report(self._writer.folder, draft.manifest, data)
            return self._writer.finish(**self._fields)

    def _report_data(self, report: Report | None) -> ReportData:
        from geocompile.report.describe import read_graph, summarize

        return ReportData(
            model=summarize(self._model, self._replaced),
            before=read_graph(self._captured),
            after=read_graph(self._program),
            verification=report,
            unmeasured="compiled with measure=False"
            if report is None or report.ok
            else "verification failed",
        )

    def _measure(self, draft: Bundle) -> "Measurement":
        from geocompile.measurement.measure import measure

        with self._progress.step("measuring time and memory"):
            return measure(draft, self._model, self._progress)

    def _capture(self, dynamic: Mapping[str, Any] | None) -> CapturedProgram:
        from geocompile.capture import capture
        from geocompile.examples import Example
        from geocompile.pyg import capturing, from_pyg_report

        examples = [Example(dict(call)) for call in self._calls]
        with self._progress.step("capturing the model"), capturing():
            model, replacements = from_pyg_report(self._model)
            program = capture(model, examples, dynamic=dynamic)
        program.model_name = type(self._model).__name__
        self._passes.append(_as_pass(replacements))
        self._replaced = {item.path: _short_class(item.new) for item in replacements.replaced}
        return program

    def _run_passes(self, program: CapturedProgram, passes: Sequence[str] | None) -> CapturedProgram:
        from geocompile.passes import run_passes

        with self._progress.step("running the passes"):
            program, results = run_passes(program, passes)
        self._passes += [asdict(result) for result in results]
        return program

    def _export(self, program: CapturedProgram, target: str) -> None:
        with self._progress.step(f"exporting {target}"):
            try:
                self._writer.add_engine(get_exporter(target)(program, self._writer.folder))
            except EngineError as error:
                raise ExportError(str(error)) from error


def _what_is_in(place: Path, report: Report) -> str:
    """Where the report is, and the script beside it."""
    script = report.fault.script if report.fault is not None else ""
    return f"the report is in {place}" + (f", and {script} beside it shows the fault" if script else "")


def _as_pass(replacements: "Replacements") -> dict[str, Any]:
    """What `from_pyg` did, in the form of a pass, for the manifest."""
    replaced = [f"{item.path or 'the model'}: {item.old} -> {item.new}" for item in replacements.replaced]
    kept = [
        f"{item.path or 'the model'}: {item.old} is captured as it is: {item.reason}"
        for item in replacements.kept
    ]
    return {"name": "from_pyg", "changed": len(replaced), "details": replaced + kept}


def _short_class(path: str) -> str:
    """`geocompile.layers.conv.gcn_conv.GCNConv` as `geocompile.GCNConv`."""
    return f"{path.partition('.')[0]}.{path.rpartition('.')[2]}"


def _copy(model: torch.nn.Module) -> torch.nn.Module:
    try:
        return copy.deepcopy(model).eval()
    except (RuntimeError, TypeError) as error:  # a tensor with a graph behind it, a lock, an open file
        raise CaptureError(
            f"geocompile.compile: {type(model).__name__} cannot be copied ({first_line(error)}); "
            "tensors that it keeps outside its parameters and buffers must be detached"
        ) from error


def _run(model: torch.nn.Module, call: Mapping[str, torch.Tensor], number: int) -> Any:
    try:
        with torch.no_grad():
            return model(**call)
    except Exception as error:  # whatever the user's model raises on the user's own example
        raise ValueError(
            f"geocompile.compile: the model itself fails on example {number}: {first_line(error)}"
        ) from error
