"""The digits in the demo's report are held-out digits, with what each engine really answers."""

import torch

from geocompile.demo.digits import load_digits
from geocompile.demo.section import MAX_DIGITS, digits_section


def answering(digit_of):
    """A classifier that is sure of a digit."""

    def classify(x: torch.Tensor, edge_index: torch.Tensor, batch: torch.Tensor) -> torch.Tensor:
        return 20.0 * torch.nn.functional.one_hot(torch.tensor([digit_of(x)]), 10).float()

    return classify


def test_one_digit_of_each_kind_with_the_answers_of_all() -> None:
    _, test = load_digits(seed=0)
    truth = {graph.x.numpy().tobytes(): int(graph.y) for graph in test}
    right = answering(lambda x: truth[x.numpy().tobytes()])
    section = digits_section({"eager": right, "onnx": right}, test)
    assert [figure.title for figure in section.figures] == [f"a {digit}" for digit in range(10)]
    for digit, figure in enumerate(section.figures):
        assert figure.good is True
        assert figure.lines == (f"seen as {digit} by all, 100.0%",)
        assert len(figure.shades) == len(figure.positions)
        assert all(0 < shade <= 1 for shade in figure.shades)
        assert all(a < b < len(figure.positions) for a, b in figure.edges)


def test_mistakes_come_first_and_engines_that_differ_are_named() -> None:
    _, test = load_digits(seed=0)
    always_one, always_two = answering(lambda x: 1), answering(lambda x: 2)
    section = digits_section({"eager": always_one, "onnx": always_two}, test)
    assert len(section.figures) == MAX_DIGITS
    assert all(figure.good is False for figure in section.figures)
    assert "The first 12 it gets wrong" in section.text
    assert section.figures[0].lines == ("seen as 1 by eager, 100.0%", "seen as 2 by onnx, 100.0%")
