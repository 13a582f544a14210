"""A bundle written by hand, so that these tests stand without capture and exporters, and a way to call the commands."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from typer.testing import CliRunner

from geocompile.bundle import BundleWriter
from geocompile.cli.app import app
from geocompile.exporters import EngineFiles
from geocompile.exporters.program import TensorSpec

WEIGHT = np.array([[1.0, -1.0], [2.0, 0.0], [0.5, 3.0]], dtype=np.float32)


@dataclass(frozen=True)
class Result:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its stdout, which must be JSON and nothing else."""
        return json.loads(self.out)


Command = Callable[..., Result]


@pytest.fixture
def command() -> Command:
    """Calls a command in this process."""

    def call(*args: object) -> Result:
        result = CliRunner(env={"COLUMNS": "100"}).invoke(app, [str(arg) for arg in args])
        return Result(result.exit_code, result.stdout, result.stderr)

    return call


@pytest.fixture
def process(tmp_path: Path) -> Command:
    """Calls a command in a process of its own, in `tmp_path`."""

    def call(*args: object) -> Result:
        line = [sys.executable, "-m", "geocompile.cli", *map(str, args)]
        environment = os.environ | {"COLUMNS": "100", "NO_COLOR": "1"}
        done = subprocess.run(
            line, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120
        )
        return Result(done.returncode, done.stdout, done.stderr)

    return call


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A bundle whose ONNX engine computes relu(x @ WEIGHT) in standard operators."""
    spec_x = TensorSpec("x", "float32", ("num_nodes", 3))
    spec_out = TensorSpec("scores", "float32", ("num_nodes", 2))
    with BundleWriter(tmp_path / "bundle") as writer:
        onnx.save(_model(), writer.folder / "model.onnx")
        writer.add_engine(EngineFiles("onnx", "model.onnx"))
        for num_nodes in (4, 50):
            x = np.random.default_rng(num_nodes).standard_normal((num_nodes, 3)).astype(np.float32)
            writer.add_sample({"x": x}, {"scores": np.maximum(x @ WEIGHT, 0)})
        writer.finish(
            model="Dense",
            inputs=[spec_x],
            outputs=[spec_out],
            output_structure={"kind": "tensor", "index": 0},
            passes=[{"name": "merge_equal_nodes", "changed": 2, "details": []}],
        )
    return tmp_path / "bundle"


def _model() -> onnx.ModelProto:
    nodes = [helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("Relu", ["h"], ["scores"])]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["num_nodes", 3])]
    outputs = [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["num_nodes", 2])]
    graph = helper.make_graph(nodes, "dense", inputs, outputs, [numpy_helper.from_array(WEIGHT, "w")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
