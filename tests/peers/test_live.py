"""Our operators against the peers themselves on random cases; needs `make peers`."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.peers.answers import stored
from tests.peers.case import Case, positions, values
from tests.peers.cases import cases
from tests.peers.compare import assert_same
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


STRATEGIES = {
    **{function: scatters(function) for function in ("scatter", *COMPOSITES)},
    **{function: compressed(function) for function in ("segment_csr", "gather_csr")},
    **{function: products(function) for function in ("spmm", "matmul", "transpose")},
}


def test_every_route_has_a_strategy() -> None:
    assert set(STRATEGIES) == set(ROUTES)


@pytest.mark.parametrize("function", STRATEGIES)
@settings(deadline=None)
@given(data=st.data())
def test_we_answer_as_the_peer(function: str, data: st.DataObject) -> None:
    case = data.draw(STRATEGIES[function])
    theirs = answer(FUNCTIONS[function], case)
    for route in ROUTES[function]:
        ours = answer(route.function, case)
        assert set(ours) == set(theirs) - route.lacks
        for name, output in ours.items():
            assert_same(output, theirs[name], case)


@pytest.mark.parametrize("case", [pytest.param(c, id=c.key) for c in cases()])
def test_the_peer_still_answers_as_stored(case: Case) -> None:
    recorded = stored(case.function, case.name)
    live = answer(FUNCTIONS[case.function], case)
    assert set(live) == set(recorded)
    for name, output in live.items():
        assert_same(output, recorded[name], case)
