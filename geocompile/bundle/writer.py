"""Writing a bundle: engines, libraries, samples and runners in a temporary folder, renamed when complete."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from platform import python_version
from types import TracebackType
from typing import Any

import geocompile
from geocompile.bundle.integrity import digest_of, file_record
from geocompile.bundle.reader import Bundle
from geocompile.bundle.runners import write_runners
from geocompile.bundle.samples import write_sample
from geocompile.bundle.staging import StagingFolder
from geocompile.bundle.writing import cannot_write, is_no_room, writing
from geocompile.exporters import EngineFiles
from geocompile.exporters.program import TensorSpec
from geocompile.manifest import MANIFEST_NAME, Engine, FileRecord, Manifest, Tolerance, default_tolerance

_PACKAGES = ("numpy", "safetensors", "torch", "onnx", "onnxscript", "onnxruntime", "torch_geometric")


class BundleWriter:
    """Writes a bundle; use as a context manager.

    Everything is written to a temporary folder beside `output`. `finish` puts it in place in one step;
    leaving the `with` block without it, by an exception or Ctrl-C too, leaves nothing.

        with BundleWriter("build/gcn") as writer:
            writer.add_engine(export(program, writer.folder))
            writer.add_sample(inputs, outputs)
            draft = writer.draft(**fields)         # a Bundle over the temporary folder, for verification
            bundle = writer.finish(**fields, verification=report.to_json())

    Args:
        output: The bundle's folder; an existing bundle is replaced.

    Raises:
        BundleError: `output` is a file, or a folder with content that is no bundle; or it cannot be written, here
            and in every method, and where the disk is full while others write into `folder`.
    """

    def __init__(self, output: str | Path) -> None:
        self._staging = StagingFolder(Path(output))
        self._engines: list[Engine] = []
        self._samples: list[str] = []
        self._hashed: dict[Path, tuple[tuple[int, int], FileRecord]] = {}

    @property
    def folder(self) -> Path:
        """The temporary folder; what is written here becomes part of the bundle."""
        return self._staging.path

    def __enter__(self) -> BundleWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._staging.close()
        if isinstance(error, OSError) and is_no_room(error):
            raise cannot_write(self._staging.output, error) from error

    def add_engine(self, engine: EngineFiles) -> None:
        """Records an engine whose files are in `folder`, and copies its operator libraries into `lib/`."""
        libraries = tuple(self._add_library(name) for name in engine.libraries)
        self._engines.append(
            Engine(
                target=engine.target,
                device=engine.device,
                file=engine.file,
                extra_files=tuple(engine.extra_files),
                libraries=libraries,
                metadata=dict(engine.metadata),
            )
        )

    def add_sample(self, inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> None:
        """Stores golden inputs and eager's outputs, by name; numpy arrays or torch tensors."""
        name = f"samples/{len(self._samples)}.safetensors"
        with writing(self._staging.output):
            write_sample(self.folder / name, inputs, outputs)
        self._samples.append(name)

    def draft(
        self,
        *,
        model: str,
        inputs: Sequence[TensorSpec],
        outputs: Sequence[TensorSpec],
        output_structure: Mapping[str, Any],
        tolerances: Mapping[str, Tolerance] | None = None,
        versions: Mapping[str, str] | None = None,
        passes: Iterable[Mapping[str, Any]] = (),
        verification: Mapping[str, Any] | None = None,
    ) -> Bundle:
        """Writes the manifest and returns the bundle as it is now, in the temporary folder.

        Args:
            model: The model's class name.
            inputs: The model's input tensors, in the order of its signature.
            outputs: The output tensors, flat.
            output_structure: How the outputs make up the model's result (see `CapturedProgram`).
            tolerances: Per output, what the bundle's runners accept; by default a bound for the dtype.
            versions: Package versions beside those that are recorded anyway.
            passes: What each pass did.
            verification: The verification report.
        """
        with writing(self._staging.output):
            write_runners(self.folder, self._engines)
            files = self._files()
        manifest = Manifest(
            model=model,
            inputs=tuple(inputs),
            outputs=tuple(outputs),
            output_structure=dict(output_structure),
            engines=tuple(self._engines),
            files=files,
            samples=tuple(self._samples),
            tolerances={spec.name: default_tolerance(spec.dtype) for spec in outputs}
            | dict(tolerances or {}),
            versions=_versions() | dict(versions or {}),
            passes=tuple(dict(result) for result in passes),
            verification=dict(verification) if verification else None,
            created=datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
            geocompile=geocompile.__version__,
        )
        data = manifest.to_bytes()
        with writing(self._staging.output):
            (self.folder / MANIFEST_NAME).write_bytes(data)
        return Bundle(self.folder, Manifest.from_bytes(data), digest_of(data))

    def finish(self, **fields: Any) -> Bundle:
        """Writes the manifest (arguments as for `draft`) and puts the bundle in its place.

        Raises:
            BundleError: Something that is no bundle was put at the output meanwhile.
        """
        draft = self.draft(**fields)
        self._staging.publish()
        return Bundle(self._staging.output, draft.manifest, draft.digest)

    def _add_library(self, name: str) -> str:
        from geocompile.custom_ops import libraries

        source: Path = {"torch": libraries.torch_library, "onnxruntime": libraries.ort_library}[name]()
        target = f"lib/{source.name}"
        with writing(self._staging.output):
            (self.folder / "lib").mkdir(exist_ok=True)
            shutil.copyfile(source, self.folder / target)
        return target

    def _files(self) -> dict[str, FileRecord]:
        paths = sorted(
            path for path in self.folder.rglob("*") if path.is_file() and path != self.folder / MANIFEST_NAME
        )
        return {path.relative_to(self.folder).as_posix(): self._record(path) for path in paths}

    def _record(self, path: Path) -> FileRecord:
        """The file's record; one that has not changed since the draft is not hashed again."""
        state = (path.stat().st_mtime_ns, path.stat().st_size)
        if path not in self._hashed or self._hashed[path][0] != state:
            self._hashed[path] = (state, file_record(path))
        return self._hashed[path][1]


def _versions() -> dict[str, str]:
    versions = {"python": python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return versions
