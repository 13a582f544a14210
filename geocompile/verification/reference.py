"""What eager PyTorch says about a graph: the truth in float64, the float32 answer, what rounding moves."""

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from geocompile.verification.inputs import Array
from geocompile.verification.report import first_line
from geocompile.verification.structure import flatten

PERTURBATIONS = 2  # further runs per graph with inputs and weights off by one rounding
FLIP = 2.0**-10  # relative change that no smooth model shows when its inputs move by 2**-24
REORDERED = 2.0**-16  # relative change that adding in another order may cause between two equal runs


@dataclass(frozen=True)
class Truth:
    """The outputs of one graph, flat.

    Attributes:
        eager: What the model returns in its own precision.
        exact: The same in float64 (or `eager` again where the model does not run in float64).
        others: The outputs with inputs and weights moved by their rounding error.
        sizes_agree: False where rounding changed the size of an output; then only `eager` is kept, as the
            truth.
    """

    eager: list[Array]
    exact: list[Array]
    others: list[list[Array]]
    sizes_agree: bool = True

    @staticmethod
    def of(eager: list[Array], exact: list[Array], others: list[list[Array]]) -> "Truth":
        """Put the runs together."""
        shapes = [array.shape for array in eager]
        agree = all([array.shape for array in run] == shapes for run in (exact, *others))
        return Truth(eager, exact, others) if agree else Truth(eager, eager, [], sizes_agree=False)

    def noise(self, output: int) -> Array:
        """Element-wise distance that rounding was seen to cause; NaN or inf where values are not finite."""
        exact = self.exact[output].astype(np.float64)
        runs = [self.eager[output], *(other[output] for other in self.others)]
        with np.errstate(invalid="ignore", over="ignore"):
            distances = [np.abs(run.astype(np.float64) - exact) for run in runs]
        noise: Array = np.maximum.reduce(distances)
        return noise

    def is_stable(self, output: int) -> bool:
        """Whether rounding leaves the output alone: its size, integers, and floats up to a small change."""
        if not self.sizes_agree:
            return False
        exact, limit = self.exact[output], 0.0
        if exact.dtype.kind == "f":
            limit = FLIP * float(np.abs(exact[np.isfinite(exact)]).max(initial=0.0))
        noise = self.noise(output)
        return not bool((np.isfinite(noise) & (noise > limit)).any())


class Reference:
    """Runs a model as eager PyTorch does, in its own precision and in float64.

    The model's training mode, its gradients and torch's random state are left as they were.

    Attributes:
        precision: "float64", or "float32" where the model does not run in float64.
    """

    def __init__(self, model: torch.nn.Module, structure: Mapping[str, Any], seed: int = 0) -> None:
        self._model = copy.deepcopy(model).eval()
        self._structure = structure
        self._seed = seed
        self.precision = "float64"
        self.reason = ""
        self._exact, self._moved = self._copies(torch.float64)

    def probe(self, inputs: Mapping[str, Array]) -> None:
        """Try float64 on one graph; fall back to float32 where the model refuses, or returns float32."""
        try:
            outputs = self._run(self._exact, inputs, torch.float64)
        except Exception as error:  # whatever a user's model raises in float64 only means: not in float64
            self._fall_back(first_line(error))
        else:
            if any(array.dtype == np.float32 for array in outputs):
                self._fall_back("the model returns float32 for float64 inputs")

    def refuse_random(self, inputs: Mapping[str, Array]) -> None:
        """Run one graph twice as a caller would, one run after the other, and refuse results that differ.

        Bits may differ where threads add in any order; a result that moves by more than that has no truth.

        Raises:
            ValueError: The model draws random numbers, or its result differs by more than rounding.
        """
        first, drew = self._run_unseeded(inputs, self._seed)
        second, _ = self._run_unseeded(inputs, self._seed + 1)
        for left, right in zip(first, second, strict=True):
            if left.shape == right.shape and left.tobytes() == right.tobytes():
                continue
            if drew or left.shape != right.shape or not _within_rounding(left, right):
                raise ValueError(
                    "geocompile.verify: the model is random in eval mode: two equal runs of eager give different "
                    "results, so no engine can equal it; make its random numbers an input, or draw them in "
                    "training mode only"
                )

    def __call__(self, inputs: Mapping[str, Array]) -> Truth:
        """Run one graph.

        Raises:
            Exception: Whatever the model raises on this graph.
        """
        dtype = torch.float64 if self.precision == "float64" else None
        eager = self._run(self._model, inputs)
        exact = self._run(self._exact, inputs, dtype) if dtype else eager
        moved = []
        for k, model in enumerate(self._moved):
            rng = np.random.default_rng([self._seed, k])
            moved.append(self._run(model, _move(inputs, rng, finer=dtype is not None), dtype))
        return Truth.of(eager, exact, moved)

    def _run(
        self, model: torch.nn.Module, inputs: Mapping[str, Array], dtype: torch.dtype | None = None
    ) -> list[Array]:
        tensors = {name: torch.tensor(array) for name, array in inputs.items()}
        if dtype is not None:
            tensors = {name: t.to(dtype) if t.is_floating_point() else t for name, t in tensors.items()}
        with _own_random_state(self._seed):
            return self._forward(model, tensors)

    def _run_unseeded(self, inputs: Mapping[str, Array], seed: int) -> tuple[list[Array], bool]:
        """The outputs from another random state, and whether the model drew from it."""
        with _own_random_state(seed):
            before = torch.random.get_rng_state()
            outputs = self._forward(
                self._model, {name: torch.tensor(array) for name, array in inputs.items()}
            )
            return outputs, not torch.equal(before, torch.random.get_rng_state())

    def _forward(self, model: torch.nn.Module, tensors: dict[str, torch.Tensor]) -> list[Array]:
        with torch.no_grad():
            result = model(**tensors)
        return [leaf.detach().numpy() for leaf in flatten(result, self._structure)]

    def _copies(self, dtype: torch.dtype | None) -> tuple[torch.nn.Module, list[torch.nn.Module]]:
        """The model in `dtype`, and copies whose weights are off by one rounding of its own precision."""
        exact = copy.deepcopy(self._model).to(dtype) if dtype else self._model
        moved = [copy.deepcopy(exact) for _ in range(PERTURBATIONS)]
        for k, model in enumerate(moved):
            generator = torch.Generator().manual_seed(self._seed + k)
            for parameter, own in zip(model.parameters(), self._model.parameters(), strict=True):
                if parameter.is_floating_point():
                    signs = torch.randint(0, 2, parameter.shape, generator=generator) * 2 - 1
                    parameter.data *= 1 + signs * _rounding(
                        torch.finfo(own.dtype).eps, finer=dtype != own.dtype
                    )
        return exact, moved

    def _fall_back(self, reason: str) -> None:
        self.precision, self.reason = "float32", reason
        self._exact, self._moved = self._copies(None)


def _move(inputs: Mapping[str, Array], rng: np.random.Generator, finer: bool) -> dict[str, Array]:
    """Inputs whose floats are off by one rounding: as far as storing them may have moved them.

    The largest and the least stay what they are: a model may refuse what lies outside, as SplineConv does above one.
    """
    moved = dict(inputs)
    for name, array in inputs.items():
        if array.dtype.kind == "f":
            dtype = np.dtype(np.float64) if finer else array.dtype
            signs = rng.integers(0, 2, size=array.shape) * 2 - 1
            change = _rounding(float(np.finfo(array.dtype).eps), finer=dtype != array.dtype)
            values = (array.astype(np.float64) * (1 + signs * change)).astype(dtype)
            moved[name] = np.minimum(np.maximum(values, _least(array)), -_least(-array))
    return moved


def _least(array: Array) -> float:
    """The least number, whatever is none left out."""
    return float(np.fmin.reduce(array, axis=None, initial=np.inf))


def _within_rounding(left: Array, right: Array) -> bool:
    """Whether two results are as close as sums in another order are; integers must be equal."""
    if left.dtype.kind != "f":
        return bool(np.array_equal(left, right))
    limit = REORDERED * float(np.abs(left[np.isfinite(left)]).max(initial=0.0))
    return bool(np.allclose(left, right, rtol=0.0, atol=limit, equal_nan=True))


def _rounding(eps: float, finer: bool) -> float:
    """Half a unit in the last place where the arithmetic is fine enough to hold it, else a whole unit."""
    return eps / 2 if finer else eps


@contextmanager
def _own_random_state(seed: int) -> Iterator[None]:
    """Run with a fixed random state and put the caller's back."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
