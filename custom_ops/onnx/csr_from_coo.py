"""CsrFromCoo, CsrFromIndex and BatchPtr: a stable counting sort, in standard ONNX a TopK and a histogram."""

from __future__ import annotations

from geocompile.custom_ops.onnx.operator import OnnxOperator
from geocompile.custom_ops.onnx.reductions import graphs_named_by, refuse_negative

# num_rows [1] and index [E] -> perm [E], rowptr [N + 1]. TopK breaks ties by the lower index, so its order is stable.
_SORT = (
    """
    zero = Constant <value = int64[1] {0}> ()
    one = Constant <value = int64[1] {1}> ()
"""
    + refuse_negative("index", "num_rows")
    + """
    negated = Neg (safe_index)
    num_edges = Shape (index)
    sorted_keys, sorted_edges = TopK <axis = 0, largest = 1, sorted = 1> (negated, num_edges)
    perm = CastLike (sorted_edges, index)

    rowptr_size = Add (num_rows, one)
    zeros = ConstantOfShape <value = int64[1] {0}> (rowptr_size)
    ones = ConstantOfShape <value = int64[1] {1}> (num_edges)
    next_row = Add (safe_index, one)
    degree = ScatterElements <axis = 0, reduction = "add"> (zeros, next_row, ones)
    axis = Constant <value_int = 0> ()
    wide_rowptr = CumSum (degree, axis)
    rowptr = CastLike (wide_rowptr, index)
"""
)

_ROWS_OF_LIKE = """
    num_rows = Shape <start = 0, end = 1> (like)
"""

_GRAPHS_OF_BATCH = "    index = Identity (batch)\n" + graphs_named_by("batch", "num_rows")

OPERATORS = (
    OnnxOperator(
        "CsrFromCoo",
        inputs="index: I[E], like: L[N, ...], other: I[E]",
        outputs="rowptr: I[N + 1], perm: I[E], other_sorted: I[E]",
        body=_ROWS_OF_LIKE + _SORT + "    other_sorted = Gather <axis = 0> (other, perm)",
        doc="Stable sort of an edge list by index; edges of row i are rowptr[i] to rowptr[i + 1]; "
        "other_sorted[p] = other[perm[p]].",
    ),
    OnnxOperator(
        "CsrFromIndex",
        inputs="index: I[E], like: L[N, ...]",
        outputs="rowptr: I[N + 1], perm: I[E]",
        body=_ROWS_OF_LIKE + _SORT,
        doc="Stable sort of an index vector; elements of row i are perm[rowptr[i]] to perm[rowptr[i + 1] - 1].",
    ),
    OnnxOperator(
        "BatchPtr",
        inputs="batch: I[N]",
        outputs="ptr: I[B + 1], perm: I[N]",
        body=_GRAPHS_OF_BATCH + _SORT + "    ptr = Identity (rowptr)",
        doc="Stable sort of a batch vector; there are B = max(batch) + 1 graphs, none if it is empty.",
    ),
)
