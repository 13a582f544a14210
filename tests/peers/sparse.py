"""What is asked of torch_sparse: products of a sparse with a dense matrix, coalescing, transposition."""

from collections.abc import Iterator

import numpy as np

from tests.peers.case import Case, generator, positions, values

NODES, SOURCES, EDGES = 9, 7, 40


def cases() -> Iterator[Case]:
    yield from _products()
    yield from _coalesce()
    yield from _transpose()


def edges(seed: int = 5) -> np.ndarray:
    """40 edges from 7 sources to rows 0 to 6 of 9, duplicates among them, in no order."""
    draw = generator(seed)
    return np.stack([draw.randint(0, NODES - 2, EDGES), draw.randint(0, SOURCES, EDGES)])


def _products() -> Iterator[Case]:
    for channels in (1, 5):
        for dtype in (np.float64, np.float32):
            arguments = {
                "index": edges(),
                "value": values((EDGES,), dtype, seed=6),
                "m": NODES,
                "n": SOURCES,
                "matrix": values((SOURCES, channels), dtype, seed=7),
            }
            name = f"{channels}-{np.dtype(dtype).name}"
            yield Case("spmm", name, arguments, differentiate=("value", "matrix"))
            for reduce in ("sum", "mean", "max", "min"):
                # no two products are equal: the peer sorts a row's sources, so that its first of equals is another
                reduced = {
                    **arguments,
                    "value": positions((EDGES,), dtype, seed=11) + 1,
                    "matrix": positions((SOURCES, channels), dtype, seed=12) - 0.5,
                    "reduce": reduce,
                }
                yield Case("matmul", f"{reduce}-{name}", reduced, differentiate=("value", "matrix"))
    empty = {"index": edges()[:, :0], "value": values((0,)), "m": NODES, "n": SOURCES}
    yield Case("spmm", "no-edges", {**empty, "matrix": values((SOURCES, 3))})


def _coalesce() -> Iterator[Case]:
    for op in ("add", "mean", "max", "min"):
        for shape in ((EDGES,), (EDGES, 2)):
            arguments = {"index": edges(), "value": values(shape, seed=8), "m": NODES, "n": SOURCES, "op": op}
            yield Case("coalesce", f"{op}-{'x'.join(map(str, shape))}", arguments)


def _transpose() -> Iterator[Case]:
    single = np.unique(edges(), axis=1)
    single = single[:, generator(9).permutation(single.shape[1])]
    for shape in ((), (2,)):
        value = values((single.shape[1], *shape), seed=10)
        arguments = {"index": single, "value": value, "m": NODES, "n": SOURCES}
        yield Case("transpose", f"{'x'.join(map(str, shape)) or 'vector'}-no-duplicates", arguments)
