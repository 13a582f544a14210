"""The table of op types in the C++ binding and the one of the Python schemas say the same."""

from __future__ import annotations

import subprocess
from pathlib import Path

from geocompile.custom_ops.onnx import OPERATORS, OnnxOperator
from tests.onnx.test_abi import BINDING, compile_program, needs_compiler

RUNTIME_ONLY = {"register.cpp", "shape_inference.cpp"}  # what a table of op types does not need


def signature_of(operator: OnnxOperator) -> str:
    attributes = [
        f" {name}: {'float' if isinstance(value, float) else 'int'} = {value:g}"
        for name, value in operator.attributes.items()
    ]
    return f"{operator.op_type}({operator.inputs}) -> ({operator.outputs}){''.join(attributes)}"


@needs_compiler
def test_binding_and_schemas_have_the_same_signatures(tmp_path: Path) -> None:
    tables = (str(source) for source in BINDING.glob("*.cpp") if source.name not in RUNTIME_ONLY)
    linked = compile_program("signatures.cpp", tmp_path / "signatures.o", "-r", *tables)
    # The tables refer to kernels, which take minutes to compile; nothing calls them: a weak name may stay without one.
    subprocess.run(["objcopy", "--weaken", str(linked)], check=True)
    program = tmp_path / "signatures"
    subprocess.run(["g++", "-Wl,--no-as-needed", str(linked), "-o", str(program)], check=True)
    printed = subprocess.run([str(program)], check=True, capture_output=True, text=True).stdout.splitlines()
    assert sorted(printed) == sorted(signature_of(operator) for operator in OPERATORS.values())
