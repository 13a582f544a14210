"""What an integer input means is read from its bounds, and where they are silent from the example."""

import numpy as np
import pytest

from geocompile.exporters.program import TensorSpec
from geocompile.verification.suite import CASES, make_suite
from tests.verification.fakes import X

SOURCES = TensorSpec("x_s", "float32", ("num_src", 3))
TARGETS = TensorSpec("x_t", "float32", ("num_dst", 3))
UNBOUND = TensorSpec("edge_index", "int64", (2, "num_edges"))
NEEDS_BATCH = {"several graphs", "several graphs, one empty"}


def single(nodes=20, edges=60):
    rng = np.random.default_rng(0)
    return {
        "x": rng.standard_normal((nodes, 3)).astype(np.float32),
        "edge_index": rng.integers(0, nodes, (2, edges)),
    }


def bipartite(sources=30, targets=8, edges=70):
    rng = np.random.default_rng(0)
    return {
        "x_s": rng.standard_normal((sources, 3)).astype(np.float32),
        "x_t": rng.standard_normal((targets, 3)).astype(np.float32),
        "edge_index": np.stack([rng.integers(0, sources, edges), rng.integers(0, targets, edges)]),
    }


def graphs_of(suite):
    return {graph.name: graph.inputs for graph in suite.graphs}


def test_an_edge_list_without_a_bound_is_one_all_the_same():
    suite = make_suite((X, UNBOUND), [single()])
    assert {name for name, _ in suite.skipped} == NEEDS_BATCH
    graphs = graphs_of(suite)
    assert graphs["no edges"]["edge_index"].shape == (2, 0)
    assert graphs["no edges"]["x"].shape == (20, 3)  # num_edges does not count as nodes
    loops = graphs["self-loops"]["edge_index"]
    assert (loops[0] == loops[1]).any()
    for inputs in graphs.values():
        assert inputs["edge_index"].max(initial=-1) < max(len(inputs["x"]), 1)


@pytest.mark.parametrize(
    "bounds", [("num_src", "num_dst"), ("num_src", None), (None, None), None, ("*", "num_dst")]
)
def test_the_rows_of_a_bipartite_edge_list_have_their_own_ranges(bounds):
    specs = (SOURCES, TARGETS, TensorSpec("edge_index", "int64", (2, "num_edges"), bounds))
    suite = make_suite(specs, [bipartite()])
    assert {name for name, _ in suite.skipped} == NEEDS_BATCH
    for name, inputs in graphs_of(suite).items():
        source, target = inputs["edge_index"]
        assert source.max(initial=0) < max(len(inputs["x_s"]), 1), name
        assert target.max(initial=0) < max(len(inputs["x_t"]), 1), name
    graphs = graphs_of(suite)
    assert graphs["fresh features"]["edge_index"][0].max() >= 8  # sources are not cut to the targets
    assert len(np.unique(graphs["all edges to one node"]["edge_index"][1])) == 1
    assert len(np.unique(graphs["all edges to one node"]["edge_index"][0])) > 1
    assert len(np.unique(graphs["all edges from one node"]["edge_index"][0])) == 1
    assert len(np.unique(graphs["isolated nodes"]["edge_index"][0])) <= 15
    doubled = graphs["duplicate edges"]["edge_index"]
    assert np.unique(doubled, axis=1).shape[1] <= doubled.shape[1] // 2


def test_any_number_that_is_not_negative_is_a_batch_vector():
    batch = TensorSpec("graph", "int64", ("num_nodes",), "*")
    suite = make_suite((X, batch), [{"x": single()["x"], "graph": np.repeat([0, 1], 10)}])
    assert set(graphs_of(suite)["several graphs"]["graph"]) == {0, 1, 2, 3, 4}


def test_rows_of_which_nothing_is_known_keep_the_examples_values():
    triples = TensorSpec("triples", "int64", (3, "count"), ("num_nodes", None, "num_nodes"))
    rng = np.random.default_rng(0)
    values = np.stack([rng.integers(0, 20, 40), rng.choice([70, 80], 40), rng.integers(0, 20, 40)])
    suite = make_suite((X, triples), [{"x": single()["x"], "triples": values}])
    for graph in suite.graphs:
        drawn = graph.inputs["triples"]
        assert set(drawn[1]) <= {70, 80}
        assert drawn[[0, 2]].max(initial=-1) < max(len(graph.inputs["x"]), 1)
    assert dict(suite.skipped)["self-loops"] == "the edges do not come as one [2, num_edges] tensor"


def test_a_fixed_axis_of_integers_is_never_drawn_again():
    pairs = TensorSpec("pairs", "int64", (2, "num_pairs"))
    table = TensorSpec("table", "int64", (4,))
    values = np.stack([np.arange(100, 140), np.arange(1000, 1040)])  # no node has such a number
    example = {"x": single()["x"], "pairs": values, "table": np.array([5, 6, 7, 8])}
    suite = make_suite((X, pairs, table), [example])
    for graph in suite.graphs:
        assert (graph.inputs["pairs"][0] < 1000).all()
        assert (graph.inputs["pairs"][1] >= 1000).all()
        assert graph.inputs["table"].tolist() == [5, 6, 7, 8]


@pytest.mark.parametrize(
    ("spec", "values", "reason"),
    [
        (UNBOUND, np.full((2, 40), 500), "it is not known what 'edge_index' points at"),
        (UNBOUND, np.full((2, 40), -3), "it is not known what 'edge_index' points at"),
        (TensorSpec("edge_index", "int64", (2, 40)), np.ones((2, 40), int), "'edge_index' has a fixed size"),
    ],
)
def test_the_reason_why_structure_cannot_be_drawn_is_the_true_one(spec, values, reason):
    suite = make_suite((X, spec), [{"x": single()["x"], "edge_index": values}])
    assert dict(suite.skipped)["self-loops"] == reason


def test_node_numbers_into_a_table_do_not_make_nodes_edges():
    kind = TensorSpec("z", "int64", ("num_nodes",), "10")
    example = single() | {"z": np.arange(20) % 10}
    graphs = graphs_of(make_suite((kind, X, UNBOUND), [example]))
    assert len(graphs) == len(CASES) - len(NEEDS_BATCH) + 1
    assert len(graphs["one node"]["z"]) == 1
    assert graphs["no edges"]["x"].shape == (20, 3)


def test_edges_of_a_fixed_number_of_nodes_stay_below_the_examples_largest():
    fixed = TensorSpec("x", "float32", (20, 3))
    suite = make_suite((fixed, UNBOUND), [single()])
    assert dict(suite.skipped)["one node"] == "the number of nodes is fixed"
    assert all(graph.inputs["edge_index"].max(initial=0) < 20 for graph in suite.graphs)
