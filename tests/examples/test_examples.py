"""Every example runs to its end in a short form: little training, then every engine compiled and verified."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.py"))


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 5


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_example_ends_with_a_verified_bundle(example: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(example), "--epochs", "1", "--output", str(tmp_path / "bundle")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "engines equal to eager: onnx, torchscript, aotinductor" in done.stdout
    assert (tmp_path / "bundle" / "report.html").exists()
    assert "Warning" not in done.stderr
