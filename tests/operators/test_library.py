"""What a library that was built from other sources is told by; and what it is not mistaken for."""

import subprocess
import sys

import pytest
from torch import Tensor

from geocompile.custom_ops.operators.library import check_schemas, needs_current_library
from geocompile.custom_ops.registry import OPERATORS, Operator

REMEDY = r"build it again with `pip install --no-build-isolation \.`"


def test_a_library_without_one_of_the_operators_is_to_be_built_again() -> None:
    """An older library defines csr_from_coo, so that no other is loaded."""
    older = """
import torch
library = torch.library.Library("geocompile", "DEF")
library.define("csr_from_coo(Tensor index, Tensor like, Tensor? other=None) -> (Tensor, Tensor, Tensor)")
from geocompile.custom_ops import knn
"""
    done = subprocess.run([sys.executable, "-c", older], capture_output=True, text=True)
    assert done.returncode == 1
    assert "ImportError: geocompile: the operator library" in done.stderr.splitlines()[-1]
    assert "build it again with `pip install --no-build-isolation .`" in done.stderr.splitlines()[-1]


def test_an_operator_with_other_arguments_is_named() -> None:
    def other_knn(x: Tensor, y: Tensor, k: int) -> Tensor:
        raise NotImplementedError

    check_schemas(OPERATORS.values())
    with pytest.raises(
        ImportError, match=rf"libgeocompile_torch.so.* operator knn takes .*'k'\]\. .*{REMEDY}"
    ):
        check_schemas([Operator("knn", other_knn, False, ())])


def test_other_errors_of_an_import_stay_what_they_are() -> None:
    for error in (RuntimeError("no kernel"), AttributeError("'Tensor' object has no attribute 'knn'")):
        with pytest.raises(type(error), match=str(error)), needs_current_library():
            raise error
