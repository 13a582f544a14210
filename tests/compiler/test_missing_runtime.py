"""An engine that cannot be run here cannot be verified: said before any work, not counted as equal after it."""

import importlib.util

import pytest

from geocompile.compile_arguments import check_runtimes
from geocompile.errors import MissingRuntimeError


def test_onnx_without_onnxruntime_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingRuntimeError, match="pip install onnxruntime, or compile with verify=False"):
        check_runtimes(("torchscript", "onnx"))
    check_runtimes(("torchscript",))
