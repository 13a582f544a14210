"""Deep and dense models keep the page, the terminal and the work for them small, and what is left out is said."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geocompile.report import ReportData, render
from geocompile.report.folding import MIN_COUNT, TIMES, fold, span
from geocompile.report.graph_view import MAX_DETAILS, MAX_DRAWN, graph_view
from geocompile.report.grouping import collapse
from geocompile.report.layer_rows import layer_rows
from geocompile.report.layout import crossings, place
from geocompile.report.overview import MAX_BOXES, MAX_EDGES, SMALL, overview
from geocompile.report.program import INPUT, OPERATOR, OUTPUT, Layer, ModelSummary, Node, ProgramGraph
from tests.report.programs import chain, random_program
from tests.report.test_page import Page, manifest

DEPTH = 500


def skips_to_the_end(depth: int, alike: bool = True) -> ProgramGraph:
    """`depth` x (linear in a layer of its own, tanh, + x), and all their results concatenated."""
    nodes = [Node("x", INPUT)]
    for k in range(depth):
        layer = f"l.{k}" if alike else f"l{'abc'[k % 3]}{'de'[k % 2] * k}"
        nodes.append(Node(f"linear_{k}", OPERATOR, "aten.linear", (layer,), reads=(len(nodes) - 1,)))
        nodes.append(Node(f"tanh_{k}", OPERATOR, "aten.tanh", reads=(len(nodes) - 1,)))
        nodes.append(Node(f"add_{k}", OPERATOR, "aten.add", reads=(0, len(nodes) - 1)))
    nodes.append(Node("cat", OPERATOR, "aten.cat", reads=tuple(range(3, len(nodes), 3))))
    nodes.append(Node("output", OUTPUT, reads=(len(nodes) - 1,)))
    layers = {node.layers[0] for node in nodes if node.layers}
    return ProgramGraph(tuple(nodes), dict.fromkeys(layers, "Linear"))


def all_to_all(layers: int) -> ProgramGraph:
    """Every layer reads all layers before it; no two of them are alike."""
    nodes = [Node("x", INPUT)]
    for k in range(layers):
        nodes.append(Node(f"op_{k}", OPERATOR, f"aten.op{k}", (f"l.{k}",), reads=tuple(range(k + 1))))
    return ProgramGraph((*nodes, Node("output", OUTPUT, reads=(layers,))), {})


def in_one_layer(graph: ProgramGraph) -> ProgramGraph:
    """The same operators, all of the layer `net`."""
    nodes = (
        Node(n.name, n.kind, n.operator, ("net",) if n.operator else (), reads=n.reads) for n in graph.nodes
    )
    return ProgramGraph(tuple(nodes), {"net": "Net"})


LARGE = {
    "skips of equal layers": (skips_to_the_end(DEPTH), 600, 100_000),
    "skips of layers that differ": (skips_to_the_end(DEPTH, alike=False), 32_000, 3_000_000),
    "all to all": (all_to_all(400), 3_000, 700_000),
    "one layer of dense operators": (in_one_layer(all_to_all(300)), 600, 100_000),
    "random": (random_program(3, 3000, 400), 40_000, 5_000_000),
}


@pytest.mark.parametrize("name", LARGE)
def test_the_page_of_a_large_model_stays_small(name: str) -> None:
    graph, elements, size = LARGE[name]
    page = render(manifest(), ReportData(before=graph, after=graph))
    parsed = Page(page)
    drawn = [tag for tag, _ in parsed.tags if tag in ("svg", "path", "g", "rect", "text", "title", "a")]
    assert 20 < len(drawn) < elements
    assert len(page) < size
    links = {str(attributes["href"])[1:] for tag, attributes in parsed.tags if tag == "a"}
    assert links <= set(parsed.ids())


@pytest.mark.parametrize("name", LARGE)
def test_the_overview_of_a_large_model_is_cheap_to_place(name: str) -> None:
    graph, _, _ = LARGE[name]
    boxes = overview(graph, collapse(graph)).boxes
    edges = [(source, k) for k, box in enumerate(boxes) for source in box.reads]
    assert len(boxes) <= MAX_BOXES
    assert len(edges) <= MAX_EDGES
    assert crossings(len(boxes), edges) <= MAX_BOXES**2 / 2


def test_a_long_line_is_one_path_and_lines_of_one_box_share_it() -> None:
    count = 60
    edges = [(k, k + 1) for k in range(count - 1)] + [(0, k) for k in range(2, count)]
    placed = place([(40.0, 28.0)] * count, edges)
    assert len(placed.lines) == len(edges)
    assert crossings(count, edges) == count - 2
    assert sum(map(len, placed.lines)) == 2 * len(edges) + 2 * (count - 2)


def test_equal_layers_are_one_box_that_leads_to_the_detail_of_the_first() -> None:
    graph = skips_to_the_end(DEPTH)
    view = graph_view(graph, graph)
    box = next(box for box in view.before.boxes if box.title == "l.0 … l.498")
    assert box.subtitle == f"499 {TIMES} Linear, tanh, add"
    assert "Equal layers" in view.before.note
    detail = next(layer for layer in view.layers if layer.anchor == box.link)
    assert (detail.title, detail.kind, detail.count_before) == ("l.0 … l.498", f"499 {TIMES} Linear", 1)
    assert detail.before is not None
    assert "aten.linear (linear_0)" in detail.before.boxes[-1].tooltip


def test_few_layers_keep_their_own_boxes() -> None:
    graph = chain(*(f"l.{k}" for k in range(SMALL - 2)))
    view = graph_view(graph, graph)
    assert len(view.before.boxes) == SMALL
    assert len(view.layers) == SMALL - 2
    assert view.before.note == ""


def test_a_layer_with_too_many_lines_is_not_drawn_and_says_so() -> None:
    graph = in_one_layer(all_to_all(300))
    view = graph_view(graph, graph)
    assert view.layers[0].before is None
    assert "too many lines to draw" in render(manifest(), ReportData(before=graph, after=graph))


def test_what_a_layer_reads_from_elsewhere_is_cut_short() -> None:
    graph = skips_to_the_end(40)
    view = graph_view(graph, graph)
    end = view.layers[-1].before
    assert end is not None
    assert [box.title for box in end.boxes if box.kind == "outside"][-1].endswith("others")
    assert "cat" in [box.title for box in end.boxes]


def test_details_beyond_two_thousand_are_counted() -> None:
    names = [f"{'ab'[k % 2]}{'c' * (k % 7)}{k * k % 11}.x" for k in range(MAX_DETAILS)]
    nodes = [Node("x", INPUT)]
    for k in range(2 * MAX_DETAILS):
        nodes.append(Node(f"op_{k}", OPERATOR, f"aten.op{k}", (names[k % MAX_DETAILS] + str(k),), reads=(k,)))
    graph = ProgramGraph(tuple(nodes), {})
    view = graph_view(graph, graph)
    assert (len(view.layers), view.left_out, view.detailed) == (MAX_DETAILS, MAX_DETAILS, False)
    assert f"and {MAX_DETAILS:,} more" in render(manifest(), ReportData(before=graph, after=graph))
    assert len(view.before.boxes) < SMALL


def test_what_is_drawn_in_all_details_together_is_bounded() -> None:
    graph = in_one_layer(chain(*[""] * MAX_DRAWN))
    assert not graph_view(graph, graph).detailed


@given(st.integers(0, 10_000), st.integers(80, 400), st.integers(20, 80))
@settings(max_examples=25, deadline=None)
def test_an_overview_holds_every_operator_once_and_has_no_cycle(
    seed: int, operators: int, layers: int
) -> None:
    graph = random_program(seed, operators, layers)
    groups = collapse(graph)
    boxes = overview(graph, groups).boxes
    assert sorted(m for box in boxes for m in box.members) == list(range(len(graph.nodes)))
    home = {member: k for k, box in enumerate(boxes) for member in box.members}
    for k, box in enumerate(boxes):
        reads = {home[source] for member in box.members for source in graph.nodes[member].reads} - {k}
        assert set(box.reads) == reads
        assert all(source < k for source in reads)


@given(st.lists(st.integers(0, 2), max_size=60), st.data())
def test_folding_loses_nothing(entries: list[int], data: st.DataObject) -> None:
    levels = data.draw(st.lists(st.integers(0, 2), min_size=len(entries), max_size=len(entries)))
    runs = fold(entries, levels)
    unfolded = [entry for run in runs for entry in entries[run.start : run.start + run.period] * run.count]
    assert unfolded == entries
    for run in runs:
        assert run.count == 1 or run.count >= MIN_COUNT
        assert levels[run.start] == min(levels[run.start : run.start + run.period])


def test_the_longest_pattern_is_folded() -> None:
    (run,) = fold([1, 1, 1, 1, 2] * 9, [0] * 45)
    assert (run.period, run.count) == (5, 9)
    assert [run.period for run in fold("abab", [0] * 4)] == [1] * 4


def test_a_pattern_begins_with_its_outermost_entry() -> None:
    runs = fold("xabababab", [0, 0, 1, 0, 1, 0, 1, 0, 1])
    assert [(run.start, run.period, run.count) for run in runs] == [(0, 1, 1), (1, 2, 4)]
    runs = fold("babababa", [1, 0] * 4)
    assert [(run.start, run.period) for run in runs][:2] == [(0, 1), (1, 1)]


def test_a_span_names_both_ends() -> None:
    assert span(["l.1", "l.2", "l.3"]) == "l.1 … l.3"
    assert span(["l.1"]) == span(["l.1", "l.1"]) == "l.1"


def deep_model(depth: int) -> ModelSummary:
    """The model itself, then `depth` layers that hold a part each; the last one is larger."""
    layers = [Layer("", "Deep", 9)]
    for k in range(depth):
        layers.append(Layer(f"l.{k}", "GCNConv", 20 if k < depth - 1 else 30, "4, 4"))
        layers.append(Layer(f"l.{k}.lin", "Linear", 16))
    return ModelSummary(tuple(layers), 9, 0, 36)


def test_rows_of_equal_layers_are_one_row() -> None:
    before = chain(*(f"l.{k}" for k in range(150) for _ in range(3)))
    after = chain(*(f"l.{k}" for k in range(150) for _ in range(3 if k == 0 else 2)))
    rows = layer_rows(deep_model(150), before, after)
    assert [(row.title, row.kind, row.parameters, row.operators) for row in rows] == [
        ("l.0", "GCNConv", "20", "3"),
        ("l.0.lin", "Linear", "16", ""),
        ("l.1 … l.148", f"148 {TIMES} GCNConv", "20 each", "3 → 2"),
        ("l.1.lin … l.148.lin", f"148 {TIMES} Linear", "16 each", ""),
        ("l.149", "GCNConv", "30", "3 → 2"),
        ("l.149.lin", "Linear", "16", ""),
    ]
    assert rows[2].paths == tuple(f"l.{k}" for k in range(1, 149))


def test_layers_with_names_of_their_own_keep_their_rows() -> None:
    model = ModelSummary(tuple(Layer(name, "Linear", 4) for name in ("", "q", "k", "v", "out")), 16, 0, 64)
    assert [row.title for row in layer_rows(model, None, None)] == ["q", "k", "v", "out"]


def test_the_page_names_every_layer_of_a_row_behind_a_click() -> None:
    page = render(manifest(), ReportData(model=deep_model(150)))
    table = page[page.index('<table class="layers">') :].partition("</table>")[0]
    assert table.count("<tr>") == 1 + 4
    assert table.count("<details") == 2
    named = set(re.findall(r"<code>(l\.\d+)</code>", table))
    assert named == {f"l.{k}" for k in range(150)}
    Page(page)
