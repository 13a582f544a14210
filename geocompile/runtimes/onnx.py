"""Engines of ONNX Runtime, with geocompile's operator library or, portable, without."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from geocompile.errors import BundleError, MissingRuntimeError
from geocompile.manifest import Engine, Manifest
from geocompile.runtimes.base import Session


class OnnxSession(Session):
    """A session of ONNX Runtime; it may run in several threads at once and releases the GIL.

    Args:
        portable: Does not register the operator library: ONNX Runtime inlines the file's function bodies.
    """

    native_kind: ClassVar[str] = "numpy"

    def __init__(
        self,
        folder: Path,
        manifest: Manifest,
        engine: Engine,
        num_threads: int | None,
        portable: bool = False,
    ) -> None:
        super().__init__(folder, manifest, engine, num_threads)
        ort = _onnxruntime()
        options = ort.SessionOptions()
        options.log_severity_level = 4  # every failure is raised, printing it as well helps nobody
        if num_threads is not None:
            options.intra_op_num_threads = num_threads
        try:
            for library in () if portable else engine.libraries:
                options.register_custom_ops_library(str(folder / library))
            self._session = ort.InferenceSession(
                str(folder / engine.file), options, providers=_providers(ort, engine.device)
            )
        except Exception as error:  # ONNX Runtime's exceptions derive from Exception only
            raise BundleError(
                f"{folder / engine.file}: onnxruntime {ort.__version__} cannot open it: {error}"
            ) from error
        self._output_names = [output.name for output in self._session.get_outputs()]
        self._check_names(folder / engine.file)

    def _run(self, inputs: list[Any]) -> list[Any]:
        feeds = {
            spec.name: value
            for spec, value in zip(self.inputs, inputs, strict=True)
            if spec.name in self._used
        }
        return list(self._session.run(self._output_names, feeds))

    def _check_names(self, path: Path) -> None:
        """The file's inputs must be among the manifest's (unused ones may be absent), its outputs as many."""
        self._used = {item.name for item in self._session.get_inputs()}
        unknown = self._used - {spec.name for spec in self.inputs}
        if unknown or len(self._output_names) != len(self.outputs):
            raise BundleError(
                f"{path} does not have the inputs and outputs that the manifest names: compile anew"
            )


def _onnxruntime() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingRuntimeError(
            f"geocompile: the onnx engine needs onnxruntime ({error}): pip install 'geocompile[cpu]'"
        ) from error
    return onnxruntime


def _providers(ort: Any, device: str) -> list[str]:
    provider = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}.get(device, device)
    if provider not in ort.get_available_providers():
        raise MissingRuntimeError(
            f"geocompile: this onnxruntime has no {provider}: pip install 'geocompile[gpu]' in place of [cpu]"
        )
    return [provider] if device == "cpu" else [provider, "CPUExecutionProvider"]
