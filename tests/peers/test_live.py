"""Our operators against the peers themselves on random cases; needs `make peers`."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.peers.answers import stored
from tests.peers.case import Case, generator, positions, values
from tests.peers.cases import cases
from tests.peers.compare import assert_same, magnitudes_of
from tests.peers.coverage import ROUTES
from tests.peers.reductions import COMPOSITES, REDUCTIONS, row_starts
from tests.peers.tensors import answer

REASON = "the peers are not installed; make peers builds them"
for package in ("torch_scatter", "torch_cluster", "torch_sparse", "torch_spline_conv"):
    pytest.importorskip(package, reason=REASON)

from tests.peers.peers import FUNCTIONS  # noqa: E402

sizes = st.integers(0, 12)
seeds = st.integers(0, 2**32 - 1)
floats = st.sampled_from([np.float64, np.float32])


@st.composite
def scatters(draw: st.DrawFn, function: str) -> Case:
    """Any dimension reduced over, an index per row or per element, at least one edge and one channel."""
    shape = tuple(draw(st.lists(st.integers(1, 5), min_size=1, max_size=3)))
    dim = draw(st.integers(-len(shape), len(shape) - 1))
    num_edges, num_rows = draw(st.integers(1, 40)), draw(st.integers(1, 10))
    shape = (*shape[:dim], num_edges, *(shape[dim + 1 :] if dim != -1 else ()))
    rows = st.integers(0, num_rows - 1)
    full = draw(st.booleans()) and len(shape) > 1
    count = int(np.prod(shape)) if full else num_edges
    index = np.array(draw(st.lists(rows, min_size=count, max_size=count)))
    arguments: dict[str, Any] = {
        "src": values(shape, draw(floats), draw(seeds)),
        "index": index.reshape(shape if full else -1),
        "dim": dim,
        "dim_size": num_rows,
    }
    if function == "scatter":
        arguments["reduce"] = draw(st.sampled_from(REDUCTIONS))
    # the peer's gradient of a product that holds a zero is not the product's; of std in a row of one is not finite
    smooth = function != "scatter_std" and bool((arguments["src"] != 0).all())
    return Case(function, "drawn", arguments, differentiate=("src",) if smooth else ())


@st.composite
def compressed(draw: st.DrawFn, function: str) -> Case:
    num_rows = draw(st.integers(1, 10))
    rows = np.array(draw(st.lists(st.integers(0, num_rows - 1), min_size=1, max_size=40)))
    channels = draw(st.sampled_from([(), (1,), (3,), (2, 2)]))
    first = len(rows) if function == "segment_csr" else num_rows
    src = values((first, *channels), draw(floats), draw(seeds))
    arguments: dict[str, Any] = {"src": src, "indptr": row_starts(rows, num_rows)}
    if function == "segment_csr":
        arguments["reduce"] = draw(st.sampled_from(REDUCTIONS[:-1]))
    return Case(function, "drawn", arguments, differentiate=("src",))


@st.composite
def products(draw: st.DrawFn, function: str) -> Case:
    m, n, channels = draw(st.integers(1, 10)), draw(st.integers(1, 10)), draw(st.integers(1, 5))
    edge = st.tuples(st.integers(0, m - 1), st.integers(0, n - 1))
    index = np.array(draw(st.lists(edge, min_size=1, max_size=40, unique=function == "transpose"))).T
    dtype, seed = draw(floats), draw(st.integers(0, 2**31))
    arguments: dict[str, Any] = {"index": index, "m": m, "n": n}
    arguments["value"] = positions((index.shape[1],), dtype, seed) + 1
    if function == "transpose":
        return Case(function, "drawn", arguments)
    arguments["matrix"] = positions((n, channels), dtype, seed + 1) - 0.5
    if function == "matmul":
        arguments["reduce"] = draw(st.sampled_from(REDUCTIONS[:-1]))
    return Case(function, "drawn", arguments, differentiate=("value", "matrix"))


def points(shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Of which no two distances are as good as equal."""
    return generator(seed).random_sample(shape)


@st.composite
def searches(draw: st.DrawFn, function: str) -> Case:
    """Clouds of one or several graphs; for `nearest` none of them is empty."""
    dimension, seed, num_graphs = (
        draw(st.integers(1, 8)),
        draw(st.integers(0, 2**31)),
        draw(st.integers(1, 4)),
    )
    counts = st.lists(
        st.integers(1 if function == "nearest" else 0, 30), min_size=num_graphs, max_size=num_graphs
    )
    of_x, of_y = draw(counts), draw(counts)
    of_x[-1], of_y[-1] = of_x[-1] + 1, of_y[-1] + 1  # the peer counts graphs by the last one
    arguments: dict[str, Any] = {
        "x": points((sum(of_x), dimension), seed),
        "y": points((sum(of_y), dimension), seed + 1),
        "batch_x": np.repeat(np.arange(num_graphs), of_x) if num_graphs > 1 else None,
        "batch_y": np.repeat(np.arange(num_graphs), of_y) if num_graphs > 1 else None,
    }
    if function == "knn":
        arguments["k"] = draw(st.integers(1, 12))
    if function == "radius":
        arguments |= {"r": draw(st.floats(0.01, 2)), "max_num_neighbors": sum(of_x)}
    return Case(function, "drawn", arguments)


@st.composite
def samples(draw: st.DrawFn, function: str) -> Case:
    counts = draw(st.lists(st.integers(1, 30), min_size=1, max_size=4))
    src = points((sum(counts), draw(st.integers(1, 5))), draw(st.integers(0, 2**31)))
    arguments: dict[str, Any] = {"src": src, "batch": np.repeat(np.arange(len(counts)), counts)}
    ratio = draw(st.sampled_from([0.1, 0.25, 0.5, 0.7, 1.0]))
    return Case(function, "drawn", {**arguments, "ratio": ratio, "random_start": False})


@st.composite
def grids(draw: st.DrawFn, function: str) -> Case:
    dimension, seed = draw(st.integers(1, 4)), draw(st.integers(0, 2**31))
    arguments: dict[str, Any] = {
        "pos": points((draw(st.integers(1, 40)), dimension), seed) * 8 - 4,
        "size": points((dimension,), seed + 1) + 0.1,
        "start": None,
        "end": None,
    }
    if draw(st.booleans()):
        arguments |= {"start": np.full(dimension, -4.0), "end": np.full(dimension, 4.0)}
    return Case(function, "drawn", arguments)


@st.composite
def coalesced(draw: st.DrawFn, function: str) -> Case:
    m, n, seed = draw(st.integers(1, 9)), draw(st.integers(1, 9)), draw(seeds)
    edge = st.tuples(st.integers(0, m - 1), st.integers(0, n - 1))
    index = np.array(draw(st.lists(edge, min_size=1, max_size=40))).T
    value = values((index.shape[1], *draw(st.sampled_from([(), (1,), (3,)]))), draw(floats), seed)
    op = draw(st.sampled_from(["add", "mean", "max", "min"]))
    return Case(function, "drawn", {"index": index, "value": value, "m": m, "n": n, "op": op})


@st.composite
def splines(draw: st.DrawFn, function: str) -> Case:
    dimension, degree, seed = draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.integers(0, 2**31))
    each = {"min_size": dimension, "max_size": dimension}
    num_edges, dtype = draw(st.integers(1, 30)), draw(floats)
    if function == "spline_basis":
        arguments: dict[str, Any] = {
            "kernel_size": np.array(draw(st.lists(st.integers(degree + 1, 6), **each))),
            "is_open_spline": np.array(draw(st.lists(st.booleans(), **each)), np.uint8),
            "degree": degree,
            "pseudo": positions((num_edges, dimension), dtype, seed),
        }
        return Case(function, "drawn", arguments, differentiate=("pseudo",))
    terms, kernels = (degree + 1) ** dimension, draw(st.integers(1, 30))
    inputs, outputs = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    arguments = {
        "x": values((num_edges, inputs), dtype, seed),
        "weight": values((kernels, inputs, outputs), dtype, seed + 1),
        "basis": positions((num_edges, terms), dtype, seed + 2),
        "weight_index": generator(seed + 3).randint(0, kernels, (num_edges, terms)),
    }
    return Case(function, "drawn", arguments, differentiate=("x", "weight", "basis"))


STRATEGIES = {
    **{function: scatters(function) for function in ("scatter", *COMPOSITES)},
    **{function: compressed(function) for function in ("segment_csr", "gather_csr")},
    **{function: products(function) for function in ("spmm", "matmul", "transpose")},
    **{function: searches(function) for function in ("knn", "radius", "nearest")},
    **{function: splines(function) for function in ("spline_basis", "spline_weighting")},
    "coalesce": coalesced("coalesce"),
    "fps": samples("fps"),
    "grid_cluster": grids("grid_cluster"),
}
LEFT_TO_CHANCE = {"graclus_cluster"}  # the peer visits nodes in random order


def test_every_route_has_a_strategy() -> None:
    assert set(STRATEGIES) == set(ROUTES) - LEFT_TO_CHANCE


@pytest.mark.parametrize("function", STRATEGIES)
@settings(deadline=None)
@given(data=st.data())
def test_we_answer_as_the_peer(function: str, data: st.DataObject) -> None:
    case = data.draw(STRATEGIES[function])
    theirs, magnitudes = answer(FUNCTIONS[function], case), magnitudes_of(FUNCTIONS[function], case)
    for route in ROUTES[function]:
        ours = answer(route.function, case)
        assert set(ours) == set(theirs) - route.lacks
        for name, output in ours.items():
            assert_same(output, theirs[name], case, magnitudes.get(name))


@pytest.mark.parametrize("case", [pytest.param(c, id=c.key) for c in cases()])
def test_the_peer_still_answers_as_stored(case: Case) -> None:
    recorded = stored(case.function, case.name)
    function = FUNCTIONS[case.function]
    live, magnitudes = answer(function, case), magnitudes_of(function, case)
    assert set(live) == set(recorded)
    for name, output in live.items():
        assert_same(output, recorded[name], case, magnitudes.get(name))
