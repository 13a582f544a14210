"""SegmentSoftmax and SegmentSoftmaxPermuted: softmax within compressed segments."""

from __future__ import annotations

from geocompile.custom_ops.onnx.operator import OnnxOperator
from geocompile.custom_ops.onnx.reductions import COLUMN_SHAPES, ROW_OF_EDGE, refuse_negative

# scores [terms, *], rows [terms], row_of_term (rows in the shape of scores), out_shape [N, *] -> weights [terms, *].
# A maximum that drops NaN does no harm: NaN less anything is NaN, and so is the sum of its row.
SOFTMAX_OF_TERMS = """
    lowest_32 = Constant <value_float = -inf> ()
    lowest = CastLike (lowest_32, scores)
    zero_32 = Constant <value_float = 0.0> ()
    zero_value = CastLike (zero_32, scores)
    lowest_of_rows = Expand (lowest, out_shape)
    maximum = ScatterElements <axis = 0, reduction = "max"> (lowest_of_rows, row_of_term, scores)
    maximum_of_term = Gather <axis = 0> (maximum, rows)
    below_maximum = Sub (scores, maximum_of_term)
    exponentials = Exp (below_maximum)
    no_sums = Expand (zero_value, out_shape)
    sums = ScatterElements <axis = 0, reduction = "add"> (no_sums, row_of_term, exponentials)
    sum_of_term = Gather <axis = 0> (sums, rows)
    weights = Div (exponentials, sum_of_term)
"""

_ROWS = """
    rows = Identity (row)
    scores_shape = Concat <axis = 0> (num_edges, channels)
    out_shape = Concat <axis = 0> (num_rows, channels)
    row_of_edge = Reshape <allowzero = 1> (row, edge_column)
    row_of_term = Expand (row_of_edge, scores_shape)
"""

_IN_ORDER = (
    """
    values = Identity (src)
    num_edges = Shape <end = 1> (src)
    scores = Identity (src)
"""
    + ROW_OF_EDGE
    + COLUMN_SHAPES
    + _ROWS
    + SOFTMAX_OF_TERMS
    + "    out = Identity (weights)\n"
)

_PERMUTED = (
    """
    values = Identity (src)
    num_edges = Shape (perm)
    num_sources = Shape <end = 1> (src)
"""
    + ROW_OF_EDGE
    + COLUMN_SHAPES
    + refuse_negative("perm", "num_sources")
    + "    scores = Gather <axis = 0> (src, safe_perm)\n"
    + _ROWS
    + SOFTMAX_OF_TERMS
    + """
    src_shape = Shape (src)
    unnamed = Expand (zero_value, src_shape)
    place_of_edge = Reshape <allowzero = 1> (safe_perm, edge_column)
    place_of_term = Expand (place_of_edge, scores_shape)
    out = ScatterElements <axis = 0> (unnamed, place_of_term, weights)
"""
)


def op_type_of(permuted: bool) -> str:
    """``op_type_of(True) == "SegmentSoftmaxPermuted"``."""
    return "SegmentSoftmaxPermuted" if permuted else "SegmentSoftmax"


def _operator(permuted: bool) -> OnnxOperator:
    return OnnxOperator(
        op_type_of(permuted),
        inputs="src: T[S, ...], rowptr: I[N + 1], perm: I[E]"
        if permuted
        else "src: T[S, ...], rowptr: I[N + 1]",
        outputs="out: T[S, ...]",
        body=_PERMUTED if permuted else _IN_ORDER,
        doc="out[e] = exp(src[e] - max) / sum of exp(src[q] - max), max and sum over e's row, which is "
        f"{'perm[p]' if permuted else 'p'} for p in [rowptr[i], rowptr[i + 1]).",
    )


OPERATORS = (_operator(False), _operator(True))
