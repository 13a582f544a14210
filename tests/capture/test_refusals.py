"""A model that cannot be captured is refused with its line, the reason and what to do, in a few lines."""

from __future__ import annotations

import inspect

import pytest
import torch
from torch import Tensor, nn

from geocompile.capture import capture
from geocompile.errors import CaptureError
from geocompile.examples import normalize_examples
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
    assert f"hostile.py:{guilty} in forward" in message
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
