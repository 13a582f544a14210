"""csr_from_coo and batch_ptr."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from tests.operators.cases.case import Case
from tests.operators.cases.graphs import graphs


def cases() -> Iterator[Case]:
    yield from _csr()
    yield from _batch()


def _csr() -> Iterator[Case]:
    for index in (np.int64, np.int32):
        for g in graphs(index):
            like = np.zeros((g.num_nodes, 2), np.float32)
            name = f"{g.name}-{index.__name__}"
            yield Case("csr_from_coo", name, {"index": g.target, "like": like, "other": g.source})
            yield Case("csr_from_coo", f"{name}-alone", {"index": g.target, "like": like, "other": None})


def _batch() -> Iterator[Case]:
    for index in (np.int64, np.int32):
        for name, batch in {
            "sorted": [0, 0, 1, 1, 1, 2],
            "unsorted": [2, 0, 1, 0, 2],
            "empty-graph": [0, 0, 3],
            "one-node": [0],
            "no-nodes": [],
        }.items():
            yield Case("batch_ptr", f"{name}-{index.__name__}", {"batch": np.array(batch, index)})


def refused() -> Iterator[Case]:
    """Inputs that every runtime must refuse, with what the message must say."""
    g = graphs()[0]
    x = np.zeros((9, 4), np.float32)
    base = {"index": g.target, "like": x, "other": g.source}
    negative, large = g.target.copy(), g.target.copy()
    negative[5], large[7] = -1, 9

    def case(name: str, error: type[Exception], message: str, **changes: Any) -> Case:
        return Case("csr_from_coo", name, {**base, **changes}, (error, message))

    def batch_case(name: str, batch: Any, error: type[Exception], message: str) -> Case:
        return Case("batch_ptr", name, {"batch": np.array(batch)}, (error, message))

    wrong, outside = ValueError, IndexError
    yield case("negative-index", outside, "'index'[5] is -1, it must not be negative", index=negative)
    yield case("large-index", outside, "'index'[7] is 9, the valid range is 0 to 8", index=large)
    yield case("no-rows", outside, "nothing to refer to (0 rows)", like=x[:0])
    float_index = g.target.astype(np.float32)
    yield case("float-index", wrong, "'index' must be int64 or int32", index=float_index)
    yield case("matrix-index", wrong, "'index' must have one dimension", index=np.stack([g.target] * 2))
    mixed = "'index' is int64 but 'other' is int32"
    yield case("mixed-index-types", wrong, mixed, other=g.source.astype(np.int32))
    yield case("short-other", wrong, "'other' must have shape [40]", other=g.source[:-1])
    yield batch_case("negative-graph", [0, -1, 2], outside, "'batch'[1] is -1, it must not be negative")
    absurd = "'batch' holds the graph number 1099511627776"
    yield batch_case("absurd-graph", [0, 2**40], outside, absurd)
    many = "'batch' holds the graph number 2000000000, the largest possible for 2 nodes is 67108863"
    yield batch_case("many-graphs", [2_000_000_000, 0], outside, many)
    yield batch_case("float-batch", [0.0, 1.0], wrong, "'batch' must be int64 or int32")
