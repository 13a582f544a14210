"""Runs the ONNX tests in an interpreter that has an old onnxruntime and neither torch nor geocompile installed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import geocompile

_REPOSITORY = Path(__file__).resolve().parents[2]


def main() -> int:
    """Takes the library from where ``make setup`` built it: the very same file serves every onnxruntime."""
    built = sorted((_REPOSITORY / ".venv").glob("lib/python*/site-packages/geocompile"))
    if not built:
        print("tests.onnx.oldest: no built geocompile in .venv; run `make setup` first", file=sys.stderr)
        return 2
    geocompile.__path__.extend(str(folder) for folder in built)
    return pytest.main(["-q", str(_REPOSITORY / "tests" / "onnx"), *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
