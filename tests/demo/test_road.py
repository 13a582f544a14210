"""The demo's road in a short form: two epochs, one engine. The full one is `make demo`."""

import copy
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from rich.console import Console
from typer.testing import CliRunner

from geocompile.bundle import load
from geocompile.cli.app import app
from geocompile.cli.demo import draw
from geocompile.demo import road
from geocompile.demo.digits import collate, load_digits
from geocompile.demo.model import DigitClassifier
from geocompile.demo.road import DemoResult, run_demo
from geocompile.demo.training import predict, train


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> DemoResult:
    """The short demo, walked once for all tests of this file."""
    output = tmp_path_factory.mktemp("demo") / "digits"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(road, "TIMING_SECONDS", 0.05)
        return run_demo(output, seed=0, targets=["onnx", "torchscript"], epochs=2)


def test_every_engine_predicts_what_eager_predicts(result: DemoResult) -> None:
    assert [entry.engine for entry in result.engines] == ["eager", "onnx", "torchscript"]
    for entry in result.engines:
        assert entry.same == entry.of == 2 * 359
        assert entry.accuracy == result.engines[0].accuracy > 0.3


def test_the_bundle_is_verified_and_its_weights_lie_beside_it(result: DemoResult) -> None:
    content = result.to_json()
    assert content["verified"] is True
    assert load(content["bundle"]).digest == content["digest"]
    assert Path(content["weights"]).is_file()


def test_a_demo_that_learned_too_little_or_disagrees_is_not_ok(result: DemoResult) -> None:
    assert not result.ok, "two epochs are not enough"
    trained = [replace(entry, accuracy=0.99) for entry in result.engines]
    assert replace(result, engines=trained).ok
    disagreeing = [*trained[:-1], replace(trained[-1], same=trained[-1].of - 1)]
    assert not replace(result, engines=disagreeing).ok


def test_the_table_fits_a_hundred_columns_and_names_the_next_steps(result: DemoResult) -> None:
    trained = replace(result, engines=[replace(entry, accuracy=0.99) for entry in result.engines])
    console = Console(width=100, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    draw(console, trained)
    text = console.export_text()
    for expected in ("onnx", "718/718", "geocompile inspect", "run.py", "99.00% of 359 held-out digits"):
        assert expected in text
    table = text[: text.index("held-out digits are")]
    assert max(map(len, table.splitlines())) <= 100


def test_the_command_prints_json_and_its_exit_code_tells_whether_all_is_well(
    result: DemoResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = replace(result, engines=[replace(entry, accuracy=0.99) for entry in result.engines])
    for outcome, code in ((trained, 0), (result, 1)):
        monkeypatch.setattr(road, "run_demo", lambda *args, outcome=outcome, **kwargs: outcome)
        answer = CliRunner().invoke(app, ["demo", "--json"])
        assert answer.exit_code == code
        assert json.loads(answer.stdout)["ok"] is (code == 0)


def test_equal_seeds_give_equal_weights_and_leave_the_random_state_alone() -> None:
    training, test = load_digits(seed=0)
    state = torch.random.get_rng_state()
    first, second = train(training[:64], seed=5, epochs=1), train(training[:64], seed=5, epochs=1)
    assert torch.equal(torch.random.get_rng_state(), state)
    for name, value in first.state_dict().items():
        assert torch.equal(value, second.state_dict()[name])
    assert torch.equal(predict(first, test), predict(second, test))


def test_the_answer_for_a_digit_does_not_depend_on_its_neighbours_in_the_batch() -> None:
    _, test = load_digits(seed=0)
    model = DigitClassifier().double().eval()
    graphs = [replace(graph, x=graph.x.double()) for graph in test[:8]]
    with torch.no_grad():
        together = model(*collate(graphs).inputs)
        alone = torch.cat([model(*graph.inputs) for graph in graphs])
    torch.testing.assert_close(together, alone, rtol=1e-12, atol=1e-12)


def test_stroke_conv_is_its_formula() -> None:
    from geocompile.demo.model import StrokeConv

    torch.manual_seed(0)
    conv = copy.deepcopy(StrokeConv(3, 4)).double()
    x, position = torch.randn(5, 3, dtype=torch.float64), torch.randn(5, 2, dtype=torch.float64)
    edges = [(0, 1), (2, 1), (3, 1), (1, 0), (4, 0)]
    expected = conv.root(x)
    for i in range(5):
        messages = [
            torch.relu(conv.neighbour(torch.cat([x[j], position[j] - position[i]])))
            for j, k in edges
            if k == i
        ]
        if messages:
            expected[i] += torch.stack(messages).amax(0)
    torch.testing.assert_close(conv(x, position, torch.tensor(edges).T), expected)
