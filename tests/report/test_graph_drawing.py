"""Graphs are collapsed without cycles, placed without overlap, and drawn with every box where its layer is."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geocompile.report.drawing import draw_operators
from geocompile.report.graph_view import MAX_DRAWN, graph_view
from geocompile.report.grouping import LAYER, LOOSE, collapse, operator_counts
from geocompile.report.layout import COLUMN_GAP, place
from geocompile.report.program import OPERATOR, ProgramGraph
from tests.report.programs import chain, random_program


@given(st.integers(0, 10_000), st.integers(1, 60), st.integers(1, 8))
@settings(max_examples=60, deadline=None)
def test_groups_hold_every_node_once_and_have_no_cycle(seed: int, operators: int, layers: int) -> None:
    graph = random_program(seed, operators, layers)
    groups = collapse(graph)
    members = sorted(member for group in groups for member in group.members)
    assert members == list(range(len(graph.nodes)))
    home = {member: k for k, group in enumerate(groups) for member in group.members}
    for k, group in enumerate(groups):
        assert all(source < k for source in group.reads)
        assert len({graph.nodes[member].layers for member in group.members}) == 1
        reads = {home[source] for member in group.members for source in graph.nodes[member].reads} - {k}
        assert set(group.reads) == reads


def test_a_layer_is_one_box_and_what_stands_between_layers_another() -> None:
    groups = collapse(chain("a", "a", "", "b", "b", "", "c"))
    assert [(group.kind, group.path, len(group.members)) for group in groups[1:-1]] == [
        (LAYER, "a", 2),
        (LOOSE, "", 1),
        (LAYER, "b", 2),
        (LOOSE, "", 1),
        (LAYER, "c", 1),
    ]


def test_a_layer_that_is_called_twice_makes_two_boxes() -> None:
    groups = collapse(chain("a", "b", "a", "c"))
    assert [group.path for group in groups[1:-1]] == ["a", "b", "a", "c"]


def test_a_model_inside_a_wrapper_is_shown_by_its_own_layers() -> None:
    groups = collapse(chain("model/model.a", "model/model.b/model.b.lin", "model/model.c"))
    assert [group.path for group in groups[1:-1]] == ["model.a", "model.b", "model.c"]


def test_operators_are_counted_per_layer() -> None:
    assert operator_counts(chain("a", "a", "", "b", "c")) == {"a": 2, "": 1, "b": 1, "c": 1}


boxes = st.lists(st.tuples(st.floats(10, 300), st.floats(20, 60)), min_size=1, max_size=25)


@given(boxes, st.data())
@settings(max_examples=80, deadline=None)
def test_boxes_do_not_overlap_and_edges_lead_downwards(
    sizes: list[tuple[float, float]], data: st.DataObject
) -> None:
    pairs = [(a, b) for b in range(len(sizes)) for a in range(b)]
    edges = data.draw(st.lists(st.sampled_from(pairs), unique=True, max_size=40)) if pairs else []
    placed = place(sizes, edges)
    spans = [
        (x - w / 2, x + w / 2, y - h / 2, y + h / 2)
        for (x, y), (w, h) in zip(placed.centres, sizes, strict=True)
    ]
    for k, (left, right, top, bottom) in enumerate(spans):
        assert left >= -1e-6
        assert right <= placed.width + 1e-6
        assert top >= -1e-6
        assert bottom <= placed.height + 1e-6
        for other_left, other_right, other_top, other_bottom in spans[:k]:
            beside = left >= other_right + COLUMN_GAP - 1e-6 or other_left >= right + COLUMN_GAP - 1e-6
            assert beside or top >= other_bottom or other_top >= bottom
    for source, target in edges:
        assert spans[source][3] < spans[target][2]
    ends = [(placed.centres[target][0], spans[target][2]) for _, target in edges]
    assert sorted(line[-1] for line in placed.lines) == sorted(ends)
    for line in placed.lines:
        heights = [y for _, y in line]
        assert heights == sorted(heights)


def test_nothing_is_placed_where_nothing_is() -> None:
    assert place([], []).width == 0


@pytest.mark.parametrize("edge", [(1, 0), (0, 0), (0, 2), (-1, 0)])
def test_an_edge_that_does_not_lead_to_a_later_box_is_refused(edge: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="does not lead to a later box"):
        place([(10.0, 10.0), (10.0, 10.0)], [edge])


def test_a_chain_hangs_straight() -> None:
    placed = place([(50.0, 20.0), (120.0, 20.0), (30.0, 20.0)], [(0, 1), (1, 2)])
    assert len({round(x, 6) for x, _ in placed.centres}) == 1


def test_a_layers_drawing_shows_its_operators_and_what_they_read() -> None:
    graph = chain("a", "a", "b")
    group = next(group for group in collapse(graph) if group.path == "a")
    drawing = draw_operators(graph, group, "a")
    assert [box.kind for box in drawing.boxes] == ["outside", "operator", "operator"]
    assert [box.title for box in drawing.boxes] == ["x", "relu", "relu"]
    assert drawing.boxes[1].subtitle == "float32 [num_nodes, 4]"


def test_both_drawings_lead_to_the_same_detail_of_a_layer() -> None:
    before = chain("a", "a", "b", "", "c")
    after = ProgramGraph(chain("a", "b", "", "c").nodes, before.kinds)
    view = graph_view(before, after)
    assert (view.count_before, view.count_after) == (5, 4)
    link = {box.title: box.link for box in view.before.boxes}
    assert {box.title: box.link for box in view.after.boxes if box.title in "abc"} == {
        name: link[name] for name in "abc"
    }
    anchors = {layer.anchor: layer for layer in view.layers}
    assert (anchors[link["a"]].count_before, anchors[link["a"]].count_after) == (2, 1)


def test_a_layer_that_the_passes_removed_keeps_its_detail() -> None:
    before = chain("a", "b", "dropout", "c")
    view = graph_view(before, chain("a", "b", "c"))
    gone = next(layer for layer in view.layers if layer.title == "dropout")
    assert (gone.count_before, gone.count_after, gone.after) == (1, 0, None)


def test_a_graph_of_hundreds_of_layers_is_drawn_in_seconds() -> None:
    graph = random_program(0, operators=1500, layers=200)
    started = time.perf_counter()
    view = graph_view(graph, graph)
    assert time.perf_counter() - started < 60
    drawn = sum(len(layer.before.boxes) for layer in view.layers if layer.before is not None)
    assert drawn >= sum(node.kind == OPERATOR for node in graph.nodes)


def test_a_graph_that_is_too_large_keeps_its_overview() -> None:
    graph = random_program(1, operators=MAX_DRAWN, layers=40)
    view = graph_view(graph, ProgramGraph(graph.nodes[:2]))
    assert not view.detailed
    assert all(layer.before is None for layer in view.layers)
    assert view.before.boxes
    assert "each that is drawn stands for several" in view.before.note
