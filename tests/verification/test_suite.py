"""The graphs of the suite are what they are called, and valid for the model's inputs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geocompile.exporters.program import TensorSpec
from geocompile.verification.suite import make_suite
from tests.verification.fakes import BATCH, EDGES, X

WEIGHT = TensorSpec("edge_weight", "float32", ("num_edges",))
KIND = TensorSpec("kind", "int64", ("num_nodes",))
GLOBAL = TensorSpec("u", "float32", ("num_graphs", 2))
SCALE = TensorSpec("scale", "float32", ())
ALL = (X, EDGES, WEIGHT, BATCH, KIND, GLOBAL, SCALE)


def graph_of(nodes=12, edges=30, graphs=2, seed=0):
    rng = np.random.default_rng(seed)
    batch = np.sort(rng.integers(0, graphs, nodes))
    batch[-1:] = graphs - 1
    return {
        "x": rng.standard_normal((nodes, 3)).astype(np.float32),
        "edge_index": rng.integers(0, max(nodes, 1), (2, edges)),
        "edge_weight": rng.random(edges).astype(np.float32),
        "batch": batch,
        "kind": rng.choice([1, 6, 8], nodes),
        "u": rng.random((graphs, 2)).astype(np.float32),
        "scale": np.array(1.5, np.float32),
    }


@settings(max_examples=60, deadline=None)
@given(
    nodes=st.integers(1, 40), edges=st.integers(0, 90), graphs=st.integers(1, 4), seed=st.integers(0, 2**31)
)
def test_every_graph_fits_the_inputs(nodes, edges, graphs, seed):
    suite = make_suite(ALL, [graph_of(nodes, edges, graphs, seed)], seed)
    for graph in suite.graphs:
        sizes = {}
        for spec in ALL:
            array = graph.inputs[spec.name]
            assert array.dtype == spec.dtype
            for size, name in zip(array.shape, spec.shape, strict=True):
                assert sizes.setdefault(name, size) == size if isinstance(name, str) else size == name
        edge_index, batch = graph.inputs["edge_index"], graph.inputs["batch"]
        assert edge_index.size == 0 or (edge_index.min() >= 0 and edge_index.max() < sizes["num_nodes"])
        assert (np.diff(batch) >= 0).all()
        assert batch.size == 0 or (batch.min() >= 0 and batch.max() == sizes["num_graphs"] - 1)
        assert set(graph.inputs["kind"]) <= {1, 6, 8}
        assert np.isfinite(graph.inputs["x"]).all()


@pytest.fixture(scope="module")
def graphs():
    return {graph.name: graph.inputs for graph in make_suite(ALL, [graph_of(60, 200)]).graphs}


def test_names_say_what_the_graphs_are(graphs):
    assert graphs["no edges"]["edge_index"].shape == (2, 0)
    assert graphs["one node"]["x"].shape == (1, 3)
    assert graphs["zero nodes"]["x"].shape == (0, 3)
    assert graphs["larger"]["x"].shape[0] > 60
    assert graphs["larger"]["edge_index"].shape[1] > 200
    assert graphs["smaller"]["x"].shape[0] < 60
    touched = np.unique(graphs["isolated nodes"]["edge_index"])
    assert len(touched) <= 30
    loops = graphs["self-loops"]["edge_index"]
    assert (loops[0] == loops[1]).sum() >= 60
    assert (loops[0] != loops[1]).any()
    doubled = graphs["duplicate edges"]["edge_index"]
    assert np.unique(doubled, axis=1).shape[1] <= doubled.shape[1] // 2
    assert len(np.unique(graphs["all edges to one node"]["edge_index"][1])) == 1
    assert len(np.unique(graphs["all edges from one node"]["edge_index"][0])) == 1
    assert set(graphs["several graphs"]["batch"]) == {0, 1, 2, 3, 4}
    assert set(graphs["several graphs, one empty"]["batch"]) == {0, 2, 3, 4}


def test_edges_stay_within_their_graph(graphs):
    inputs = graphs["several graphs"]
    source, target = inputs["edge_index"]
    assert (inputs["batch"][source] == inputs["batch"][target]).all()


def test_values_stay_in_the_examples_distribution():
    example = graph_of(50, 100)
    example["x"] = np.eye(3, dtype=np.float32)[np.random.default_rng(1).integers(0, 3, 50)]
    for graph in make_suite(ALL, [example]).graphs[1:]:
        assert graph.inputs["x"].min(initial=0) >= 0
        assert graph.inputs["x"].max(initial=0) <= 1
        assert ((graph.inputs["x"] > 0).sum(axis=1) == 1).all()  # one-hot stays one-hot
        assert (graph.inputs["edge_weight"] >= 0).all()


def test_features_are_drawn_afresh():
    example = graph_of(50, 100)
    fresh = next(g for g in make_suite(ALL, [example]).graphs if g.name == "fresh features").inputs
    assert not np.isin(fresh["x"], example["x"]).all()
    assert not np.array_equal(fresh["edge_index"], example["edge_index"])


def test_equal_seeds_give_equal_suites_and_redraws_differ():
    one, two = (make_suite(ALL, [graph_of()], seed=4).graphs for _ in range(2))
    for left, right in zip(one, two, strict=True):
        assert all(np.array_equal(left.inputs[name], right.inputs[name]) for name in left.inputs)
    assert one[0].redraw is None
    again = one[1].redraw(1)
    assert again.name == one[1].name
    assert not np.array_equal(again.inputs["x"], one[1].inputs["x"])


def test_fixed_sizes_leave_cases_out_with_the_reason():
    specs = (TensorSpec("x", "float32", (12, 3)), TensorSpec("edge_index", "int64", (2, 30), index_of="12"))
    suite = make_suite(specs, [graph_of()])
    skipped = dict(suite.skipped)
    assert skipped["no edges"] == "the number of edges is fixed"
    assert skipped["zero nodes"] in ("the number of edges is fixed", "the number of nodes is fixed")
    assert skipped["several graphs"] in ("the number of nodes is fixed", "the model has no batch vector")
    heavy = next(graph for graph in suite.graphs if graph.name == "all edges to one node")
    assert heavy.inputs["edge_index"].shape == (2, 30)
    assert heavy.inputs["edge_index"].max() < 12


def test_a_model_without_edges_has_no_edge_cases():
    suite = make_suite((X,), [{"x": graph_of()["x"]}])
    assert dict(suite.skipped)["self-loops"] == "the model has no edge list"
    assert {"larger", "one node", "zero nodes"} <= {graph.name for graph in suite.graphs}


@pytest.mark.parametrize("empty", ["nodes", "edges"])
def test_empty_examples_are_no_problem(empty):
    example = graph_of(0, 0, graphs=1) if empty == "nodes" else graph_of(9, 0)
    assert len(make_suite(ALL, [example]).graphs) > 5
