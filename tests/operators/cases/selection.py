"""graph_ptr, topk, filter_edges, and the dense form of a batch: slots, to_dense, from_dense."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from tests.operators.cases.case import Case, values
from tests.operators.cases.graphs import graphs

# The nodes of each graph.
SIZES: dict[str, list[int]] = {
    "several": [5, 1, 8, 3],
    "empty-graphs": [0, 4, 0, 0, 7, 0],
    "one-node": [1],
    "one-graph": [17],
    "no-nodes": [0, 0],
    "no-graphs": [],
    "wide": [3000, 10, 20_000, 250, 1],
}


def cases() -> Iterator[Case]:
    yield from _graph_ptr()
    yield from _topk()
    yield from _filter_edges()
    yield from _dense()


def _ptr(name: str, index: type = np.int64) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(SIZES[name])]).astype(index)


def _small() -> list[str]:
    return [name for name in SIZES if name != "wide"]


def _graph_ptr() -> Iterator[Case]:
    for index in (np.int64, np.int32):
        for name, sizes in SIZES.items():
            batch = np.repeat(np.arange(len(sizes)), sizes).astype(index)
            yield Case("graph_ptr", f"{name}-{index.__name__}", {"batch": batch, "like": None})
            like = np.zeros((len(sizes) + 1, 2), np.float32)  # one more, without nodes
            yield Case("graph_ptr", f"{name}-{index.__name__}-like", {"batch": batch, "like": like})


def _topk() -> Iterator[Case]:
    for name in SIZES:
        for ratio in (0.5, 0.3, 0.01, 1.0, 4.0, 1e6):
            dtype, index = (np.float32, np.int64) if ratio == 0.5 else (np.float64, np.int32)
            score = values((sum(SIZES[name]),), dtype)
            yield Case("topk", f"{name}-{ratio}", {"score": score, "ptr": _ptr(name, index), "ratio": ratio})
            ties = np.round(score * 2) / 2
            yield Case("topk", f"{name}-{ratio}-ties", {"score": ties, "ptr": _ptr(name), "ratio": ratio})
    nan, inf = np.nan, np.inf
    special = np.array(
        [0.0, -0.0, nan, 1.0, inf, -inf, nan, -nan, -1.0, 0.0, -inf, inf, nan, 1e-40, -1e-40, 0, 2]
    )
    for dtype in (np.float32, np.float64):
        arguments = {"score": special.astype(dtype), "ptr": _ptr("several"), "ratio": 0.75}
        yield Case("topk", f"special-values-{dtype.__name__}", arguments)


def _filter_edges() -> Iterator[Case]:
    random = np.random.default_rng(2)
    for index in (np.int64, np.int32):
        for g in graphs(index):
            edge_index = np.stack([g.source, g.target])
            like = np.zeros((g.num_nodes, 3), np.float32)
            half = random.permutation(g.num_nodes)[: (g.num_nodes + 1) // 2]
            for kept, perm in {"half": half, "all": np.arange(g.num_nodes), "none": half[:0]}.items():
                arguments = {"edge_index": edge_index, "perm": perm, "like": like}
                yield Case("filter_edges", f"{g.name}-{kept}-{index.__name__}", arguments)
    edge_index = random.integers(0, 500, (2, 100_000))
    arguments = {"edge_index": edge_index, "perm": random.permutation(500)[:300], "like": np.zeros(500)}
    yield Case("filter_edges", "wide", arguments)
    twice = {"edge_index": np.array([[0, 1, 2], [1, 2, 0]]), "perm": np.array([2, 1, 2]), "like": np.zeros(3)}
    yield Case("filter_edges", "named-twice", twice)


def _dense() -> Iterator[Case]:
    for name in _small():
        for index, dtype in ((np.int64, np.float64), (np.int32, np.float32)):
            ptr, sizes = _ptr(name, index), SIZES[name]
            like = np.zeros((sum(sizes), 1), np.float32)
            yield Case("slots", f"{name}-{index.__name__}", {"ptr": ptr, "like": like})
            for channels, num_slots in (
                ((), 3),
                ((3,), max(sizes, default=0)),
                ((3,), 10),
                ((2, 2), 0),
                ((0,), 4),
            ):
                form = f"{name}-{dtype.__name__}-{len(channels)}-channels-{num_slots}-slots"
                slots = np.zeros((num_slots, 2), np.float32)
                x = values((sum(sizes), *channels), dtype)
                fill = 0.0 if channels else -1.5
                yield Case("to_dense", form, {"x": x, "ptr": ptr, "slots": slots, "fill_value": fill})
                dense = values((len(sizes), num_slots, *channels), dtype)
                yield Case("from_dense", form, {"dense": dense, "ptr": ptr, "like": like})
    ptr, like = _ptr("wide"), np.zeros(sum(SIZES["wide"]))
    slots = np.zeros(3100)
    x, dense = values((len(like), 3), np.float32), values((len(ptr) - 1, 3100, 3), np.float32)
    yield Case("to_dense", "wide", {"x": x, "ptr": ptr, "slots": slots, "fill_value": 2.0})
    yield Case("from_dense", "wide", {"dense": dense, "ptr": ptr, "like": like})
    yield Case("slots", "wide", {"ptr": ptr, "like": like})


def refused() -> Iterator[Case]:
    wrong, outside = ValueError, IndexError

    def case(
        operator: str, base: dict[str, Any], name: str, error: type[Exception], message: str, **changes: Any
    ) -> Case:
        return Case(operator, name, {**base, **changes}, (error, message))

    yield from _refused_batches(case)
    ptr, score = _ptr("several"), values((17,), np.float32)
    topk = {"score": score, "ptr": ptr, "ratio": 0.5}
    yield case("topk", topk, "matrix-score", wrong, "'score' must have one dimension", score=score[:, None])
    yield case("topk", topk, "empty-ptr", wrong, "'ptr' must have at least one element", ptr=ptr[:0])
    yield case("topk", topk, "zero-ratio", wrong, "'ratio' must be a share of the nodes", ratio=0.0)
    yield case("topk", topk, "nan-ratio", wrong, "or a number of nodes, got nan", ratio=float("nan"))
    slots = np.zeros((4, 0), np.float32)
    to_dense = {"x": values((17, 2), np.float32), "ptr": ptr, "slots": slots, "fill_value": 0.0}
    yield case(
        "to_dense", to_dense, "scalar-x", wrong, "'x' must have at least one dimension", x=np.array(1.0)
    )
    yield case("to_dense", to_dense, "bool-src", wrong, "'x' must be float32, float64", x=np.zeros(17, bool))
    for fill, dtype in ((0.5, "int64"), (float("nan"), "int64"), (2.0**63, "int64"), (1e30, "int32")):
        integers, message = np.zeros(17, dtype), f"'fill_value' must be an {dtype} as 'x' is, got"
        changes = {"x": integers, "fill_value": fill}
        yield case("to_dense", to_dense, f"fill-{fill}-in-{dtype}", wrong, message, **changes)
    many = {"ptr": _ptr("no-graphs"), "x": np.zeros((0, 2))}
    yield case(
        "to_dense", to_dense, "scalar-slots", wrong, "'slots' must have at least", slots=np.array(1.0), **many
    )
    dense = {"dense": values((4, 3, 2), np.float32), "ptr": ptr, "like": score}
    message = "'dense' must have shape [4, slots, ...]"
    yield case("from_dense", dense, "few-graphs", wrong, message, dense=dense["dense"][:3])
    yield case("from_dense", dense, "vector", wrong, message, dense=np.zeros(4))
    of_slots = {"ptr": ptr, "like": score}
    yield case(
        "slots", of_slots, "float-index", wrong, "'ptr' must be int64 or int32", ptr=ptr.astype(np.float32)
    )
    for operator, base in {
        "topk": topk,
        "to_dense": to_dense,
        "from_dense": dense,
        "slots": of_slots,
    }.items():
        falling, late, long = ptr.copy(), ptr.copy(), ptr.copy()
        falling[2], late[0], long[-1] = 0, 1, 2**40
        message = "'ptr' must start at 0, never decrease, and end at the number of nodes (17); it "
        yield case(
            operator, base, "falling-ptr", outside, message + "falls from 5 to 0 at graph 1", ptr=falling
        )
        yield case(operator, base, "late-ptr", outside, message + "starts at 1 and ends at 17", ptr=late)
        yield case(operator, base, "long-ptr", outside, message + "starts at 0", ptr=long)
    yield from _refused_edges(case)


def _refused_batches(case: Any) -> Iterator[Case]:
    wrong, outside = ValueError, IndexError
    base = {"batch": np.array([0, 0, 1]), "like": None}
    message = "'batch' must be sorted, but 'batch'[2] is 0 after 1"
    yield case("graph_ptr", base, "unsorted", wrong, message, batch=np.array([0, 1, 0, 1, 0]))
    yield case(
        "graph_ptr",
        base,
        "negative",
        outside,
        "'batch'[0] is -1, it must not be negative",
        batch=np.array([-1, 2]),
    )
    absurd = "'batch' holds the graph number 1099511627776"
    yield case("graph_ptr", base, "absurd", outside, absurd, batch=np.array([0, 2**40]))
    many = "'batch' holds the graph number 2000000000, the largest possible for 2 nodes is 67108863"
    yield case("graph_ptr", base, "many", outside, many, batch=np.array([0, 2_000_000_000]))
    like = np.zeros((2, 3), np.float32)
    message = "'batch'[1] is 2, the valid range is 0 to 1"
    yield case("graph_ptr", base, "large", outside, message, batch=np.array([0, 2, 3]), like=like)
    yield case(
        "graph_ptr",
        base,
        "unsorted-like",
        wrong,
        "'batch'[1] is 0 after 1",
        batch=np.array([1, 0]),
        like=like,
    )
    yield case("graph_ptr", base, "float-batch", wrong, "'batch' must be int64 or int32", batch=np.zeros(2))


def _refused_edges(case: Any) -> Iterator[Case]:
    wrong, outside = ValueError, IndexError
    edges = np.array([[0, 1, 2, 3], [1, 2, 3, 0]])
    base = {"edge_index": edges, "perm": np.array([3, 1]), "like": np.zeros((4, 2))}
    negative, large = edges.copy(), edges.copy()
    negative[0, 2], large[1, 1] = -1, 4
    message = "'edge_index'[2] is -1, it must not be negative"
    yield case("filter_edges", base, "negative-edge", outside, message, edge_index=negative)
    message = "'edge_index'[5] is 4, the valid range is 0 to 3"
    yield case("filter_edges", base, "large-edge", outside, message, edge_index=large)
    message = "'perm'[1] is 4, the valid range is 0 to 3"
    yield case("filter_edges", base, "large-perm", outside, message, perm=np.array([3, 4]))
    message = "'perm'[0] is -3, it must not be negative"
    yield case("filter_edges", base, "negative-perm", outside, message, perm=np.array([-3, 1]))
    message = "'edge_index' must have shape [2, num_edges], got [4, 2]"
    yield case("filter_edges", base, "transposed", wrong, message, edge_index=edges.T)
    yield case(
        "filter_edges", base, "int32-perm", wrong, "'perm' must be int64", perm=base["perm"].astype(np.int32)
    )
