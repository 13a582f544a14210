"""Importing the package, or loading a bundle's reader, brings in no runtime."""

import subprocess
import sys

import pytest

HEAVY = (
    "torch",
    "onnx",
    "onnxruntime",
    "onnxscript",
    "onnx_ir",
    "torch_geometric",
    "sklearn",
    "scipy",
    "jinja2",
)


@pytest.mark.parametrize(
    "module",
    [
        "geocompile",
        "geocompile.bundle",
        "geocompile.custom_ops",
        "geocompile.custom_ops.libraries",
        "geocompile.cli",
        "geocompile.cli.app",
        "geocompile.report",
    ],
)
def test_import_loads_no_runtime(module: str) -> None:
    program = f"import {module}, sys; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_operators_refuse_to_be_imported_twice() -> None:
    program = "import sys; sys.path.insert(0, '.'); import custom_ops"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "import geocompile.custom_ops, not custom_ops" in done.stderr


def test_unknown_name_is_an_attribute_error() -> None:
    import geocompile

    with pytest.raises(AttributeError, match="no attribute 'compil'"):
        geocompile.compil  # noqa: B018  (the access is the test)
