"""gather_kernel_reduce, gather_sparse_kernel_reduce, and the operators of their gradients."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from tests.operators.cases.case import Case, values
from tests.operators.cases.graphs import Graph, graphs, heavy_graph

DENSE = ("sum", "mean")
SPARSE = ("sum", "mean", "mean_per_kernel")


def cases() -> Iterator[Case]:
    yield from _dense()
    yield from _sparse()


def _dense() -> Iterator[Case]:
    g = graphs()[0]
    for num_kernels in (0, 1, 2, 4, 5, 11):
        yield _dense_case(g, "sum", num_kernels, (7,), np.float32)
    for shape in ((), (0,), (1,), (2, 3), (37,), (300,)):
        yield _dense_case(g, "sum", 6, shape, np.float32)
    for reduce in DENSE:
        for g in [*graphs(), *graphs(np.int32)[:3]]:
            yield _dense_case(g, reduce, 3, (5,), np.float64)
        yield _dense_case(heavy_graph(), reduce, 5, (3,), np.float64)
        yield _dense_case(heavy_graph(), reduce, 3, (20,), np.float32)
        x = np.array([[np.nan, 1.0], [np.inf, -np.inf], [1e300, 1e300], [2.0, 0.0]])
        weight = np.array([[1.0, 0.0], [0.0, 1.0], [1e300, -np.inf], [1.0, 1.0], [0.5, 0.5]])
        special = {"x": x, "rowptr": np.array([0, 2, 3, 3, 5]), "col": np.array([0, 3, 2, 1, 3])}
        arguments = {**special, "weight": weight, "reduce": reduce}
        yield Case("gather_kernel_reduce", f"{reduce}-special-values", arguments)


def _dense_case(g: Graph, reduce: str, num_kernels: int, shape: tuple[int, ...], dtype: type) -> Case:
    arguments = {
        "x": values((g.num_nodes, *shape), dtype),
        "rowptr": g.rowptr,
        "col": g.col,
        "weight": values((g.num_edges, num_kernels), dtype, seed=4),
        "reduce": reduce,
    }
    return Case("gather_kernel_reduce", _name(g, reduce, f"{num_kernels}", shape, dtype), arguments)


def _sparse() -> Iterator[Case]:
    g = graphs()[0]
    for shape in ((), (0,), (1,), (2, 3), (37,), (300,)):
        yield _sparse_case(g, "sum", shape != (), 5, (2,), shape, np.float32)
    for reduce in SPARSE:
        for g in [*graphs(), *graphs(np.int32)[:3]]:
            yield _sparse_case(g, reduce, False, 4, (), (5,), np.float64)
            yield _sparse_case(g, reduce, True, 4, (2,), (5,), np.float64)
        for num_kernels, active in ((1, (1,)), (3, (0,)), (64, (3,)), (130, (8,))):
            yield _sparse_case(graphs()[0], reduce, True, num_kernels, active, (6,), np.float32)
        yield _sparse_case(heavy_graph(), reduce, True, 5, (2,), (3,), np.float64)
        yield _sparse_case(heavy_graph(), reduce, False, 70, (), (20,), np.float32)
    yield _sparse_case(graphs()[4], "sum", True, 0, (2,), (3,), np.float32)


def _sparse_case(
    g: Graph,
    reduce: str,
    weighted: bool,
    num_kernels: int,
    active: tuple[int, ...],
    shape: tuple[int, ...],
    dtype: type,
) -> Case:
    arguments = {
        "x": values((g.num_nodes, *shape), dtype),
        "rowptr": g.rowptr,
        "col": g.col,
        "weight": values((g.num_edges, *active), dtype, seed=4) if weighted else None,
        "kernel": _kernels(g, num_kernels, active),
        "like": np.zeros((num_kernels, 2), np.float32),
        "reduce": reduce,
    }
    of = f"{'x'.join(map(str, active)) or 'one'}-of-{num_kernels}{'' if weighted else '-plain'}"
    return Case("gather_sparse_kernel_reduce", _name(g, reduce, of, shape, dtype), arguments)


def _kernels(g: Graph, num_kernels: int, active: tuple[int, ...]) -> np.ndarray:
    drawn = np.random.default_rng(6).integers(0, max(num_kernels, 1), (g.num_edges, *active))
    return drawn.astype(g.col.dtype)


def _name(g: Graph, reduce: str, kernels: str, shape: tuple[int, ...], dtype: type) -> str:
    size = "x".join(str(n) for n in shape) or "vector"
    return f"{reduce}-{g.name}-{kernels}-{size}-{np.dtype(dtype).name}-{g.col.dtype.name}"


def gradient_cases() -> Iterator[Case]:
    """Cases of the operators that only gradients use: they have no ONNX form."""
    for g in [*graphs(), *graphs(np.int32)[:2]]:
        for form, kernel in {"dense": None, "one": _kernels(g, 3, ()), "few": _kernels(g, 3, (2,))}.items():
            yield from _gradient_cases(f"{form}-{g.name}-{g.col.dtype.name}", g, 3, (5,), kernel, np.float64)
    g = graphs()[0]
    for shape in ((), (0,), (2, 3), (37,), (300,)):
        yield from _gradient_cases(f"wide-{len(shape)}-{sum(shape)}", g, 5, shape, None, np.float32)
        sparse = _kernels(g, 5, (2,))
        yield from _gradient_cases(f"wide-few-{len(shape)}-{sum(shape)}", g, 5, shape, sparse, np.float32)
    heavy = heavy_graph()
    yield from _gradient_cases("heavy", heavy, 3, (4,), _kernels(heavy, 3, (2,)), np.float64)


def _gradient_cases(
    name: str, g: Graph, num_kernels: int, shape: tuple[int, ...], kernel: np.ndarray | None, dtype: type
) -> Iterator[Case]:
    of_kernels = values((g.num_nodes, num_kernels, *shape), dtype)
    edges = {"rowptr": g.rowptr, "col": g.col}
    weight = values((g.num_edges, num_kernels) if kernel is None else kernel.shape, dtype, seed=4)
    is_plain = kernel is not None and kernel.ndim == 1
    contract = {"x": of_kernels, **edges, "weight": None if is_plain else weight, "kernel": kernel}
    yield Case("kernel_contract", name, contract)
    ends = {"a": of_kernels, "b": values((g.num_nodes, *shape), dtype, seed=5)}
    yield Case("kernel_dot", name, {**ends, **edges, "kernel": kernel})


def refused() -> Iterator[Case]:
    """Inputs that every runtime must refuse, with what the message must say."""
    g = graphs()[0]
    edges = {"x": values((9, 4), np.float32), "rowptr": g.rowptr, "col": g.col}
    weight, kernel = values((40, 3), np.float32), _kernels(g, 6, (3,))
    dense = {**edges, "weight": weight, "reduce": "sum"}
    sparse = {**edges, "weight": weight, "kernel": kernel, "like": np.zeros((6, 1)), "reduce": "sum"}
    bad_col, falling = g.col.copy(), g.rowptr.copy()
    bad_col[-1], falling[3] = 9, falling[5] + 1
    large, negative, relation = kernel.copy(), kernel.copy(), kernel[:, 0].copy()
    large[17, 2], negative[4, 0], relation[39] = 6, -1, 6
    wrong, outside = ValueError, IndexError
    for operator, arguments in (("gather_kernel_reduce", dense), ("gather_sparse_kernel_reduce", sparse)):

        def case(name: str, error: type[Exception], message: str, **changes: Any) -> Case:
            return Case(operator, name, {**arguments, **changes}, (error, message))  # noqa: B023

        yield case("large-col", outside, "'col'[39] is 9, the valid range is 0 to 8", col=bad_col)
        yield case("falling-rowptr", outside, "'rowptr' must start at 0, never decrease", rowptr=falling)
        yield case("no-rowptr", wrong, "'rowptr' must have at least one element", rowptr=g.rowptr[:0])
        integers = edges["x"].astype(np.int64)
        yield case("integer-features", wrong, "'x' must be float32, float64, float16", x=integers)
        mixed = "'x' is float32 but 'weight' is float64"
        yield case("mixed-types", wrong, mixed, weight=weight.astype(np.float64))
        yield case("unknown-reduction", wrong, "reduce must be 'sum'", reduce="max")
    short = "'weight' must have shape [40, kernels] (one row per edge), got "
    yield Case(
        "gather_kernel_reduce", "short-weight", {**dense, "weight": weight[1:]}, (wrong, short + "[39, 3]")
    )
    yield Case(
        "gather_kernel_reduce", "flat-weight", {**dense, "weight": weight[:, 0]}, (wrong, short + "[40]")
    )

    def of_sparse(name: str, error: type[Exception], message: str, **changes: Any) -> Case:
        return Case("gather_sparse_kernel_reduce", name, {**sparse, **changes}, (error, message))

    valid = "the valid range is 0 to 5"
    yield of_sparse("large-kernel", outside, f"'kernel'[17, 2] is 6, {valid}", kernel=large)
    yield of_sparse(
        "negative-kernel", outside, "'kernel'[4, 0] is -1, it must not be negative", kernel=negative
    )
    one = {"kernel": relation, "weight": None}
    yield of_sparse("large-relation", outside, f"'kernel'[39] is 6, {valid}", **one)
    shape = "'kernel' must have shape [40] or [40, active] (one row per edge), got [39, 3]"
    yield of_sparse("short-kernel", wrong, shape, kernel=kernel[1:])
    narrow = "'rowptr' is int64 but 'kernel' is int32"
    yield of_sparse("mixed-indices", wrong, narrow, kernel=kernel.astype(np.int32))
    same = "'weight' must have the shape of 'kernel' [40, 3], got [40, 2]"
    yield of_sparse("weight-of-others", wrong, same, weight=weight[:, :2])
    scalar = "'like' must have at least one dimension"
    yield of_sparse("scalar-like", wrong, scalar, like=np.zeros(()))
