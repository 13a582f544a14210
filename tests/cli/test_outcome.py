"""Which exit code and which message an exception becomes."""

import json

import pytest
import typer
from rich.console import Console

from geocompile.cli.outcome import InputError, Outcome, explain, reported
from geocompile.errors import BundleError, CaptureError, ExportError, MissingRuntimeError, VerificationError


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (KeyboardInterrupt(), 130),
        (MissingRuntimeError("no onnxruntime"), 3),
        (ModuleNotFoundError("No module named 'torch'", name="torch"), 3),
        (ModuleNotFoundError("No module named 'onnx.helper'", name="onnx.helper"), 3),
        (BundleError("damaged"), 2),
        (InputError("no such file"), 2),
        (FileNotFoundError(2, "No such file or directory", "x.npz"), 2),
        (ValueError("geocompile.compile: unknown target"), 2),
        (CaptureError("cannot be captured"), 1),
        (ExportError("cannot be exported"), 1),
        (VerificationError("not equal"), 1),
        (RuntimeError("something else"), 1),
        (ModuleNotFoundError("No module named 'left_pad'", name="left_pad"), 1),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else str(value),
)
def test_exit_code_of_every_kind_of_error(error: BaseException, code: int) -> None:
    found, message = explain(error)
    assert found == code
    assert 1 <= len(message.splitlines()) <= 2


def test_a_missing_package_names_the_extra() -> None:
    _, message = explain(ModuleNotFoundError("No module named 'torch_geometric'", name="torch_geometric"))
    assert "pip install 'geocompile[pyg]'" in message


def test_an_unexpected_error_is_cut_to_its_first_line_and_points_to_debug() -> None:
    _, message = explain(RuntimeError("first\nsecond\nthird"))
    assert "first" in message
    assert "second" not in message
    assert "--debug" in message


def test_what_a_library_prints_does_not_end_up_in_the_json(capsys: pytest.CaptureFixture[str]) -> None:
    @reported
    def noisy(as_json: bool, debug: bool) -> Outcome:
        print("a library prints this")
        return Outcome({"ok": True}, lambda console: None)

    with pytest.raises(typer.Exit) as stop:
        noisy(as_json=True, debug=False)
    captured = capsys.readouterr()
    assert stop.value.exit_code == 0
    assert json.loads(captured.out) == {"ok": True}
    assert "a library prints this" in captured.err


def test_without_json_the_outcome_is_drawn_and_its_exit_code_kept(capsys: pytest.CaptureFixture[str]) -> None:
    def draw(console: Console) -> None:
        console.print("a table")

    @reported
    def failing(as_json: bool, debug: bool) -> Outcome:
        return Outcome({}, draw, exit_code=1)

    with pytest.raises(typer.Exit) as stop:
        failing(as_json=False, debug=False)
    assert stop.value.exit_code == 1
    assert "a table" in capsys.readouterr().out
