"""torch.onnx.export with our translation table gives models of our op types that compute the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip(
    "torch", reason="translation starts from torch; the oldest onnxruntime is tested without"
)
ir = pytest.importorskip("onnx_ir")

import geocompile.custom_ops.operators  # noqa: E402, F401  (defines torch.ops.geocompile)
from geocompile.custom_ops import onnx as operators  # noqa: E402
from tests.onnx.models import call_of, session  # noqa: E402
from tests.operators.cases import HALVES, Case, cases  # noqa: E402


def _one_of_each() -> dict[str, Case]:
    """For each op type an ordinary call where there is one, else one without empty inputs, else any."""
    plain = [case for case in cases() if case.value_dtype not in HALVES]
    full = [c for c in plain if all(a.size for a in c.arguments.values() if isinstance(a, np.ndarray))]
    ordinary = [case for case in full if "random" in case.name or "sorted" in case.name]
    return {call_of(case).op_type: case for case in (*plain, *reversed(full), *ordinary)}


ONE_OF_EACH = _one_of_each()


class OneOperator(torch.nn.Module):
    """A model that is one operator call: arrays are inputs, all else is fixed."""

    def __init__(self, case: Case) -> None:
        super().__init__()
        self.operator = getattr(torch.ops.geocompile, case.operator)
        self.names = [k for k, v in case.arguments.items() if isinstance(v, np.ndarray)]
        self.fixed = {k: v for k, v in case.arguments.items() if not isinstance(v, np.ndarray)}

    def forward(self, *tensors: torch.Tensor) -> object:
        return self.operator(**dict(zip(self.names, tensors, strict=True)), **self.fixed)


def _exported(case: Case, *tensors: torch.Tensor) -> Any:
    """The call as an ONNX program."""
    return torch.onnx.export(
        OneOperator(case).eval(),
        tensors,
        dynamo=True,
        verbose=False,
        opset_version=operators.OPSET,
        custom_translation_table=operators.translation_table(),
    )


def _tensors_of(case: Case) -> tuple[torch.Tensor, ...]:
    return tuple(torch.from_numpy(a) for a in case.arguments.values() if isinstance(a, np.ndarray))


def test_a_fill_value_that_onnx_cannot_hold_is_refused_in_float64_only() -> None:
    arguments = dict(ONE_OF_EACH["GcnNorm"].arguments)

    def export(dtype: type) -> None:
        like = np.zeros(arguments["like"].shape, dtype)
        case = Case("gcn_norm", "fill", {**arguments, "fill_value": 0.3, "like": like})
        _exported(case, *_tensors_of(case))

    with pytest.raises(torch.onnx.OnnxExporterError) as error:
        export(np.float64)
    assert "geocompile.gcn_norm: fill_value 0.3 is not a float32" in _messages(error.value)
    export(np.float32)


DOTS = ["DotCoefficients", "DotCoefficientsEdge", "DotAttention", "DotAttentionEdge"]


@pytest.mark.parametrize("op_type", DOTS)
def test_a_scale_that_an_attribute_cannot_hold_is_kept_in_float64(op_type: str) -> None:
    ordinary = ONE_OF_EACH[op_type]
    case = Case(ordinary.operator, "scaled", {**ordinary.arguments, "scale": 3**-0.5})
    case = case.with_values(np.dtype(np.float64))
    program = _exported(case, *_tensors_of(case))
    assert_equals_eager(program, case, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("op_type", ["ScatterSum", "ScatterMaxArg"])
def test_integers_to_scatter_are_refused_in_onnx(op_type: str) -> None:
    case = ONE_OF_EACH[op_type]
    tensors = (torch.ones(40, 5, dtype=torch.long), torch.zeros(40, dtype=torch.long), torch.empty(9, 2))
    with pytest.raises(torch.onnx.OnnxExporterError) as error:
        _exported(case, *tensors)
    assert f"geocompile.{case.operator}: in ONNX 'src' must be a float tensor" in _messages(error.value)


def _messages(error: BaseException | None) -> str:
    """Of an exception and its causes."""
    return "" if error is None else f"{error}\n{_messages(error.__cause__)}"


def _each_op_type() -> list[Any]:
    """Every op type; exporting takes a second, so variants that differ in the reduction only are left to test-full."""
    alike = [t for t in operators.OP_TYPES if ("Segment" in t or "Scatter" in t) and "Sum" not in t]
    return [pytest.param(t, marks=[pytest.mark.slow] if t in alike else []) for t in operators.OP_TYPES]


@pytest.mark.parametrize("op_type", _each_op_type())
def test_torch_operator_is_exported_as_its_op_type(op_type: str) -> None:
    case = ONE_OF_EACH[op_type]
    program = _exported(case, *_tensors_of(case))
    assert program is not None
    ours = [node.op_type for node in program.model.graph if node.domain == operators.DOMAIN]
    assert ours == [op_type]
    assert_equals_eager(program, case, rtol=1e-5, atol=1e-6)


def assert_equals_eager(program: Any, case: Case, rtol: float, atol: float) -> None:
    """With our library and without it."""
    (op_type,) = {node.op_type for node in program.model.graph if node.domain == operators.DOMAIN}
    function = operators.function_for(op_type)
    program.model.functions[function.identifier()] = function
    model, tensors = ir.serde.serialize_model(program.model), _tensors_of(case)
    eager = OneOperator(case)(*tensors)
    expected = [t.numpy() for t in (eager if isinstance(eager, tuple) else (eager,))]
    feeds = {value.name: t.numpy() for value, t in zip(program.model.graph.inputs, tensors, strict=True)}
    for library in (True, False):
        outputs = session(model, library).run(None, feeds)
        for got, want in zip(outputs, expected, strict=True):
            np.testing.assert_allclose(got, want, rtol=rtol, atol=atol)
