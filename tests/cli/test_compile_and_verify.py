"""`geocompile compile` and `verify` for real: a small model through the ONNX and TorchScript engines."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import Command, Result

MODULE = """
import pathlib, sys, time
import torch
from torch import nn
from geocompile.layers import GraphConv

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = GraphConv(4, 3)

    def forward(self, x, edge_index):
        return self.conv(x, edge_index).relu()

def make():
    torch.manual_seed(0)
    return Net()

def other_weights():
    torch.manual_seed(1)
    return Net()

def graphs():
    generator = torch.Generator().manual_seed(0)
    return [
        (torch.randn(n, 4, generator=generator), torch.randint(n, (2, 3 * n), generator=generator))
        for n in (5, 9)
    ]

class Slow(Net):
    def forward(self, x, edge_index):
        pathlib.Path("running").touch()
        time.sleep(60)
        return super().forward(x, edge_index)

class Branching(Net):
    def forward(self, x, edge_index):
        if x.sum() > 0:
            return x
        return -x
"""


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """The folder of the subprocesses, with the user's module in it."""
    (tmp_path / "user_models.py").write_text(MODULE)
    return tmp_path


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """A folder with a compiled bundle `net`, and what compile printed."""
    folder = tmp_path_factory.mktemp("compiled")
    (folder / "user_models.py").write_text(MODULE)
    arguments = [
        "compile",
        "user_models:make",
        "--example",
        "user_models:graphs",
        "--output",
        "net",
        "--json",
    ]
    line = [sys.executable, "-m", "geocompile.cli", *arguments, "--target", "onnx", "--target", "torchscript"]
    done = subprocess.run(line, cwd=folder, capture_output=True, text=True, timeout=120)
    return folder, Result(done.returncode, done.stdout, done.stderr)


def test_compile_writes_a_verified_bundle(compiled: tuple[Path, Result]) -> None:
    folder, result = compiled
    assert result.code == 0, result.err
    assert result.json["verified"] is True
    assert [engine["target"] for engine in result.json["engines"]] == ["onnx", "torchscript"]
    assert result.json["inputs"][0]["shape"] == ["num_nodes", 4]
    assert (folder / "net" / "manifest.json").is_file()
    assert not list(folder.glob(".*partial"))


def test_progress_of_compile_is_on_stderr(compiled: tuple[Path, Result]) -> None:
    assert "Loading the model" in compiled[1].err


def test_what_was_compiled_runs_and_equals_the_samples(
    compiled: tuple[Path, Result], command: Command, tmp_path: Path
) -> None:
    from geocompile.bundle import load

    folder, _ = compiled
    inputs, outputs = load(folder / "net").samples()[0]
    np.savez(tmp_path / "in.npz", **inputs)
    for target in ("onnx", "torchscript"):
        arguments = ("--input", tmp_path / "in.npz", "--output", tmp_path / "out.npz", "--target", target)
        assert command("run", folder / "net", *arguments).code == 0
        (name,) = outputs
        np.testing.assert_allclose(np.load(tmp_path / "out.npz")[name], outputs[name], atol=1e-5)


def test_verify_passes_for_the_model_and_fails_for_another(
    compiled: tuple[Path, Result], command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = compiled
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "user_models", raising=False)
    good = command("verify", "net", "--model", "user_models:make", "--target", "onnx")
    assert good.code == 0, good.err
    assert "onnx (portable)" in good.out
    shown = command("verify", "net", "--model", "user_models:other_weights", "--target", "onnx")
    assert shown.code == 1
    assert shown.out.count("would have passed") <= 3
    assert "more failures; --json has all of them" in shown.out
    bad = command("verify", "net", "--model", "user_models:other_weights", "--target", "onnx", "--json")
    assert bad.code == 1
    assert bad.json["ok"] is False


def test_inspect_counts_our_operators(compiled: tuple[Path, Result], command: Command) -> None:
    engines = command("inspect", compiled[0] / "net", "--json").json["engines"]
    assert engines[0]["operators"]["geocompile::GatherSegmentSum"] == 1
    assert engines[1]["operators"]["geocompile::gather_segment_reduce"] == 1


@pytest.mark.parametrize(
    ("arguments", "code", "problem"),
    [
        (["user_models:make"], 2, "--example is needed"),
        (["user_models:nothing", "--example", "user_models:graphs"], 2, "has no 'nothing'"),
        (["user_models:make", "--example", "none.npz"], 2, "none.npz"),
        (["user_models:make", "--example", "user_models:graphs", "--target", "tensorflow"], 2, "tensorflow"),
        (["user_models:make", "--example", "user_models:graphs", "--no-pass", "nothing"], 2, "unknown pass"),
        (["user_models:Branching", "--example", "user_models:graphs"], 1, "user_models.py"),
    ],
    ids=["no example", "no such model", "no such file", "target", "pass", "branch on values"],
)
def test_compile_refuses_in_a_line_or_two_and_leaves_nothing(
    process: Command, here: Path, arguments: list[str], code: int, problem: str
) -> None:
    before = sorted(path.name for path in here.iterdir())
    result = process("compile", *arguments, "--output", "out")
    assert result.code == code, result.err
    assert problem in result.err
    assert "Traceback" not in result.err
    after = sorted(path.name for path in here.iterdir() if path.name != "__pycache__")
    assert after == before


def test_compile_does_not_replace_a_folder_that_is_no_bundle(process: Command, here: Path) -> None:
    (here / "precious").mkdir()
    (here / "precious" / "thesis.tex").write_text("forty pages")
    result = process("compile", "user_models:make", "--example", "user_models:graphs", "--output", "precious")
    assert result.code == 2
    assert "not a bundle" in result.err
    assert (here / "precious" / "thesis.tex").read_text() == "forty pages"


def test_interrupt_leaves_nothing_half_written(here: Path) -> None:
    arguments = [
        "compile",
        "user_models:Slow",
        "--example",
        "user_models:graphs",
        "--output",
        "net",
        "--json",
    ]
    line = [sys.executable, "-m", "geocompile.cli", *arguments]
    # A shell that runs tests in the background ignores SIGINT, and children inherit that: ask for the default.
    program = subprocess.Popen(
        line,
        cwd=here,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    deadline = time.monotonic() + 60
    while not (here / "running").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert list(here.glob(".net.*.partial")), "the bundle is being written when the interrupt comes"
    program.send_signal(signal.SIGINT)
    out, err = program.communicate(timeout=30)
    result = Result(program.returncode, out, err)
    assert result.code == 130, err
    assert result.json["error"]["exit_code"] == 130
    assert "interrupted" in err
    assert "Traceback" not in err
    assert sorted(path.name for path in here.iterdir()) == ["running", "user_models.py"]
