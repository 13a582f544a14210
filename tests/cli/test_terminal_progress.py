"""What progress leaves behind on stderr."""

import pytest

from geocompile.cli import terminal_progress
from geocompile.cli.terminal_progress import TerminalProgress


def test_a_log_shows_when_an_outer_step_begins_and_ends(capsys: pytest.CaptureFixture[str]) -> None:
    progress = TerminalProgress()
    with progress.step("training"), progress.step("epoch 1 of [60]"):
        pass
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines()[0].strip() == "training ..."
    assert captured.err.splitlines()[1].startswith("✓ training")
    assert "epoch" not in captured.err


def test_long_inner_steps_leave_a_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terminal_progress, "SHORT_STEP", 0.0)
    progress = TerminalProgress()
    with progress.step("compiling"), progress.step("exporting [onnx]"):
        pass
    assert "✓   exporting [onnx]" in capsys.readouterr().err


def test_a_failed_step_is_marked_and_the_error_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    progress = TerminalProgress()
    with pytest.raises(RuntimeError, match="no"), progress.step("outer"), progress.step("inner"):
        raise RuntimeError("no")
    assert capsys.readouterr().err.splitlines()[-1].startswith("✗ outer")


def test_a_terminal_gets_a_spinner_and_is_left_clean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    progress = TerminalProgress()
    with progress.step("outer"):
        assert progress._live is not None
        with progress.step("inner"):
            assert len(progress._live.tasks) == 2
        assert len(progress._live.tasks) == 1
    assert progress._live is None
