"""Reads and writes named arrays as `.npz` or `.safetensors`, with numpy alone; a file appears whole or not at all."""

import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save_file

from geocompile.cli.outcome import InputError

Array = npt.NDArray[Any]
SUFFIXES = (".npz", ".safetensors")


def read_tensors(path: Path) -> dict[str, Array]:
    """The arrays of a file by name. Nothing is unpickled.

    Raises:
        InputError: The file is missing, damaged, or of another kind.
    """
    _check_suffix(path)
    if not path.is_file():
        raise InputError(f"there is no file {path}")
    try:
        if path.suffix == ".safetensors":
            return dict(load_file(path))
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except Exception as error:  # the two readers have a dozen exceptions for a damaged file
        first_line = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{path} is not a readable {path.suffix} file: {first_line}") from error


def check_writable(path: Path) -> None:
    """Refuse an output path before the work is done.

    Raises:
        InputError: The suffix is unknown or the folder does not exist.
    """
    _check_suffix(path)
    if not path.parent.is_dir():
        raise InputError(f"there is no folder {path.parent} to write {path.name} to")


def write_tensors(path: Path, tensors: Mapping[str, Array]) -> None:
    """Write arrays beside `path` and rename them into place."""
    partial = path.with_name(f".{path.stem}.{uuid4().hex[:8]}{path.suffix}")
    try:
        if path.suffix == ".safetensors":
            save_file({name: np.asarray(value, order="C") for name, value in tensors.items()}, partial)
        else:
            _write_npz(partial, tensors)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _write_npz(path: Path, tensors: Mapping[str, Array]) -> None:
    """What `numpy.savez` does, for any name: a tensor called `file` would be one of its parameters."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, value in tensors.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, value, allow_pickle=False)


def _check_suffix(path: Path) -> None:
    if path.suffix not in SUFFIXES:
        raise InputError(f"{path} must end in {' or '.join(SUFFIXES)}, got '{path.suffix}'")
