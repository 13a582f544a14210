"""The manifest of a bundle: dataclasses to and from JSON, each field checked and named when it is wrong.

Schema rule: an optional field may be added without a new schema version, and a reader ignores fields that it
does not know. A field removed, renamed or given another meaning raises the version, and an older reader
refuses the bundle.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from geocompile.errors import BundleError
from geocompile.exporters.program import TensorSpec
from geocompile.fields import Fields

SCHEMA_VERSION = 1
MANIFEST_NAME = "manifest.json"
DTYPES = ("float32", "float64", "float16", "int64", "int32", "int16", "int8", "uint8", "bool")
ENGINE_SUFFIXES = (".onnx", ".ts", ".pt2", ".plan")


@dataclass(frozen=True)
class Engine:
    """One engine of a bundle; every path is relative to the bundle and listed in `Manifest.files`.

    Attributes:
        target: `onnx`, `torchscript` or `aotinductor`.
        device: `cpu` or `cuda`.
        file: The engine itself.
        extra_files: Further files that it reads, such as external weights.
        libraries: Operator libraries that its runtime must load first.
        metadata: What the exporter recorded, such as `cpu_flags` of an AOTInductor engine.
    """

    target: str
    device: str
    file: str
    extra_files: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def paths(self) -> tuple[str, ...]:
        """Every file that the engine needs."""
        return (self.file, *self.extra_files, *self.libraries)


@dataclass(frozen=True)
class FileRecord:
    """Size and SHA-256 (hex) of one file of a bundle."""

    sha256: str
    bytes: int


@dataclass(frozen=True)
class Tolerance:
    """An engine's output agrees with eager's where |engine - eager| <= atol + rtol * |eager|."""

    atol: float
    rtol: float


@dataclass(frozen=True)
class Manifest:
    """What a bundle holds: the model's inputs and outputs, the engines, and the hash of every file."""

    model: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    output_structure: dict[str, Any]
    engines: tuple[Engine, ...]
    files: dict[str, FileRecord]
    samples: tuple[str, ...] = ()
    tolerances: dict[str, Tolerance] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    passes: tuple[dict[str, Any], ...] = ()
    verification: dict[str, Any] | None = None
    created: str = ""
    geocompile: str = ""
    schema_version: int = SCHEMA_VERSION

    def to_json(self) -> dict[str, Any]:
        """The manifest as plain JSON values."""
        return asdict(self)

    def to_bytes(self) -> bytes:
        """The text of `manifest.json`; equal manifests give equal bytes, so that a digest can pin them."""
        return (json.dumps(self.to_json(), indent=2, sort_keys=True, allow_nan=False) + "\n").encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Manifest:
        """Reads the text of `manifest.json`.

        Raises:
            BundleError: It is not JSON, comes from a newer geocompile, or a field is missing or wrong.
        """
        try:
            values = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise BundleError(
                f"{MANIFEST_NAME} is not readable JSON ({error}): make the bundle anew"
            ) from None
        return cls.from_json(values)

    @classmethod
    def from_json(cls, values: object) -> Manifest:
        """Reads plain JSON values; the inverse of `to_json`.

        Raises:
            BundleError: A field is missing or wrong, or the schema is newer than this geocompile reads.
        """
        top = Fields(values, "")
        _check_schema(top)
        manifest = cls(
            model=top.text("model"),
            inputs=tuple(_tensor_spec(item) for item in top.objects("inputs")),
            outputs=tuple(_tensor_spec(item) for item in top.objects("outputs")),
            output_structure=top.mapping("output_structure"),
            engines=tuple(_engine(item) for item in top.objects("engines")),
            files={name: _file_record(item) for name, item in top.named_objects("files").items()},
            samples=top.texts("samples", optional=True),
            tolerances={
                name: _tolerance(item)
                for name, item in top.named_objects("tolerances", optional=True).items()
            },
            versions={key: str(value) for key, value in top.mapping("versions", optional=True).items()},
            passes=tuple(item.values for item in top.objects("passes", optional=True)),
            verification=top.mapping("verification", optional=True) or None,
            created=top.text("created", ""),
            geocompile=top.text("geocompile"),
            schema_version=top.integer("schema_version"),
        )
        _check_consistent(manifest)
        return manifest


def default_tolerance(dtype: str) -> Tolerance:
    """The tolerance of an output where none was measured: loose for floats, exact for integers and bool."""
    bounds = {"float16": 1e-2, "float32": 1e-4, "float64": 1e-9}
    return Tolerance(bounds.get(dtype, 0.0), bounds.get(dtype, 0.0))


def _check_schema(top: Fields) -> None:
    version = top.integer("schema_version")
    if version > SCHEMA_VERSION:
        made_by = top.text("geocompile", "a newer version")
        raise BundleError(
            f"the bundle has schema version {version}, this geocompile reads up to {SCHEMA_VERSION}: "
            f"it needs geocompile {made_by} or later (pip install -U geocompile)"
        )
    if version < 1:
        raise top.error("schema_version", f"must be at least 1, got {version}")


def _tensor_spec(item: Fields) -> TensorSpec:
    shape = item.array("shape")
    for size in shape:
        if not _is_dimension(size):
            raise item.error("shape", f"must hold sizes and names of dimensions, got {size!r}")
    dtype = item.text("dtype")
    if dtype not in DTYPES:
        raise item.error("dtype", f"must be one of {', '.join(DTYPES)}, got {dtype!r}")
    return TensorSpec(item.text("name"), dtype, tuple(shape), item.text("index_of", "") or None)


def _is_dimension(size: object) -> bool:
    if isinstance(size, int) and not isinstance(size, bool):
        return size >= 0
    return isinstance(size, str) and size != ""


def _engine(item: Fields) -> Engine:
    return Engine(
        target=item.text("target"),
        device=item.text("device"),
        file=item.text("file"),
        extra_files=item.texts("extra_files", optional=True),
        libraries=item.texts("libraries", optional=True),
        metadata=item.mapping("metadata", optional=True),
    )


def _file_record(item: Fields) -> FileRecord:
    sha256 = item.text("sha256")
    if len(sha256) != 64 or set(sha256) - set("0123456789abcdef"):
        raise item.error("sha256", f"must be 64 hexadecimal digits, got {sha256!r}")
    return FileRecord(sha256, item.integer("bytes"))


def _tolerance(item: Fields) -> Tolerance:
    return Tolerance(item.number("atol"), item.number("rtol"))


def _check_consistent(manifest: Manifest) -> None:
    """Names are unique, paths stay inside the folder and are listed in `files`, the output structure fits."""
    for kind, specs in (("inputs", manifest.inputs), ("outputs", manifest.outputs)):
        if len({spec.name for spec in specs}) != len(specs):
            raise BundleError(f"{MANIFEST_NAME}: '{kind}' has two entries of one name")
    for path in manifest.files:
        check_relative(path)
    for engine in manifest.engines:
        if not engine.file.endswith(ENGINE_SUFFIXES):
            raise BundleError(
                f"{MANIFEST_NAME}: engine file {engine.file!r} is none of {', '.join(ENGINE_SUFFIXES)}"
            )
        _check_listed(manifest, engine.paths, f"the {engine.target} engine")
    for sample in manifest.samples:
        if not sample.endswith(".safetensors"):
            raise BundleError(
                f"{MANIFEST_NAME}: sample {sample!r} is not .safetensors, and nothing pickled is opened"
            )
    _check_listed(manifest, manifest.samples, "samples")
    _check_structure(manifest.output_structure, len(manifest.outputs), depth=0)


def _check_listed(manifest: Manifest, paths: tuple[str, ...], owner: str) -> None:
    for path in paths:
        check_relative(path)
        if path not in manifest.files:
            raise BundleError(f"{MANIFEST_NAME}: {owner} names {path!r}, which is not listed under 'files'")


def check_relative(path: str) -> None:
    """Refuses a path that could leave the bundle: absolute, or with `..`, backslash, colon or control code.

    Raises:
        BundleError: The path is none of a bundle.
    """
    parts = path.split("/")
    if (
        any(part in ("", ".", "..") for part in parts)
        or "\\" in path
        or ":" in path
        or not path.isprintable()
    ):
        raise BundleError(
            f"{MANIFEST_NAME}: {path!r} is not a plain path inside the bundle: do not use this bundle"
        )


def _check_structure(node: object, outputs: int, depth: int) -> None:
    structure = Fields(node, "output_structure")
    kind = structure.text("kind")
    if depth > 32:
        raise structure.error("kind", "is nested more than 32 deep")
    if kind == "tensor":
        index = structure.integer("index")
        if index >= outputs:
            raise structure.error("index", f"must be below the number of outputs, {outputs}, got {index}")
    elif kind in ("tuple", "list"):
        for item in structure.array("items"):
            _check_structure(item, outputs, depth + 1)
    elif kind == "dict":
        for item in structure.mapping("items").values():
            _check_structure(item, outputs, depth + 1)
    elif kind != "none":
        raise structure.error("kind", f"must be tensor, tuple, list, dict or none, got {kind!r}")
