"""Runs the bundle's ONNX engine on its samples: python run.py [--portable]. Needs numpy and onnxruntime."""

# mypy: disable-error-code=attr-defined
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

HERE = Path(__file__).resolve().parent
DTYPES = {
    "F16": "f2",
    "F32": "f4",
    "F64": "f8",
    "I8": "i1",
    "U8": "u1",
    "I16": "i2",
    "I32": "i4",
    "I64": "i8",
    "BOOL": "?",
}


def read_safetensors(path: Path) -> dict[str, np.ndarray]:
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    header = {name: entry for name, entry in json.loads(data[8:start]).items() if name != "__metadata__"}
    spans = {name: [start + offset for offset in entry["data_offsets"]] for name, entry in header.items()}
    return {
        name: np.frombuffer(data[slice(*spans[name])], DTYPES[entry["dtype"]]).reshape(entry["shape"])
        for name, entry in header.items()
    }


manifest = json.loads((HERE / "manifest.json").read_text())
engine = next(
    engine for engine in manifest["engines"] if engine["target"] == "onnx" and engine["device"] == "cpu"
)
options = ort.SessionOptions()
for library in [] if "--portable" in sys.argv else engine["libraries"]:
    options.register_custom_ops_library(str(HERE / library))
session: Any = ort.InferenceSession(str(HERE / engine["file"]), options, providers=["CPUExecutionProvider"])
agrees = True
for name in manifest["samples"]:
    sample = read_safetensors(HERE / name)
    results = session.run(None, {item.name: sample[f"in.{item.name}"] for item in session.get_inputs()})
    for spec, result in zip(manifest["outputs"], results, strict=True):
        expected, bound = sample[f"out.{spec['name']}"], manifest["tolerances"][spec["name"]]
        error = np.abs(result.astype("f8") - expected.astype("f8"))
        close = np.isclose(result, expected, **bound, equal_nan=True)
        agrees = agrees and result.shape == expected.shape and bool(close.all())
        print(f"{name} {spec['name']} {list(result.shape)}: max error {error.max(initial=0.0):.3g}")
sys.exit(0 if agrees else 1)
