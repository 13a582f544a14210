"""The demo's own section of the report: a few held-out digits as graphs, and what eager and each engine see in them."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from geocompile.demo.digits import Graphs
from geocompile.report.sections import GraphFigure, Section

MAX_DIGITS = 12


def digits_section(classifiers: dict[str, Callable[..., Tensor]], test: Sequence[Graphs]) -> Section:
    """One digit of each kind with the classifiers' answers; before them what eager gets wrong, where there is any.

    Args:
        classifiers: Eager first, then the engines, by name; each gives scores `[num_graphs, 10]`.
        test: The held-out digits.
    """
    eager = next(iter(classifiers.values()))
    chosen = _chosen(eager, test)
    figures = tuple(_figure(graph, classifiers) for graph in chosen)
    wrong = sum(figure.good is False for figure in figures)
    mistakes = f" The first {wrong} it gets wrong." if wrong else ""
    text = (
        "Held-out digits as the model sees them: a node per inked pixel, fuller where there is more ink, an edge "
        f"between neighbours; the model was never trained on them.{mistakes} Below each is the digit that eager and "
        "every engine saw in it, with the probability that they gave."
    )
    return Section("A few digits", text, figures=figures)


def _chosen(eager: Callable[..., Tensor], test: Sequence[Graphs]) -> list[Graphs]:
    """At most two mistakes, then the first of each digit."""
    wrong = (graph for graph in test if int(eager(*graph.inputs).argmax()) != int(graph.y))
    mistakes = [graph for graph, _ in zip(wrong, range(2), strict=False)]
    firsts: dict[int, Graphs] = {}
    for graph in test:
        if not any(graph is mistake for mistake in mistakes):
            firsts.setdefault(int(graph.y), graph)
    return [*mistakes, *(firsts[digit] for digit in sorted(firsts))][:MAX_DIGITS]


def _figure(graph: Graphs, classifiers: dict[str, Callable[..., Tensor]]) -> GraphFigure:
    truth = int(graph.y)
    answers: dict[tuple[int, str], list[str]] = {}
    for name, classifier in classifiers.items():
        shares = torch.softmax(classifier(*graph.inputs)[0], dim=0)
        seen = int(shares.argmax())
        answers.setdefault((seen, f"{float(shares[seen]):.1%}"), []).append(name)
    lines = tuple(
        f"seen as {seen} by {_names(names, classifiers)}, {share}" for (seen, share), names in answers.items()
    )
    return GraphFigure(
        title=f"a {truth}",
        positions=tuple((x, y) for y, x in graph.x[:, 1:].tolist()),
        edges=tuple((int(a), int(b)) for a, b in graph.edge_index.T.tolist() if a < b),
        shades=tuple(graph.x[:, 0].tolist()),
        lines=lines,
        good=all(seen == truth for seen, _ in answers),
    )


def _names(names: list[str], classifiers: dict[str, Callable[..., Tensor]]) -> str:
    return "all" if len(names) == len(classifiers) else ", ".join(names)
