"""The README's code runs, in order, in one empty folder; blocks without a language (make, pip) do not."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).parents[2] / "README.md"
BLOCKS = re.findall(r"^```(python|bash)\n(.*?)^```", README.read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.slow
def test_every_block_runs(tmp_path: Path) -> None:
    assert len(BLOCKS) >= 5
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for number, (language, code) in enumerate(BLOCKS):
        script = tmp_path / f"block{number}"  # a file, as its reader makes one: TorchScript reads sources
        script.write_text(code)
        command = [sys.executable, str(script)] if language == "python" else ["bash", "-e", str(script)]
        done = subprocess.run(
            command, cwd=tmp_path, env={**os.environ, "PATH": path}, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{code}\n{done.stdout}\n{done.stderr}"
        assert done.stdout, f"this block shows its reader nothing:\n{code}"
