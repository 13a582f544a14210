"""The checks as the sweep runs them: by name, each with an answer in words."""

from collections.abc import Sequence

import torch

from tests.conformance.case import LayerCase
from tests.conformance.cases import all_cases
from tests.conformance.columns import COLUMNS, Check
from tests.conformance.cpp import cpp

CHECKS: dict[str, Check] = {**COLUMNS, "C++ TorchScript": cpp}
ENGINES = frozenset(
    {"TorchScript", "ONNX", "ONNX without our library", "AOTInductor", "C++ TorchScript", "PyG"}
)


TOGETHER = {"ONNX without our library": "ONNX"}  # columns that read what another one compiled


def check(name: str, columns: Sequence[str]) -> list[tuple[str, str]]:
    """Each column with an empty text where the case holds, else with the first line of why it does not."""
    case = next(case for case in all_cases() if case.name == name)
    return [(column, _answer(case, column)) for column in columns]


def _answer(case: LayerCase, column: str) -> str:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    try:
        CHECKS[column](case)
    except Exception as error:  # the sweep goes on, and the table says what happened
        return f"{type(error).__name__}: {error}".strip().split("\n", 1)[0][:300]
    return ""
