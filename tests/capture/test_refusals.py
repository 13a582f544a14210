"""A model that cannot be captured is refused with its line, the reason and what to do, in a few lines."""

from __future__ import annotations

import inspect

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch_geometric.utils import softmax

from geocompile.capture import capture
from geocompile.errors import CaptureError
from geocompile.examples import Example, normalize_examples
from geocompile.exporters.torchscript import script
from tests.capture import hostile
from tests.exporters.models import inputs_of


def refused(model: nn.Module, *names: str) -> str:
    example = tuple(inputs_of(list(names or ("x", "edge_index")), 6, 9))
    with pytest.raises(CaptureError) as caught:
        capture(model, normalize_examples(model, example))
    return str(caught.value)


@pytest.mark.parametrize("kind", hostile.ALL, ids=lambda kind: kind.__name__)
def test_message_names_the_line_and_the_reason(
    kind: type[nn.Module], capfd: pytest.CaptureFixture[str]
) -> None:
    message = refused(kind())
    lines, start = inspect.getsourcelines(kind)
    guilty = start + next(k for k, line in enumerate(lines) if "# guilty" in line)
    assert f"hostile.py:{guilty} in " in message
    assert kind.reason in message  # type: ignore[operator]
    assert message.count("\n") <= 4
    assert capfd.readouterr() == ("", "")  # torch's pages stay away


@pytest.mark.parametrize("how", ["input", "buffer"])
def test_mutation_is_refused(how: str) -> None:
    class Counts(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("calls", torch.zeros(1))

        def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
            if how == "input":
                x += 1
            else:
                self.calls += 1
            return x + self.calls

    assert f"changes '{'x' if how == 'input' else 'calls'}' in place" in refused(Counts())


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_a_part_that_is_torchscript_is_refused() -> None:
    class Holds(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.ModuleList([torch.jit.script(nn.Linear(4, 4))])

        def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
            return self.head[0](x)

    assert "Holds cannot be captured: head.0 is TorchScript\n  put the module there" in refused(Holds())


@pytest.mark.parametrize("result", [3, "text", object()], ids=lambda value: type(value).__name__)
def test_result_that_is_no_tensor_is_refused(result: object) -> None:
    class Returns(nn.Module):
        def forward(self, x: Tensor, edge_index: Tensor) -> object:
            return {"x": x, "other": result}

    assert f"returns a {type(result).__name__}" in refused(Returns())


def test_result_without_tensor_is_refused() -> None:
    class Returns(nn.Module):
        def forward(self, x: Tensor, edge_index: Tensor) -> None:
            return None

    assert "returns no tensor" in refused(Returns())


def test_unknown_names_and_one_example_ask_for_more() -> None:
    class Scale(nn.Module):
        def forward(self, foo: Tensor) -> Tensor:
            return foo * 2

    with pytest.raises(CaptureError, match="cannot tell which dimensions of foo vary"):
        capture(Scale(), normalize_examples(Scale(), (torch.randn(3, 2),)))


@pytest.mark.parametrize(
    ("dynamic", "message"),
    [
        ({"y": {0: "n"}}, "dynamic names 'y', which is no input"),
        ({"x": {2: "n"}}, "names dimension 2, expected 0 to 1"),
        ({"x": {0: "not a name"}}, "must be a name"),
        ({"x": {0: "n"}, "edge_index": {1: "n"}}, "use another name"),
    ],
)
def test_wrong_dynamic_is_refused(dynamic: dict[str, dict[int, str]], message: str) -> None:
    model = hostile.BranchOnNoEdges()
    with pytest.raises(ValueError, match=message):
        capture(model, normalize_examples(model, tuple(inputs_of(["x", "edge_index"], 6, 9))), dynamic)


@pytest.mark.parametrize("deterministic", ["dropout", "attention", "lstm", "unused"])
def test_what_could_draw_and_does_not_is_captured(deterministic: str) -> None:
    class Quiet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm = nn.LSTM(8, 8, dropout=0.5, num_layers=2)
            self.drop = nn.Dropout()

        def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
            if deterministic == "dropout":
                return functional.dropout(self.drop(x), 0.5, training=self.training)
            if deterministic == "attention":
                return functional.scaled_dot_product_attention(*[x.view(-1, 2, 4)] * 3)
            if deterministic == "lstm":
                return self.lstm(x[None])[0]  # type: ignore[no-any-return]
            torch.rand_like(x)
            return x * 2

    model = Quiet()
    capture(model, normalize_examples(model, tuple(inputs_of(["x", "edge_index"], 6, 9))))


def test_output_of_a_dtype_that_engines_lack_is_refused() -> None:
    class Complex(nn.Module):
        def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
            return torch.complex(x, x)

    assert "returns a tensor of dtype complex64; an engine returns float32" in refused(Complex())


@pytest.mark.parametrize("kind", ["forward", "forward_pre"])
def test_hook_of_the_model_itself_is_refused_and_that_of_a_part_captured(kind: str) -> None:
    model = nn.Linear(8, 8)
    hook = {"forward": lambda module, args, out: out * 2, "forward_pre": lambda module, args: (args[0] * 2,)}[
        kind
    ]
    getattr(model, f"register_{kind}_hook")(hook)
    x = torch.randn(6, 8)
    with pytest.raises(CaptureError, match="Linear has a forward hook"):
        capture(model, normalize_examples(model, (x,)), {"input": {0: "num_nodes"}})

    class Wrapper(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = model

        def forward(self, x: Tensor) -> Tensor:
            return self.inner(x)  # type: ignore[no-any-return]

    program = capture(Wrapper(), normalize_examples(Wrapper(), (x,)))
    (result,) = program.exported.module()(x)
    assert torch.equal(result, model(x))


def test_decisions_that_are_not_the_model_s_are_no_reason_to_refuse() -> None:
    """torch's export asserts `num_edges != 1` after itself when softmax broadcasts; one edge works all the same."""

    class Attend(nn.Module):
        def forward(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor) -> Tensor:
            alpha = softmax(edge_weight, edge_index[1], num_nodes=x.size(0))
            return torch.zeros_like(x).index_add(0, edge_index[1], x[edge_index[0]] * alpha[:, None])

    model = Attend()
    names = ["x", "edge_index", "edge_weight"]
    program = capture(model, normalize_examples(model, tuple(inputs_of(names, 6, 9))))
    engine = script(program)
    for num_edges in (0, 1, 2, 30):
        inputs = inputs_of(names, 5, num_edges)
        torch.testing.assert_close(engine(*inputs), model(*inputs))


def test_an_input_whose_name_is_no_ascii_is_refused() -> None:
    class Scaled(nn.Module):
        def forward(self, x: Tensor, größe: Tensor) -> Tensor:
            return x * größe

    with pytest.raises(
        CaptureError, match=r"(?s)Scaled\.forward calls an input 'größe'.*rename that parameter"
    ):
        capture(Scaled(), [Example({"x": torch.ones(5, 2), "größe": torch.ones(1, 2)})])
