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
from geocompile.manifest_checks import check_consistent

SCHEMA_VERSION = 1
MANIFEST_NAME = "manifest.json"
DTYPES = ("float32", "float64", "float16", "int64", "int32", "int16", "int8", "uint8", "bool")


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
        """The text of `manifest.json`, keys in their own order: that of an output dict is the model's."""
        return (json.dumps(self.to_json(), indent=2, allow_nan=False) + "\n").encode()

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
        check_consistent(manifest)
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
    return TensorSpec(item.text("name"), dtype, tuple(shape), _index_of(item, dtype, shape))


def _index_of(item: Fields, dtype: str, shape: list[int | str]) -> str | tuple[str | None, ...] | None:
    """A bound of all values, or one per row of dimension 0; whether it can be resolved, the manifest checks."""
    bound = item.values.get("index_of")
    if bound is None:
        return None
    if "int" not in dtype:
        raise item.error("index_of", f"is for integers, and the dtype is {dtype!r}")
    rows = bound if isinstance(bound, list) else [bound]
    for row in rows:
        if not isinstance(row, str) and not (row is None and rows is bound):
            raise item.error("index_of", f"must be a string, null, or a list of these, got {bound!r}")
    if rows is not bound:
        return str(bound)
    if not shape or shape[0] != len(rows):
        raise item.error(
            "index_of", f"has {len(rows)} entries, but dimension 0 is {shape[0] if shape else 'none'}"
        )
    return tuple(rows)


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
