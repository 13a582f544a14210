"""Golden samples: one safetensors file each, with keys `in.<input>` and `out.<output>`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from geocompile.errors import BundleError
from geocompile.exporters.program import TensorSpec
from geocompile.manifest import Manifest

Tensors = dict[str, npt.NDArray[Any]]


def write_sample(path: Path, inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> None:
    """Writes one sample; values are numpy arrays or torch tensors."""
    tensors = {f"in.{name}": _as_array(value) for name, value in inputs.items()}
    tensors |= {f"out.{name}": _as_array(value) for name, value in outputs.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(save(tensors))  # not save_file, whose error on a full disk is no OSError


def read_sample(folder: Path, name: str, manifest: Manifest) -> tuple[Tensors, Tensors]:
    """Reads one sample as `(inputs, outputs)` in the manifest's order.

    Raises:
        BundleError: The file is missing, no safetensors file, or lacks a tensor of the model.
    """
    try:
        tensors = load_file(folder / name)
    except FileNotFoundError:
        again = "copy the whole bundle again, or compile anew"
        raise BundleError(f"{folder}: the sample {name!r} of the bundle is missing: {again}") from None
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise BundleError(
            f"{folder / name} is not a readable safetensors file ({error}): compile anew"
        ) from None
    inputs = {spec.name: _take(tensors, "in", spec, folder / name) for spec in manifest.inputs}
    outputs = {spec.name: _take(tensors, "out", spec, folder / name) for spec in manifest.outputs}
    return inputs, outputs


def _take(tensors: Tensors, prefix: str, spec: TensorSpec, path: Path) -> npt.NDArray[Any]:
    key = f"{prefix}.{spec.name}"
    if key not in tensors:
        raise BundleError(f"{path} lacks the tensor {key!r} of the model: compile anew")
    array = tensors[key]
    if array.dtype.name != spec.dtype or array.ndim != len(spec.shape):
        expected = f"{spec.dtype} {list(spec.shape)}"
        raise BundleError(
            f"{path}: {key!r} is {array.dtype.name} {list(array.shape)}, expected {expected}: compile anew"
        )
    return array


def _as_array(value: Any) -> npt.NDArray[Any]:
    if not isinstance(value, np.ndarray):
        value = value.detach().cpu().numpy()  # a torch tensor; torch itself need not be imported here
    return np.asarray(value, order="C")
