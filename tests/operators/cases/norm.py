"""gcn_norm."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from tests.operators.cases.case import Case, values
from tests.operators.cases.graphs import graphs


def cases() -> Iterator[Case]:
    for g in [*graphs(), *graphs(np.int32)[:3]]:
        for weighted in (False, True):
            for loops in (True, False):
                dtype = np.float64 if g.col.dtype == np.int64 else np.float32
                weight = np.abs(values((g.num_edges,), dtype)) if weighted else None
                arguments = {
                    "rowptr": g.rowptr,
                    "col": g.col,
                    "like": np.zeros((g.num_nodes, 2), dtype),
                    "weight": weight,
                    "fill_value": 2.0,
                    "add_self_loops": loops,
                }
                form = f"{'weighted' if weighted else 'plain'}-{'loops' if loops else 'no-loops'}"
                yield Case("gcn_norm", f"{g.name}-{form}-{g.col.dtype.name}", arguments)


def refused() -> Iterator[Case]:
    """Inputs that every runtime must refuse, with what the message must say."""
    g = graphs()[0]
    base = {"rowptr": g.rowptr, "col": g.col, "like": np.zeros((9, 4), np.float32), "weight": None}
    bad_col = g.col.copy()
    bad_col[-1] = 9

    def case(name: str, error: type[Exception], message: str, **changes: Any) -> Case:
        arguments = {**base, "fill_value": 1.0, "add_self_loops": True, **changes}
        return Case("gcn_norm", name, arguments, (error, message))

    yield case("large-col", IndexError, "'col'[39] is 9", col=bad_col)
    yield case("integer-like", ValueError, "'like' must be float32, float64, float16", like=g.rowptr)
    short = np.zeros(g.num_edges - 1, np.float32)
    yield case("short-weight", ValueError, "'weight' must have shape [40]", weight=short)
