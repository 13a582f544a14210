"""Histograms of errors against counting by hand, and pictures of graphs against their edges."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geocompile.exporters.program import TensorSpec
from geocompile.verification import verify
from geocompile.verification.histogram import BINS, of_errors, of_matches, total, upper_edge
from geocompile.verification.picturing import CELLS, picture_of
from geocompile.verification.report import Report
from tests.verification.fakes import EDGES, FakeBundle, SumOfNeighbours, X, eager, example


@given(st.lists(st.floats(0, 1e6), max_size=30), st.floats(1e-8, 1e3))
def test_every_error_is_counted_in_the_bin_that_holds_it(errors: list[float], bound: float) -> None:
    counts = of_errors(np.array(errors), np.full(len(errors), bound))
    assert len(counts) == BINS
    assert sum(counts) == len(errors)
    for index in range(BINS - 1):
        edge = upper_edge(index)
        ratios = [error / bound for error in errors if error > 0]
        near = sum(abs(ratio - edge) <= 1e-12 * edge for ratio in ratios)  # log10 rounds on an edge
        below = sum(error == 0 for error in errors) + sum(ratio <= edge for ratio in ratios)
        assert abs(sum(counts[: index + 1]) - below) <= near


def test_an_error_at_its_bound_stands_in_the_last_bin_that_passes() -> None:
    counts = of_errors(np.array([2.0]), np.array([2.0]))
    assert upper_edge(counts.index(1)) == 1.0


def test_integers_are_exact_or_beyond_any_bound() -> None:
    counts = of_matches(np.array([True, False, False]))
    assert (counts[0], counts[-1], sum(counts)) == (2, 1, 3)


def test_histograms_of_another_length_are_left_out() -> None:
    one = of_matches(np.array([False]))
    assert total([one, (), (1, 2, 3), one])[0] == 2


def test_a_verification_counts_every_element_and_survives_json() -> None:
    model = SumOfNeighbours()
    report = verify(FakeBundle(eager(model)), model)
    for engine in report.engines:
        for graph in engine.graphs:
            for output in graph.outputs:
                assert sum(output.histogram) == output.size
                assert sum(output.eager_histogram) == output.size
                assert output.histogram == output.eager_histogram  # the engine is eager itself
    assert Report.from_json(report.to_json()) == report


def test_a_wrong_engine_shows_beyond_the_bound() -> None:
    model = SumOfNeighbours()
    right = eager(model)

    def wrong(**inputs: np.ndarray) -> np.ndarray:
        out = right(**inputs).copy()
        out[:1] += 1.0
        return out

    report = verify(FakeBundle(wrong), model)
    (check,) = report.engines[0].graphs[0].outputs
    beyond = sum(count for index, count in enumerate(check.histogram) if upper_edge(index) > 1)
    assert beyond == 2
    assert check.eager_histogram[-1] == 0


def test_a_small_graph_keeps_its_edges() -> None:
    inputs = example(nodes=8, edges=12)
    picture = picture_of((X, EDGES), inputs)
    assert picture is not None
    assert (picture.sources, picture.targets, picture.bipartite) == (8, 8, False)
    assert np.array_equal(np.array(picture.edges).T, inputs["edge_index"])
    assert picture.density == ()


@pytest.mark.parametrize("nodes", [50, 1000])
def test_a_large_graph_keeps_its_density(nodes: int) -> None:
    inputs = example(nodes=nodes, edges=3000)
    picture = picture_of((X, EDGES), inputs)
    assert picture is not None
    expected = np.zeros((CELLS, CELLS), int)
    for source, target in inputs["edge_index"].T:
        expected[source * CELLS // nodes, target * CELLS // nodes] += 1
    assert np.array_equal(np.array(picture.density), expected)
    assert picture.edges == ()


def test_sources_and_targets_may_be_different_nodes() -> None:
    specs = (
        TensorSpec("x", "float32", ("num_src", 3)),
        TensorSpec("y", "float32", ("num_dst", 3)),
        TensorSpec("edge_index", "int64", (2, "num_edges"), index_of=("num_src", "num_dst")),
    )
    inputs = {
        "x": np.zeros((5, 3), np.float32),
        "y": np.zeros((2, 3), np.float32),
        "edge_index": np.array([[4, 0], [1, 0]]),
    }
    picture = picture_of(specs, inputs)
    assert picture is not None
    assert (picture.sources, picture.targets, picture.bipartite) == (5, 2, True)


def test_a_model_without_an_edge_list_has_no_picture() -> None:
    assert picture_of((X,), {"x": np.zeros((3, 3), np.float32)}) is None
