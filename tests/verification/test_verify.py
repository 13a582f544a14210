"""`verify` passes what is right, refuses what is wrong, and says where."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

import geocompile
from geocompile.errors import MissingRuntimeError, VerificationError
from geocompile.exporters.program import TensorSpec
from geocompile.verification import Report, verify
from tests.verification.fakes import BATCH, EDGES, ONE, FakeBundle, SumOfNeighbours, X, eager, example

WIDE = TensorSpec("out", "float32", ("num_nodes", 3))


def only_output(report, graph):
    (check,) = [check for check in report.engines[0].graphs if check.graph == graph]
    return check.outputs[0]


def wrong_on_example(model, change):
    """An engine that is eager but for `change(output)` on the 20-node example."""
    right = eager(model)
    first = example()["x"]

    def answer(**inputs):
        out = right(**inputs)
        return change(out) if np.array_equal(inputs["x"], first) else out

    return answer


def truth_of(model):
    inputs = example()
    double = SumOfNeighbours().double()
    with torch.no_grad():
        return double(torch.tensor(inputs["x"]).double(), torch.tensor(inputs["edge_index"])).numpy()


def test_eager_as_its_own_engine_passes_on_every_kind_of_graph():
    model = SumOfNeighbours()
    report = verify(FakeBundle(eager(model)), model)
    assert report.ok
    report.raise_if_failed()
    names = [graph.name for graph in report.graphs]
    for name in (
        "no edges",
        "one node",
        "zero nodes",
        "self-loops",
        "duplicate edges",
        "all edges to one node",
    ):
        assert name in names
    assert report.reference == "float64"


def test_a_numpy_engine_with_another_order_of_summation_passes():
    model = SumOfNeighbours()
    weight, bias = model.linear.weight.detach().numpy(), model.linear.bias.detach().numpy()

    def answer(x, edge_index):
        projected = x @ weight.T  # W before the sum, edges from last to first
        out = np.zeros((len(x), 2), np.float32)
        np.add.at(out, edge_index[1, ::-1], projected[edge_index[0, ::-1]])
        return out + x[:, :2] + bias

    verify(FakeBundle(answer), model).raise_if_failed()


@pytest.mark.parametrize("factor", [0.97, 1.03])
def test_an_element_just_outside_the_bound_fails_and_one_just_inside_passes(factor):
    model = SumOfNeighbours()
    exact = truth_of(model)
    limit = _bound_of_column(model, 1)

    def change(out):
        out = out.copy()
        out[7, 1] = exact[7, 1] + factor * limit
        return out

    report = verify(FakeBundle(wrong_on_example(model, change)), model)
    assert report.ok == (factor < 1)
    worst = only_output(report, "example 0")
    assert worst.index == (7, 1)
    assert worst.error == pytest.approx(factor * limit, rel=0.02)


def _bound_of_column(model, column):
    """The bound that verify states for a column: read off a report in which that column is the worst."""

    def change(out):
        out = out.copy()
        out[7, column] += 1
        return out

    return only_output(verify(FakeBundle(wrong_on_example(model, change)), model), "example 0").bound


def test_the_message_names_engine_output_graph_element_and_the_tolerance_that_would_have_passed():
    model = SumOfNeighbours()

    def change(out):
        out = out.copy()
        out[11, 0] += 0.25
        return out

    report = verify(FakeBundle(wrong_on_example(model, change)), model)
    with pytest.raises(VerificationError) as caught:
        report.raise_if_failed()
    message = str(caught.value)
    for part in ("torchscript", "'out'", "'example 0'", "[11, 0]", "would have passed"):
        assert part in message
    tolerance = float(re.search(r"a tolerance of ([\d.e+-]+)", message).group(1))
    assert tolerance == pytest.approx(0.25, rel=1e-3)


def test_the_stated_multiple_is_the_one_that_would_have_passed():
    model = SumOfNeighbours()
    exact = truth_of(model)

    def change(out):
        out = out.copy()
        out[3, 0] = exact[3, 0] + 1e-4
        return out

    worst = only_output(verify(FakeBundle(wrong_on_example(model, change)), model), "example 0")
    assert not worst.ok
    assert worst.multiple > 4
    assert worst.error == pytest.approx(1e-4, rel=1e-2)


def test_a_huge_node_does_not_hide_an_error_in_other_graphs():
    model = SumOfNeighbours()
    huge = example(seed=5)
    huge["x"][0] *= 1e12
    right, first = eager(model), example()["x"]

    def answer(**inputs):
        out = right(**inputs)
        return out + np.float32(1e-3) if np.array_equal(inputs["x"], first) else out

    report = verify(FakeBundle(answer, examples=[example(), huge]), model)
    assert not report.ok
    assert not only_output(report, "example 0").ok
    assert only_output(report, "example 1").ok


def test_a_channel_in_large_units_does_not_hide_an_error_in_one_of_small_units():
    class Units(torch.nn.Module):
        def forward(self, x, edge_index):
            return x * torch.tensor([1e6, 1.0, 1e-6], dtype=x.dtype)

    model = Units()

    def answer(**inputs):
        out = eager(model)(**inputs)
        out[:, 2] *= 1.001
        return out

    report = verify(FakeBundle(answer, outputs=(WIDE,)), model)
    assert not report.ok
    assert only_output(report, "example 0").index[1] == 2
    verify(FakeBundle(eager(model), outputs=(WIDE,)), model).raise_if_failed()


def test_nan_and_infinity_must_be_in_place():
    class Log(torch.nn.Module):
        def forward(self, x, edge_index):
            return torch.log(torch.relu(x)) / torch.where(x < -1, 0.0, 1.0).to(x.dtype)

    model = Log()
    right = eager(model)
    assert verify(FakeBundle(right, outputs=(WIDE,)), model).ok
    for repaired in (
        lambda out: np.nan_to_num(out, nan=0.0),
        lambda out: np.where(np.isinf(out), np.nan, out),
    ):
        report = verify(
            FakeBundle(lambda repaired=repaired, **inputs: repaired(right(**inputs)), outputs=(WIDE,)), model
        )
        assert not report.ok
        assert "out of place" in only_output(report, "example 0").problem


def test_minus_infinity_is_not_infinity():
    class Infinite(torch.nn.Module):
        def forward(self, x, edge_index):
            return x / torch.zeros((), dtype=x.dtype)

    model = Infinite()
    report = verify(FakeBundle(lambda **inputs: np.abs(eager(model)(**inputs)), outputs=(WIDE,)), model)
    assert not report.ok


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda out: out.astype(np.float64), "dtype float64"),
        (lambda out: out[:, :1], "shape"),
        (lambda out: out[None], "shape"),
    ],
)
def test_dtype_and_shape_must_be_eagers(change, problem):
    model = SumOfNeighbours()
    report = verify(FakeBundle(lambda **inputs: change(eager(model)(**inputs))), model)
    assert not report.ok
    assert problem in only_output(report, "example 0").problem


class Neighbours(torch.nn.Module):
    """Two outputs: an integer one and a float one, in a dict."""

    def forward(self, x, edge_index):
        return {
            "degree": torch.zeros(len(x), dtype=torch.long).index_add(
                0, edge_index[1], edge_index[0] * 0 + 1
            ),
            "x": x * 2,
        }


NEIGHBOURS = {
    "outputs": (TensorSpec("degree", "int64", ("num_nodes",)), TensorSpec("x", "float32", ("num_nodes", 3))),
    "structure": {
        "kind": "dict",
        "items": {"degree": {"kind": "tensor", "index": 0}, "x": {"kind": "tensor", "index": 1}},
    },
}


def neighbours(**inputs):
    with torch.no_grad():
        out = Neighbours()(**{name: torch.tensor(array) for name, array in inputs.items()})
    return {name: tensor.numpy() for name, tensor in out.items()}


def test_integers_must_be_exact():
    assert verify(FakeBundle(neighbours, **NEIGHBOURS), Neighbours()).ok

    def answer(**inputs):
        out = neighbours(**inputs)
        out["degree"][-1:] += 1
        return out

    report = verify(FakeBundle(answer, **NEIGHBOURS), Neighbours())
    assert not report.ok
    check = only_output(report, "example 0")
    assert (check.output, check.index) == ("degree", (19,))
    assert "expected exactly" in check.problem


def test_another_structure_is_a_failure_and_not_a_crash():
    report = verify(
        FakeBundle(lambda **inputs: tuple(neighbours(**inputs).values()), **NEIGHBOURS), Neighbours()
    )
    assert not report.ok
    assert "expected a dict" in report.engines[0].graphs[0].problem


def test_an_engine_that_raises_is_recorded_with_its_text_for_that_graph_only():
    model = SumOfNeighbours()

    def answer(**inputs):
        if inputs["edge_index"].shape[1] == 0:
            raise RuntimeError("Reshape: cannot reshape a tensor of size 0\nstack trace line 1")
        return eager(model)(**inputs)

    report = verify(FakeBundle(answer), model)
    failed = {check.graph: check.problem for check in report.engines[0].graphs if not check.ok}
    assert set(failed) == {"no edges", "one node", "zero nodes"}
    assert failed["no edges"] == "RuntimeError: Reshape: cannot reshape a tensor of size 0"
    with pytest.raises(VerificationError, match=r"torchscript fails on graph .*cannot reshape"):
        report.raise_if_failed()


def test_an_engine_that_cannot_be_opened_fails_and_a_missing_runtime_is_skipped():
    model = SumOfNeighbours()
    bundle = FakeBundle(eager(model))

    def session(*args, **kwargs):
        raise raised

    bundle.session = session
    raised = RuntimeError("no such symbol")
    assert "no such symbol" in verify(bundle, model).engines[0].problem
    raised = MissingRuntimeError("needs onnxruntime")
    report = verify(bundle, model)
    assert report.engines[0].skipped == "needs onnxruntime"
    with pytest.raises(VerificationError, match="no engine was run"):
        report.raise_if_failed()


def test_onnx_is_verified_with_and_without_the_operator_library():
    model = SumOfNeighbours()
    report = verify(FakeBundle(eager(model), target="onnx"), model)
    assert [engine.engine for engine in report.engines] == ["onnx", "onnx (portable)"]


def test_bits_that_change_from_run_to_run_are_reported():
    model = SumOfNeighbours()
    count = iter(range(10**6))

    def answer(**inputs):
        return eager(model)(**inputs) * np.float32(1 + 1e-7 * (next(count) % 2))

    report = verify(FakeBundle(answer), model)
    assert report.ok
    assert not report.engines[0].repeatable_runs


def test_a_second_run_that_is_wrong_fails_even_when_the_first_is_right():
    model = SumOfNeighbours()
    count = iter(range(10**6))

    def answer(**inputs):
        return eager(model)(**inputs) + np.float32(next(count) % 2)

    assert not verify(FakeBundle(answer), model).ok


def test_graphs_that_eager_itself_refuses_are_left_out_with_the_reason():
    class Picky(SumOfNeighbours):
        def forward(self, x, edge_index):
            if len(x) == 0:
                raise ValueError("an empty graph makes no sense")
            return super().forward(x, edge_index)

    model = Picky()
    report = verify(FakeBundle(eager(model)), model)
    assert report.ok
    assert dict(report.skipped_graphs)["zero nodes"].endswith("an empty graph makes no sense")


def test_a_graph_of_the_user_that_the_model_refuses_is_an_error():
    class Broken(torch.nn.Module):
        def forward(self, x, edge_index):
            raise ValueError("out of luck")

    with pytest.raises(ValueError, match=r"model itself fails on example 0.*out of luck"):
        verify(FakeBundle(eager(SumOfNeighbours())), Broken())


def test_a_model_that_does_not_run_in_float64_is_compared_with_float32():
    class Single(SumOfNeighbours):
        def forward(self, x, edge_index):
            if x.dtype != torch.float32:
                raise TypeError("float32 only")
            return super().forward(x, edge_index)

    model = Single()
    report = verify(FakeBundle(eager(model)), model)
    assert report.ok
    assert report.reference == "float32"
    assert "float32 only" in report.reference_reason
    assert report.multiple == 8
    assert not verify(FakeBundle(lambda **inputs: eager(model)(**inputs) * np.float32(1.001)), model).ok


def test_a_choice_that_rounding_flips_is_drawn_again_or_marked():
    class Choose(torch.nn.Module):
        def forward(self, x, edge_index):
            return (x[:, 0] * 1e8 % 2 > 1).long()

    model = Choose()
    spec = (TensorSpec("out", "int64", ("num_nodes",)),)
    report = verify(FakeBundle(eager(model), outputs=spec), model)
    assert report.ok
    assert any(graph.unstable for graph in report.graphs)
    assert any(graph.redraws for graph in report.graphs)


def test_the_model_is_left_as_it_was():
    model = SumOfNeighbours().train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    state = torch.random.get_rng_state()
    verify(FakeBundle(eager(model)), model)
    assert model.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert torch.equal(torch.random.get_rng_state(), state)


def test_dropout_is_off_even_if_the_model_is_in_training_mode():
    class Dropping(SumOfNeighbours):
        def __init__(self):
            super().__init__()
            self.dropout = torch.nn.Dropout(0.5)

        def forward(self, x, edge_index):
            return self.dropout(super().forward(x, edge_index))

    assert verify(FakeBundle(eager(SumOfNeighbours())), Dropping().train()).ok


def test_a_report_survives_json():
    model = SumOfNeighbours()
    report = verify(FakeBundle(lambda **inputs: eager(model)(**inputs) * np.nan), model)
    text = json.dumps(report.to_json(), allow_nan=False)
    again = Report.from_json(json.loads(text))
    assert again.to_json() == report.to_json()
    assert list(again.failures()) == list(report.failures())
    assert again.rows()[0]["failed"] == len(report.graphs) - 1  # zero nodes compare equal


def test_given_graphs_take_the_place_of_the_samples():
    model = SumOfNeighbours()
    graphs = [
        (torch.randn(5, 3), torch.tensor([[0, 1], [1, 2]])),
        (torch.randn(9, 3), torch.tensor([[0], [8]])),
    ]
    report = verify(FakeBundle(eager(model)), model, graphs)
    assert [graph.sizes["num_nodes"] for graph in report.graphs[:2]] == [5, 9]


def test_refused_arguments():
    model = SumOfNeighbours()
    with pytest.raises(TypeError, match=r"model must be a torch.nn.Module, got str"):
        verify(FakeBundle(eager(model)), "model")
    with pytest.raises(ValueError, match="no engine 'tensorrt', it has: torchscript"):
        verify(FakeBundle(eager(model)), model, targets=["tensorrt"])
    with pytest.raises(ValueError, match="at least one example graph"):
        verify(FakeBundle(eager(model), examples=[]), model)


def test_pooling_by_batch_vector():
    class Pool(torch.nn.Module):
        def forward(self, x, edge_index, batch):
            graphs = int(batch.max()) + 1 if len(batch) else 0
            return torch.zeros(graphs, 3, dtype=x.dtype).index_add(0, batch, x)

    batch = np.repeat([0, 1], 10)
    bundle = FakeBundle(
        eager(Pool()),
        inputs=(X, EDGES, BATCH),
        outputs=(TensorSpec("out", "float32", ("num_graphs", 3)),),
        structure=ONE,
        examples=[example() | {"batch": batch}],
    )
    report = verify(bundle, Pool())
    assert report.ok
    assert {"several graphs", "several graphs, one empty"} <= {graph.name for graph in report.graphs}


@pytest.mark.parametrize(
    "content", [{}, {"engines": 3}, {"engines": [{}], "graphs": [], "skipped_graphs": []}, []]
)
def test_what_is_no_report_is_refused(content):
    with pytest.raises(ValueError, match="not a verification report"):
        Report.from_json(content)


def test_a_float64_model_is_held_to_float64():
    model = SumOfNeighbours().double()
    specs = (TensorSpec("x", "float64", ("num_nodes", 3)), EDGES)
    outputs = (TensorSpec("out", "float64", ("num_nodes", 2)),)
    calls = [{"x": example()["x"].astype(np.float64), "edge_index": example()["edge_index"]}]
    bundle = FakeBundle(eager(model), inputs=specs, outputs=outputs, examples=calls)
    assert verify(bundle, model).ok
    bundle.answer = lambda **inputs: eager(model)(**inputs) + 1e-9
    report = verify(bundle, model)
    assert not report.ok
    assert only_output(report, "example 0").bound < 1e-12


class OnlyUpToOne(torch.nn.Module):
    """Refuses what lies outside of [0, 1], as layers with pseudo-coordinates do."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`x` [num_nodes, 3]; the result is of the same shape."""
        if not torch.compiler.is_compiling() and x.numel() and float(x.max()) > 1.0:
            raise ValueError("x must lie in [0, 1]")
        return 2 * x


def test_inputs_are_moved_within_the_range_that_the_model_was_given(tmp_path: Path) -> None:
    x = torch.rand(9, 3)
    x[4] = 1.0
    bundle = geocompile.compile(OnlyUpToOne().eval(), (x,), ["onnx"], tmp_path / "bundle")
    assert bundle.manifest.verification is not None
    assert bundle.manifest.verification["ok"] is True
