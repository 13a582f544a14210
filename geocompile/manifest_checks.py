"""Whether the fields of a manifest fit together: names, index bounds, paths, the output structure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from geocompile.errors import BundleError
from geocompile.exporters.program import TensorSpec
from geocompile.fields import Fields

if TYPE_CHECKING:
    from geocompile.manifest import Manifest

ENGINE_SUFFIXES = (".onnx", ".ts", ".pt2", ".plan")


def check_consistent(manifest: Manifest) -> None:
    """Names are unique, bounds known, paths inside the folder and listed in `files`, the output structure fits.

    Raises:
        BundleError: One of these does not hold; the message names the field.
    """
    for kind, specs in (("inputs", manifest.inputs), ("outputs", manifest.outputs)):
        if len({spec.name for spec in specs}) != len(specs):
            raise BundleError(f"manifest.json: '{kind}' has two entries of one name")
    _check_bounds(manifest.inputs)
    for path in manifest.files:
        check_relative(path)
    for engine in manifest.engines:
        if not engine.file.endswith(ENGINE_SUFFIXES):
            raise BundleError(
                f"manifest.json: engine file {engine.file!r} is none of {', '.join(ENGINE_SUFFIXES)}"
            )
        _check_listed(manifest, engine.paths, f"the {engine.target} engine")
    for sample in manifest.samples:
        if not sample.endswith(".safetensors"):
            raise BundleError(
                f"manifest.json: sample {sample!r} is not .safetensors, and nothing pickled is opened"
            )
    _check_listed(manifest, manifest.samples, "samples")
    _check_structure(manifest.output_structure, len(manifest.outputs), depth=0)


def _check_bounds(inputs: tuple[TensorSpec, ...]) -> None:
    """Every `index_of` is a number, `*`, or a dimension that some input has: a session must know its size."""
    known = {size for spec in inputs for size in spec.shape if isinstance(size, str)} | {"*"}
    for i, spec in enumerate(inputs):
        for bound in spec.index_of if isinstance(spec.index_of, tuple) else (spec.index_of,):
            if bound is None or bound in known or (bound.isascii() and bound.isdecimal()):
                continue
            raise BundleError(
                f"manifest.json: 'inputs[{i}].index_of' must be '*', a number or a dimension of an input "
                f"({', '.join(sorted(known - {'*'}))}), got {bound!r}"
            )


def _check_listed(manifest: Manifest, paths: tuple[str, ...], owner: str) -> None:
    for path in paths:
        check_relative(path)
        if path not in manifest.files:
            raise BundleError(f"manifest.json: {owner} names {path!r}, which is not listed under 'files'")


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
            f"manifest.json: {path!r} is not a plain path inside the bundle: do not use this bundle"
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
