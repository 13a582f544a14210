"""The stored answers that wait for an operator, against dense formulas: good data to build the operators on."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.peers.answers import stored
from tests.peers.case import Case
from tests.peers.cases import cases
from tests.peers.coverage import WAITING


def asked(*functions: str) -> pytest.MarkDecorator:
    chosen = [pytest.param(c, id=c.key) for c in cases() if c.function in functions and not c.difference]
    return pytest.mark.parametrize("case", chosen)


def test_every_waiting_function_is_checked_here() -> None:
    here = {name for test in list(globals().values()) for name in _functions_of(test)}
    assert here == set(WAITING)


def _functions_of(test: Any) -> set[str]:
    marks = getattr(test, "pytestmark", [])
    return {p.values[0].function for mark in marks if mark.name == "parametrize" for p in mark.args[1]}


@asked("grid_cluster")
def test_grid_cluster_counts_voxels_first_dimension_fastest(case: Case) -> None:
    pos, size = case.arguments["pos"], case.arguments["size"]
    start = pos.min(axis=0) if case.arguments["start"] is None else case.arguments["start"]
    end = pos.max(axis=0) if case.arguments["end"] is None else case.arguments["end"]
    voxels = ((end - start) / size).astype(int) + 1
    stride = np.concatenate([[1], np.cumprod(voxels)[:-1]])
    expected = (((pos - start) / size).astype(int) * stride).sum(axis=1)
    np.testing.assert_array_equal(stored("grid_cluster", case.name)["out"], expected)


@asked("graclus_cluster")
def test_graclus_pairs_neighbours_until_no_two_are_left(case: Case) -> None:
    row, col = case.arguments["row"], case.arguments["col"]
    edges = set(zip(row.tolist(), col.tolist(), strict=True))
    for result in np.atleast_2d(stored("graclus_cluster", case.name)["out"]):
        members = {c: np.flatnonzero(result == c).tolist() for c in set(result.tolist())}
        assert all(cluster == nodes[0] and len(nodes) <= 2 for cluster, nodes in members.items())
        assert all(tuple(nodes) in edges for nodes in members.values() if len(nodes) == 2)
        alone = [nodes[0] for nodes in members.values() if len(nodes) == 1]
        assert not [(i, j) for i in alone for j in alone if i != j and (i, j) in edges]


@asked("coalesce")
def test_coalesce_reduces_duplicates_in_row_order(case: Case) -> None:
    index, value = case.arguments["index"], case.arguments["value"]
    reduce: Callable[..., np.ndarray] = {"add": np.sum, "mean": np.mean, "max": np.max, "min": np.min}[
        case.arguments["op"]
    ]
    unique, place = np.unique(index, axis=1, return_inverse=True)
    place = place.reshape(-1)
    expected = np.stack([reduce(value[place == i], axis=0) for i in range(unique.shape[1])])
    answer = stored("coalesce", case.name)
    np.testing.assert_array_equal(answer["index"], unique)
    np.testing.assert_allclose(answer["out"], expected, rtol=1e-14)


@asked("spline_basis")
def test_spline_basis_sums_to_one_over_places_of_the_kernel(case: Case) -> None:
    answer, kernel_size = stored("spline_basis", case.name), case.arguments["kernel_size"]
    num_edges, dimension = case.arguments["pseudo"].shape
    assert answer["out"].shape == (num_edges, (case.arguments["degree"] + 1) ** dimension)
    eps = np.finfo(answer["out"].dtype).eps
    np.testing.assert_allclose(answer["out"].sum(axis=1), 1, atol=32 * eps)
    assert (answer["weight_index"] >= 0).all()
    assert (answer["weight_index"] < kernel_size.prod()).all()


@asked("spline_weighting")
def test_spline_weighting_sums_weighted_products(case: Case) -> None:
    x, weight, basis = (case.arguments[name].astype(np.float64) for name in ("x", "weight", "basis"))
    expected = np.einsum("ei,esio,es->eo", x, weight[case.arguments["weight_index"]], basis)
    tolerance = 1e-5 if case.arguments["x"].dtype == np.float32 else 1e-13  # of 48 terms up to 16
    np.testing.assert_allclose(
        stored("spline_weighting", case.name)["out"], expected, rtol=0, atol=100 * tolerance
    )
