"""Bundles made by hand from standard parts, so that these tests depend on no exporter: the oracle is numpy.

The model is out = relu(x W + b) for each node, and total = the sum of out over the edges' sources.
"""

from __future__ import annotations

import functools
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from geocompile.bundle import Bundle, BundleWriter
from geocompile.exporters import EngineFiles, TensorSpec

WEIGHT = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)
BIAS = np.array([0.5, -0.5, 0.1], np.float32)
FIELDS: dict[str, Any] = {
    "model": "Handmade",
    "inputs": (
        TensorSpec("x", "float32", ("num_nodes", 4)),
        TensorSpec("edge_index", "int64", (2, "num_edges"), index_of="num_nodes"),
    ),
    "outputs": (TensorSpec("out", "float32", ("num_nodes", 3)), TensorSpec("total", "float32", (3,))),
    "output_structure": {
        "kind": "tuple",
        "items": [
            {"kind": "tensor", "index": 0},
            {"kind": "dict", "items": {"total": {"kind": "tensor", "index": 1}, "nothing": {"kind": "none"}}},
        ],
    },
}


def expected(x: np.ndarray, edge_index: np.ndarray) -> dict[str, np.ndarray]:
    """What the model computes, in numpy."""
    out = np.maximum(x @ WEIGHT + BIAS, 0)
    return {"out": out, "total": out[edge_index[0]].sum(0)}


def graph(num_nodes: int = 6, num_edges: int = 9, seed: int = 0) -> dict[str, np.ndarray]:
    """Random inputs by name."""
    random = np.random.default_rng(seed)
    return {
        "x": random.standard_normal((num_nodes, 4)).astype(np.float32),
        "edge_index": random.integers(0, max(num_nodes, 1), (2, num_edges)),
    }


def write_bundle(output: Path, *targets: str) -> Bundle:
    """A bundle with the given engines and two samples, one of them without edges."""
    with BundleWriter(output) as writer:
        for target in targets:
            writer.add_engine(_engine(target, writer.folder))
        for inputs in (graph(), graph(num_nodes=1, num_edges=0)):
            writer.add_sample(inputs, expected(**inputs))
        return writer.finish(**FIELDS)


def write_identity_bundle(output: Path, dtype: str, shape: tuple[int | str, ...] = ("length",)) -> Bundle:
    """A model that returns its only input, in ONNX and TorchScript, with a sample of 0, 1, 2 (or 2 alone)."""
    import onnx
    import torch
    from onnx import helper

    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    model_graph = helper.make_graph(
        [helper.make_node("Identity", ["value"], ["out"])],
        "identity",
        [helper.make_tensor_value_info("value", kind, shape)],
        [helper.make_tensor_value_info("out", kind, shape)],
    )
    value = np.array([0, 1, 2] if shape else 2).astype(dtype)
    inputs, outputs = (TensorSpec("value", dtype, shape),), (TensorSpec("out", dtype, shape),)
    fields = {"inputs": inputs, "outputs": outputs, "output_structure": {"kind": "tensor", "index": 0}}
    with BundleWriter(output) as writer:
        model = helper.make_model(model_graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
        onnx.save(model, writer.folder / "model.onnx")
        torch.jit.script(torch.nn.Identity().eval()).save(str(writer.folder / "model.ts"))
        writer.add_engine(EngineFiles(target="onnx", file="model.onnx"))
        writer.add_engine(EngineFiles(target="torchscript", file="model.ts"))
        writer.add_sample({"value": value}, {"out": value})
        return writer.finish(**FIELDS | fields)


def write_onnx(path: Path) -> None:
    """The model in standard ONNX operators."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    nodes = [
        helper.make_node("MatMul", ["x", "weight"], ["xw"]),
        helper.make_node("Add", ["xw", "bias"], ["pre"]),
        helper.make_node("Relu", ["pre"], ["out"]),
        helper.make_node("Gather", ["edge_index", "zero"], ["source"], axis=0),
        helper.make_node("Gather", ["out", "source"], ["messages"], axis=0),
        helper.make_node("ReduceSum", ["messages", "axes"], ["total"], keepdims=0),
    ]
    constants = {"weight": WEIGHT, "bias": BIAS, "zero": np.array(0), "axes": np.array([0])}
    model_graph = helper.make_graph(
        nodes,
        "handmade",
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, ["num_nodes", 4]),
            helper.make_tensor_value_info("edge_index", TensorProto.INT64, [2, "num_edges"]),
        ],
        [
            helper.make_tensor_value_info("out", TensorProto.FLOAT, ["num_nodes", 3]),
            helper.make_tensor_value_info("total", TensorProto.FLOAT, [3]),
        ],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(model_graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def write_torchscript(path: Path) -> None:
    """The model as a scripted module."""
    import torch

    torch.jit.script(_module()).save(str(path))


def write_aotinductor(path: Path) -> None:
    """The model as an AOTInductor package; compiled once per test run."""
    shutil.copyfile(_compiled_package(), path)


_SCRATCH = tempfile.TemporaryDirectory(prefix="geocompile-handmade-")  # removed when the tests end


@functools.cache
def _compiled_package() -> Path:
    import torch

    inputs = graph()
    arguments = (torch.from_numpy(inputs["x"]), torch.from_numpy(inputs["edge_index"]))
    shapes = {"x": {0: torch.export.Dim("num_nodes")}, "edge_index": {1: torch.export.Dim("num_edges")}}
    exported = torch.export.export(_module(), arguments, dynamic_shapes=shapes)
    package = str(Path(_SCRATCH.name) / "model.pt2")
    return Path(torch._inductor.aoti_compile_and_package(exported, package_path=package))


def _module() -> Any:
    import torch

    class Handmade(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.from_numpy(WEIGHT))
            self.bias = torch.nn.Parameter(torch.from_numpy(BIAS))

        def forward(self, x: torch.Tensor, edge_index: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            out = torch.relu(x @ self.weight + self.bias)
            return out, out.index_select(0, edge_index[0]).sum(0)

    return Handmade().eval()


_WRITERS = {
    "onnx": ("model.onnx", write_onnx),
    "torchscript": ("model.ts", write_torchscript),
    "aotinductor": ("model.pt2", write_aotinductor),
}


def _engine(target: str, folder: Path) -> EngineFiles:
    file, write = _WRITERS[target]
    write(folder / file)
    return EngineFiles(target=target, file=file)
