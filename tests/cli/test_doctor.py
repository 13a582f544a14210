"""`geocompile doctor`: what it finds here, and what it says where things are missing or broken."""

import sys
from pathlib import Path

import pytest

from geocompile.cli import probes
from geocompile.cli.doctor import judge
from geocompile.cli.probes import Check
from tests.cli.conftest import Command


def test_this_machine_is_ready(command: Command) -> None:
    result = command("doctor", "--json")
    found = {check["name"]: check["status"] for check in result.json["checks"]}
    assert result.code == 0, result.out
    for name in ("onnxruntime operators", "torch operators", "C++ compiler"):
        assert found[name] == "ok"


def test_the_table_names_every_check(command: Command) -> None:
    result = command("doctor")
    for text in ("platform", "onnxruntime", "torch", "C++ compiler", "Ready"):
        assert text in result.out


@pytest.mark.parametrize(
    ("statuses", "code"),
    [
        ({"torch operators": "ok", "onnxruntime operators": "ok"}, 0),
        ({"torch operators": "missing", "onnxruntime operators": "ok"}, 0),
        ({"torch operators": "missing", "onnxruntime operators": "missing"}, 3),
        ({"torch operators": "ok", "onnxruntime operators": "broken"}, 1),
        ({"torch operators": "ok", "GPU": "missing"}, 0),
    ],
)
def test_exit_code_follows_what_is_broken_or_missing(statuses: dict[str, str], code: int) -> None:
    assert judge([Check("any", name, status, "") for name, status in statuses.items()]) == code


def test_an_absent_package_is_missing_and_names_the_extra() -> None:
    check = probes.package("runtimes", "TensorRT", "no-such-distribution-here", "gpu", (1, 0))
    assert (check.status, check.advice) == ("missing", "pip install 'geocompile[gpu]'")


def test_a_package_that_is_too_old_is_broken_and_says_what_to_install() -> None:
    check = probes.package("runtimes", "numpy", "numpy", "", (999, 0))
    assert check.status == "broken"
    assert "999.0 or later" in check.detail
    assert "numpy>=999.0" in check.advice


def test_a_library_that_does_not_open_is_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    damaged = tmp_path / "libgeocompile_ort.so"
    damaged.write_bytes(b"\x7fELF and then nothing")
    monkeypatch.setattr(probes.libraries, "ort_library", lambda: damaged)
    check = probes.onnxruntime_library()
    assert check.status == "broken"
    assert "libgeocompile_ort.so does not load" in check.detail


def test_a_library_that_kills_its_process_is_broken_and_the_doctor_lives() -> None:
    crash = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"
    check = probes._open_library("crashing", lambda: Path("x.so"), crash, "1.0", "cpu")
    assert check.status == "broken"


def test_a_library_that_does_not_answer_in_time_is_neither_ok_nor_broken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(probes, "PROBE_SECONDS", 0.1)
    check = probes._open_library("slow", lambda: Path("x.so"), "import time; time.sleep(9)", "1.0", "cpu")
    assert (check.status, check.detail) == ("unknown", "x.so: no answer within 0.1 seconds")
    assert "less busy" in check.advice
    assert judge([check]) != 0


def test_a_library_that_was_not_built_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> Path:
        raise ImportError("geocompile was built without libgeocompile_torch.so: install torch")

    monkeypatch.setattr(probes.libraries, "torch_library", missing)
    check = probes.torch_library()
    assert (check.status, check.advice) == ("broken", "install torch")


def test_a_compiler_that_fails_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "false")
    assert probes.cpp_compiler().status == "broken"
    monkeypatch.setenv("CXX", "/no/such/compiler")
    assert probes.cpp_compiler().status == "broken"


def test_no_compiler_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent / "nowhere"))
    assert probes.cpp_compiler().status == "missing"
    assert probes.gpu().status == "missing"
