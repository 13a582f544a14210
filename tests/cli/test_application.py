"""The application as a whole: help, version, exit codes, JSON, and what is imported."""

import subprocess
import sys
from pathlib import Path

import pytest

import geocompile
from tests.cli.conftest import Command

COMMANDS = ("compile", "verify", "run", "bench", "inspect", "doctor", "demo")


def test_help_lists_every_command_and_the_exit_codes(command: Command) -> None:
    result = command("--help")
    assert result.code == 0
    for name in (*COMMANDS, "130 interrupted"):
        assert name in result.out


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_every_command_has_an_example(command: Command, name: str) -> None:
    result = command(name, "--help")
    assert result.code == 0
    assert f"geocompile {name}" in result.out
    assert "--json" in result.out


def test_version_is_the_package_version(command: Command) -> None:
    assert command("--version").out.strip() == f"geocompile {geocompile.__version__}"


def test_unknown_command_and_option_are_usage_errors(command: Command) -> None:
    assert command("compil").code == 2
    assert command("inspect", "somewhere", "--colour").code == 2


@pytest.mark.parametrize(
    ("arguments", "forbidden"),
    [
        (["--help"], ("torch", "onnx", "onnxruntime", "numpy", "sklearn")),
        (["compile", "--help"], ("torch", "onnx", "onnxruntime", "sklearn")),
        (["demo", "--help"], ("torch", "onnx", "onnxruntime", "sklearn")),
        (["inspect", "bundle"], ("torch", "onnxruntime", "sklearn")),
        (["doctor"], ("torch", "onnx", "onnxruntime", "sklearn")),
        (["run", "bundle", "--input", "x.npz", "--output", "y.npz"], ("torch", "onnx", "sklearn")),
        (["bench", "bundle", "--seconds", "0.1"], ("torch", "onnx", "sklearn")),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_no_command_imports_a_runtime_that_it_does_not_use(
    bundle: Path, arguments: list[str], forbidden: tuple[str, ...]
) -> None:
    import numpy as np

    np.savez(bundle.parent / "x.npz", x=np.ones((2, 3), np.float32))
    program = (
        "import sys\nfrom geocompile.cli import main\n"
        f"sys.argv = ['geocompile', *{arguments!r}]\n"
        "try:\n    main()\nexcept SystemExit as stop:\n    code = stop.code\n"
        f"print('IMPORTED', [name for name in {forbidden!r} if name in sys.modules], code, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=bundle.parent, capture_output=True, text=True, timeout=120
    )
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("IMPORTED []"), last
    assert arguments == ["doctor"] or last.endswith(" 0"), done.stderr


@pytest.mark.parametrize("name", ["inspect", "bench"])
def test_a_folder_that_is_no_bundle_is_bad_input_and_one_line(
    command: Command, tmp_path: Path, name: str
) -> None:
    result = command(name, tmp_path)
    assert result.code == 2
    assert "is not a bundle" in result.err
    assert len(result.err.strip().splitlines()) <= 2
    assert result.out == ""


def test_an_error_with_json_is_json(command: Command, tmp_path: Path) -> None:
    result = command("inspect", tmp_path / "nowhere", "--json")
    assert result.code == 2
    assert result.json["ok"] is False
    assert result.json["error"]["exit_code"] == 2
    assert "nowhere" in result.json["error"]["message"]


def test_debug_shows_the_traceback_and_the_default_does_not(command: Command, tmp_path: Path) -> None:
    assert "Traceback" in command("inspect", tmp_path, "--debug").err
    assert "Traceback" not in command("inspect", tmp_path).err


def test_a_closed_pipe_is_no_traceback(bundle: Path) -> None:
    line = f"{sys.executable} -m geocompile.cli inspect {bundle} | head -n 0"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=60)
    assert "Traceback" not in done.stderr
