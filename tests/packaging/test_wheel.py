"""What a wheel holds, pinned: built in a copy of the tree, so that nothing of this checkout's build leaks in."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    copy = tmp_path_factory.mktemp("wheel")
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True
    )
    names = listed.stdout.splitlines()
    subprocess.run(["tar", "cf", str(copy / "t.tar"), *names], cwd=ROOT, check=True)
    subprocess.run(["tar", "xf", "t.tar"], cwd=copy, check=True)
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-build-isolation",
        "--no-deps",
        "-q",
        "-w",
        "dist",
        ".",
    ]
    subprocess.run(command, cwd=copy, check=True)
    (built,) = (copy / "dist").glob("*.whl")
    assert built.name.startswith("geocompile-0.1.0-py3-none-linux")
    return zipfile.ZipFile(built).namelist()


@pytest.mark.slow
def test_wheel_holds_the_whole_package(wheel: list[str]) -> None:
    for folder in ("layers", "exporters", "custom_ops", "geocompile"):
        prefix = "geocompile/" if folder == "geocompile" else f"geocompile/{folder}/"
        for path in (ROOT / folder).rglob("*.py"):
            inside = path.relative_to(ROOT / folder)
            if not (ROOT / folder / inside.parts[0]).is_symlink():
                assert f"{prefix}{inside}" in wheel


@pytest.mark.slow
def test_wheel_holds_both_libraries_and_what_bundles_are_made_of(wheel: list[str]) -> None:
    assert "geocompile/lib/libgeocompile_torch.so" in wheel
    assert "geocompile/lib/libgeocompile_ort.so" in wheel
    templates = {
        p.name for p in (ROOT / "geocompile/templates").rglob("*") if p.is_file() and "pycache" not in str(p)
    }
    assert templates <= {Path(name).name for name in wheel}
    sections = (ROOT / "geocompile/report/templates").glob("*.j2")
    assert {f"geocompile/report/templates/{path.name}" for path in sections} <= set(wheel)


@pytest.mark.slow
def test_wheel_holds_nothing_else(wheel: list[str]) -> None:
    native = (".h", ".cpp", ".cu", ".cuh", ".cmake", ".txt", ".so")
    allowed = (*native, ".py", ".j2", ".html", ".css", ".js", ".typed")
    strange = [n for n in wheel if n.startswith("geocompile/") and not n.endswith(allowed)]
    assert strange == []
    assert {n.split("/")[0] for n in wheel} == {"geocompile", "geocompile-0.1.0.dist-info"}
