"""The demo's road: train, compile, verify, classify the held-out digits with every engine, time them side by side."""

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

import geocompile
from geocompile.bundle import Bundle
from geocompile.demo.digits import Graphs, collate, load_digits
from geocompile.demo.section import digits_section
from geocompile.demo.training import EPOCHS, one_thread, train
from geocompile.progress import Progress, or_silent
from geocompile.timing import Timing, time_side_by_side

WANTED_ACCURACY = 0.97
TARGETS = ("onnx", "torchscript", "aotinductor")
TIMING_SECONDS = 1.5

Classifier = Callable[..., Tensor]


@dataclass(frozen=True)
class EngineResult:
    """How one engine did on the held-out digits.

    Attributes:
        engine: `eager` or the target.
        accuracy: Share of digits that it recognises.
        same: How many predictions equal eager's, when the digits come one by one and when they come as one batch.
        of: How many predictions that could be: twice the number of held-out digits.
        single: Latency of one digit, over all held-out digits in turn.
        batch: Latency of all held-out digits as one batch.
    """

    engine: str
    accuracy: float
    same: int
    of: int
    single: Timing
    batch: Timing


@dataclass
class DemoResult:
    """What the demo found; `seconds` holds the duration of each part."""

    bundle: Bundle
    weights: Path
    num_training: int
    num_test: int
    engines: list[EngineResult] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether the accuracy is what it should be and every engine predicts what eager predicts."""
        return all(result.accuracy > WANTED_ACCURACY and result.same == result.of for result in self.engines)

    def to_json(self) -> dict[str, Any]:
        """JSON values; times in seconds."""
        verification = self.bundle.manifest.verification
        return {
            "ok": self.ok,
            "bundle": str(self.bundle.path),
            "digest": self.bundle.digest,
            "weights": str(self.weights),
            "training_digits": self.num_training,
            "test_digits": self.num_test,
            "verified": verification is not None and verification.get("ok") is True,
            "engines": [asdict(result) for result in self.engines],
            "seconds": self.seconds,
        }


def run_demo(
    output: Path,
    seed: int = 0,
    targets: Sequence[str] = TARGETS,
    epochs: int = EPOCHS,
    progress: Progress | None = None,
) -> DemoResult:
    """Walk the whole road; the bundle is written to `output`, the weights beside it as `<output>.safetensors`."""
    progress = or_silent(progress)
    seconds: dict[str, float] = {}
    training, test = load_digits(seed)
    with _part(progress, f"Training on {len(training):,} digits", seconds, "training"):
        model = train(training, seed, epochs, progress)
    # Two examples of different size show which dimensions are dynamic; they become the bundle's samples.
    examples = [collate(test[:1]).inputs, collate(test[1:33]).inputs]
    with _part(progress, "Compiling and verifying", seconds, "compiling"):
        bundle = geocompile.compile(
            model,
            examples,
            targets=targets,
            output=output,
            progress=progress,
            sections=lambda draft: [digits_section(_classifiers(draft, model), test)],
        )
    weights = output.with_name(output.name + ".safetensors")
    _save(model, weights)
    result = DemoResult(bundle, weights, len(training), len(test), seconds=seconds)
    with one_thread():
        result.engines += _compare(_classifiers(bundle, model), test, progress, seconds)
    return result


def _classifiers(bundle: Bundle, model: torch.nn.Module) -> dict[str, Classifier]:
    """Eager and every engine.

    One thread each: digits are too small for more, and other work on the machine disturbs the times less.
    """
    sessions = {target: bundle.session(target, num_threads=1) for target in bundle.targets}
    return {"eager": _eager(model), **sessions}


def _save(model: torch.nn.Module, path: Path) -> None:
    """Write the weights beside `path` and rename, so that an interrupt leaves no half file."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(save(model.state_dict()))  # not save_file, which lets nobody else read the file
    partial.replace(path)


def _compare(
    classifiers: dict[str, Classifier], test: Sequence[Graphs], progress: Progress, seconds: dict[str, float]
) -> Iterator[EngineResult]:
    """Classify the held-out digits with each classifier and time them; the first one is eager."""
    with _part(progress, f"Classifying {len(test)} held-out digits with each", seconds, "classifying"):
        predictions = {name: _predictions(classifier, test) for name, classifier in classifiers.items()}
    with _part(progress, "Timing eager and the engines side by side", seconds, "timing"):
        single = time_side_by_side({n: _one_by_one(c, test) for n, c in classifiers.items()}, TIMING_SECONDS)
        batch = time_side_by_side({n: _all_at_once(c, test) for n, c in classifiers.items()}, TIMING_SECONDS)
    truth, (expected, _) = collate(test).y, predictions["eager"]
    for name, (alone, together) in predictions.items():
        same = int((alone == expected).sum() + (together == expected).sum())
        accuracy = float((alone == truth).double().mean())
        yield EngineResult(name, accuracy, same, 2 * len(test), single[name], batch[name])


@contextmanager
def _part(progress: Progress, title: str, seconds: dict[str, float], name: str) -> Iterator[None]:
    started = time.perf_counter()
    with progress.step(title):
        yield
    seconds[name] = time.perf_counter() - started


def _eager(model: torch.nn.Module) -> Classifier:
    def eager(*inputs: Tensor) -> Tensor:
        with torch.no_grad():
            scores: Tensor = model(*inputs)
        return scores

    return eager


def _predictions(classifier: Classifier, graphs: Sequence[Graphs]) -> tuple[Tensor, Tensor]:
    """The digits seen when each graph comes alone, and when all come as one batch; both `[num_graphs]`."""
    alone = torch.cat([classifier(*graph.inputs).argmax(dim=1) for graph in graphs])
    return alone, classifier(*collate(graphs).inputs).argmax(dim=1)


def _one_by_one(classifier: Classifier, graphs: Sequence[Graphs]) -> Callable[[], object]:
    """Each call classifies the next graph: all have different numbers of nodes and edges."""
    turns = itertools.cycle([graph.inputs for graph in graphs])
    return lambda: classifier(*next(turns))


def _all_at_once(classifier: Classifier, graphs: Sequence[Graphs]) -> Callable[[], object]:
    inputs = collate(graphs).inputs
    return lambda: classifier(*inputs)
