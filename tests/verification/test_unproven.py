"""Where rounding decides what eager says a graph proves nothing, and what proves nothing does not pass."""

import json

import numpy as np
import pytest
import torch

from geocompile.errors import VerificationError
from geocompile.exporters.program import TensorSpec
from geocompile.verification import verify
from geocompile.verification.report import Report
from tests.verification.fakes import FakeBundle, SumOfNeighbours, eager, example

CHOICE = (TensorSpec("out", "int64", ("num_nodes",)),)


class Chaos(SumOfNeighbours):
    """sin(1e8 y): float32 cannot tell where in its period it is."""

    def forward(self, x, edge_index):
        return torch.sin(1e8 * super().forward(x, edge_index))


class ChaosOnBigGraphs(SumOfNeighbours):
    def forward(self, x, edge_index):
        y = super().forward(x, edge_index)
        return torch.sin(1e8 * y) if len(x) > 20 else y


class Choose(torch.nn.Module):
    def forward(self, x, edge_index):
        return (x[:, 0] * 1e8 % 2 > 1).long()


def constant(x, edge_index):
    return np.full((len(x), 2), 0.3, np.float32)


def test_a_constant_engine_of_a_chaotic_model_is_not_verified():
    report = verify(FakeBundle(constant), Chaos())
    assert not report.ok
    (engine,) = report.engines
    assert engine.unproven > len(report.graphs) / 2
    assert report.rows()[0]["unproven"] == engine.unproven
    with pytest.raises(VerificationError, match=r"torchscript could not be verified: on \d+ of \d+ graphs"):
        report.raise_if_failed()


def test_an_engine_that_makes_eagers_own_choices_is_proven_all_the_same():
    for model, outputs in ((Chaos(), {}), (Choose(), {"outputs": CHOICE})):
        report = verify(FakeBundle(eager(model), **outputs), model)
        assert any(graph.unstable for graph in report.graphs)
        assert report.ok
        assert report.engines[0].unproven == 0


def test_another_choice_than_eagers_is_no_proof():
    def in_float64(x, edge_index):
        return (x[:, 0].astype(np.float64) * 1e8 % 2 > 1).astype(np.int64)

    report = verify(FakeBundle(in_float64, outputs=CHOICE), Choose())
    assert not report.ok
    assert report.engines[0].unproven > len(report.graphs) / 2


def test_a_few_graphs_without_proof_pass_and_are_told():
    model = ChaosOnBigGraphs()
    right = eager(model)

    def answer(**inputs):
        out = right(**inputs)
        return out * 0 if len(inputs["x"]) > 20 else out

    report = verify(FakeBundle(answer), model)
    assert report.ok
    assert report.engines[0].unproven == 1
    assert any("1 of" in note and "prove nothing" in note for note in report.notes())
    assert report.rows()[0]["max_error"] < 1e-3  # what proves nothing has no error either
    again = Report.from_json(json.loads(json.dumps(report.to_json())))
    assert again.notes() == report.notes()


def test_a_graph_without_proof_does_not_widen_the_bound_of_the_others():
    model = ChaosOnBigGraphs()
    right, small = eager(model), example()["x"]
    big = [example(30, 90, seed) for seed in range(3)]

    def answer(**inputs):
        out = right(**inputs)
        return out + np.float32(1e-3) if np.array_equal(inputs["x"], small) else out

    report = verify(FakeBundle(answer, examples=[example(), *big]), model)
    assert [check.graph for check in report.engines[0].graphs if not check.ok] == ["example 0"]


@pytest.mark.parametrize("draw", [torch.rand_like, lambda x: torch.tensor(np.random.rand(*x.shape))])
def test_a_model_that_is_random_in_eval_mode_is_refused(draw):
    class Noisy(SumOfNeighbours):
        def forward(self, x, edge_index):
            out = super().forward(x, edge_index)
            return out + draw(out).to(x.dtype)

    with pytest.raises(ValueError, match="the model is random in eval mode"):
        verify(FakeBundle(eager(SumOfNeighbours())), Noisy())


def test_random_numbers_that_change_nothing_are_no_matter():
    class Unused(SumOfNeighbours):
        def forward(self, x, edge_index):
            torch.rand(3)
            return super().forward(x, edge_index)

    verify(FakeBundle(eager(SumOfNeighbours())), Unused()).raise_if_failed()


def test_kinds_of_graph_that_did_not_run_are_told():
    model = SumOfNeighbours()
    report = verify(FakeBundle(eager(model)), model)
    (note,) = report.notes()
    assert note.startswith("2 of 14 kinds of graph did not run: several graphs, several graphs, one empty")
    assert "no batch vector" in note
    assert report.summary()["notes"] == [note]


def test_a_suite_of_which_little_is_left_warns():
    specs = (TensorSpec("x", "float32", (20, 3)), TensorSpec("edge_index", "int64", (2, 60)))
    model = SumOfNeighbours()
    with pytest.warns(UserWarning, match=r"1\d of 14 kinds of graph did not run: .*'edge_index' has a fixed"):
        verify(FakeBundle(eager(model), inputs=specs), model)


def test_the_summary_is_small_and_names_the_worst_element():
    model = SumOfNeighbours()
    report = verify(FakeBundle(eager(model), target="onnx"), model)
    summary = report.summary()
    assert len(json.dumps(summary, allow_nan=False)) < 4000
    (output,) = summary["engines"][0]["outputs"]
    assert output["error"] <= output["bound"]
    assert len(output["worst_index"]) == 2
    assert [graph["name"] for graph in summary["graphs"]] == [graph.name for graph in report.graphs]
