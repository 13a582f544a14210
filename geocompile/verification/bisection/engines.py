"""Builds an engine of a program in a temporary folder and runs it: what a bisection tries again and again."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

import geocompile
from geocompile.custom_ops import libraries
from geocompile.exporters import EngineFiles, get_exporter
from geocompile.exporters.program import CapturedProgram
from geocompile.manifest import Engine, Manifest
from geocompile.runtimes import open_session
from geocompile.verification.engines import THREADS
from geocompile.verification.inputs import Array
from geocompile.verification.structure import flatten

_LIBRARIES = {"torch": libraries.torch_library, "onnxruntime": libraries.ort_library}


def answers(
    program: CapturedProgram,
    target: str,
    inputs: Mapping[str, Array],
    portable: bool = False,
    keep: Path | None = None,
) -> list[list[Array]]:
    """The flat outputs of a new engine of the program, once for each number of threads that verification tries.

    Args:
        program: The program.
        target: The exporter.
        inputs: One graph, by name.
        portable: Run ONNX without our operators.
        keep: Where to leave a copy of the engine's file.

    Raises:
        Exception: Whatever the exporter or the runtime raises.
    """
    with tempfile.TemporaryDirectory(prefix="geocompile-bisect-") as scratch:
        folder = Path(scratch)
        files = get_exporter(target)(program, folder)
        if keep is not None:
            keep.write_bytes((folder / files.file).read_bytes())
        return _run(program, folder, files, inputs, portable)


def _run(
    program: CapturedProgram, folder: Path, files: EngineFiles, inputs: Mapping[str, Array], portable: bool
) -> list[list[Array]]:
    engine = Engine(
        target=files.target,
        device=files.device,
        file=files.file,
        extra_files=tuple(files.extra_files),
        libraries=tuple(str(_LIBRARIES[name]()) for name in files.libraries),  # absolute: where they are
        metadata=files.metadata,
    )
    manifest = Manifest(
        model=program.model_name,
        inputs=program.inputs,
        outputs=program.outputs,
        output_structure=program.output_structure,
        engines=(engine,),
        files={},
        geocompile=geocompile.__version__,
    )
    return [_outputs(manifest, folder, engine, inputs, portable, threads) for threads in THREADS]


def _outputs(
    manifest: Manifest,
    folder: Path,
    engine: Engine,
    inputs: Mapping[str, Array],
    portable: bool,
    threads: int,
) -> list[Array]:
    session = open_session(folder, manifest, engine, threads, portable)
    result = session(**{spec.name: inputs[spec.name].copy() for spec in manifest.inputs})
    leaves: Sequence[Array] = flatten(result, manifest.output_structure)
    return [np.array(leaf) for leaf in leaves]
