"""The checks as the sweep runs them: by name, each with an answer in words."""

import torch

from tests.conformance.cases import all_cases
from tests.conformance.columns import COLUMNS, Check
from tests.conformance.cpp import cpp

CHECKS: dict[str, Check] = {**COLUMNS, "C++ TorchScript": cpp}
ENGINES = frozenset(
    {"TorchScript", "ONNX", "ONNX without our library", "AOTInductor", "C++ TorchScript", "PyG"}
)


def check(name: str, column: str) -> str:
    """Empty where the case holds, else the first line of why it does not."""
    case = next(case for case in all_cases() if case.name == name)
    torch.manual_seed(0)
    torch.set_num_threads(1)
    try:
        CHECKS[column](case)
    except Exception as error:  # the sweep goes on, and the table says what happened
        return f"{type(error).__name__}: {error}".strip().split("\n", 1)[0][:300]
    return ""
