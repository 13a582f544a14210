"""What all sessions share: binding arguments to inputs, checking them, giving back what the model would."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from geocompile.exporters.program import TensorSpec
from geocompile.manifest import Engine, Manifest
from geocompile.runtimes import checks, tensors
from geocompile.runtimes.indices import check_indices


class Session(ABC):
    """An opened engine: called like the model, from any number of threads at once.

        out = session(x, edge_index)                  # positional, in the model's order
        out = session(x=x, edge_index=edge_index)     # or by name

    Inputs are numpy arrays or torch tensors on the CPU, all of one kind; the outputs are of the same kind and
    have the structure of the model's result. Nothing is cast: an input of another dtype or shape than the
    model's is an error.

    Attributes:
        target: The engine's target.
        device: The engine's device.
        inputs: The input tensors, in order.
        outputs: The output tensors, flat.
    """

    native_kind: ClassVar[str]  # the tensors that `_run` takes and gives: "numpy" or "torch"

    def __init__(self, folder: Path, manifest: Manifest, engine: Engine, num_threads: int | None) -> None:
        self.target = engine.target
        self.device = engine.device
        self.inputs: tuple[TensorSpec, ...] = manifest.inputs
        self.outputs: tuple[TensorSpec, ...] = manifest.outputs
        self._structure = manifest.output_structure
        self._num_threads = num_threads

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Runs the engine.

        Raises:
            TypeError: An input is missing, unknown, no tensor, or of another dtype.
            ValueError: An input has another rank or size than the model's, or is not on the CPU.
            IndexError: An index is out of range.
            RuntimeError: The engine refused the input; the message holds the operator's.
        """
        named = bind(self.inputs, args, kwargs)
        kind = tensors.common_kind(named)
        dimensions = checks.check_inputs(self.inputs, named)
        native = [tensors.convert(named[spec.name], self.native_kind) for spec in self.inputs]
        check_indices(self.inputs, native, dimensions)
        results = [tensors.convert(value, kind) for value in self._checked_run(native)]
        return build_structure(self._structure, results)

    @abstractmethod
    def _run(self, inputs: list[Any]) -> list[Any]:
        """Runs on checked, contiguous tensors of `native_kind`; may be called by several threads at once."""

    def _checked_run(self, inputs: list[Any]) -> list[Any]:
        try:
            results = self._run(inputs)
        except MemoryError:
            raise
        except (
            Exception
        ) as error:  # each runtime has exceptions of its own, ONNX Runtime's derive from Exception only
            raise RuntimeError(
                f"geocompile: the {self.target} engine failed: {_own_message(str(error))}"
            ) from error
        if len(results) != len(self.outputs):
            expected = len(self.outputs)
            raise RuntimeError(
                f"geocompile: the {self.target} engine gave {len(results)} outputs, expected {expected}"
            )
        return results


def bind(specs: tuple[TensorSpec, ...], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Gives each input its argument, by position and name.

    Raises:
        TypeError: There are too many arguments, or one is unknown, given twice or missing.
    """
    names = [spec.name for spec in specs]
    signature = f"the inputs are ({', '.join(names)})"
    if len(args) > len(names):
        raise TypeError(f"geocompile: {len(args)} inputs given, {signature}")
    named = dict(zip(names, args, strict=False))
    for name, value in kwargs.items():
        if name not in names:
            raise TypeError(f"geocompile: unknown input {name!r}, {signature}")
        if name in named:
            raise TypeError(f"geocompile: input {name!r} is given by position and by name, {signature}")
        named[name] = value
    missing = [name for name in names if named.get(name) is None]
    if missing:
        raise TypeError(f"geocompile: input {missing[0]!r} is missing, {signature}")
    return named


def build_structure(structure: Mapping[str, Any], results: list[Any]) -> Any:
    """Puts flat results into the structure of the model's result."""
    kind = structure["kind"]
    if kind == "tensor":
        return results[structure["index"]]
    if kind == "dict":
        return {key: build_structure(item, results) for key, item in structure["items"].items()}
    if kind == "none":
        return None
    items = [build_structure(item, results) for item in structure["items"]]
    return tuple(items) if kind == "tuple" else items


def _own_message(text: str) -> str:
    """Our operator's sentence where the runtime's text holds one, else the line of that text that says what failed.

    TorchScript's interpreter tells where it was first and the reason last; elsewhere stack frames follow the reason.
    """
    found = re.search(r"geocompile\.\w+: [^\n]*", text)
    if found:
        return found.group()
    lines = [line.strip() for line in text.splitlines() if line.strip()] or ["it gave no reason"]
    reason = lines[-1] if "Traceback of TorchScript" in text else lines[0]
    return reason[:1000]
