"""AdditiveCoefficients and AdditiveAttention, with features of edges in the scores (Edge)."""

from __future__ import annotations

from geocompile.custom_ops.onnx.dot_attention import (
    COLUMNS_OF_WEIGHTS,
    TERMS_OF_EDGES,
    op_type_of,
    weighted_sum,
)
from geocompile.custom_ops.onnx.operator import OnnxOperator
from geocompile.custom_ops.onnx.reductions import ROW_OF_EDGE, refuse_negative
from geocompile.custom_ops.onnx.softmax import SOFTMAX_OF_TERMS

_ENDS = (
    """
    num_edges = Shape (col)
    num_sources = Shape <end = 1> (source)
    num_heads = Shape <start = 1, end = 2> (target)
    channel_dim = Constant <value = int64[1] {2}> ()
"""
    + ROW_OF_EDGE
    + refuse_negative("col", "num_sources")
    + """
    target_of_edge = Gather <axis = 0> (target, row)
    source_of_edge = Gather <axis = 0> (source, safe_col)
    sums_of_ends = Add (target_of_edge, source_of_edge)
"""
)

# edge [E, P] times edge_weight [H, C, P], as one matrix product of all heads. Each dimension is one longer, by zeros:
# products without rows or columns are not to be relied on.
_EDGES = """
    none_here_32 = Constant <value_float = 0.0> ()
    none_here = CastLike (none_here_32, edge)
    weight_shape = Shape (edge_weight)
    rows_of_weight = Slice (weight_shape, zero, channel_dim, zero)
    num_edge_channels = Shape <start = 2> (edge_weight)
    num_weight_rows = ReduceProd <keepdims = 1> (rows_of_weight)
    matrix_shape = Concat <axis = 0> (num_weight_rows, num_edge_channels)
    weight_matrix = Reshape <allowzero = 1> (edge_weight, matrix_shape)
    weight_column_shape = Concat <axis = 0> (num_weight_rows, one)
    weight_column = Expand (none_here, weight_column_shape)
    wide_weight = Concat <axis = 1> (weight_matrix, weight_column)
    edge_column_shape = Concat <axis = 0> (num_edges, one)
    edge_column = Expand (none_here, edge_column_shape)
    wide_edge = Concat <axis = 1> (edge, edge_column)
    wide_channels = Add (num_edge_channels, one)
    last_row_shape = Concat <axis = 0> (one, wide_channels)
    last_row = Expand (none_here, last_row_shape)
    long_weight = Concat <axis = 0> (wide_weight, last_row)
    long_edge = Concat <axis = 0> (wide_edge, last_row)
    long_shares = Gemm <transB = 1> (long_edge, long_weight)
    share_begins = Constant <value = int64[2] {0, 0}> ()
    share_axes = Constant <value = int64[2] {0, 1}> ()
    share_ends = Concat <axis = 0> (num_edges, num_weight_rows)
    share_matrix = Slice (long_shares, share_begins, share_ends, share_axes)
    shares_shape = Concat <axis = 0> (num_edges, rows_of_weight)
    shares = Reshape <allowzero = 1> (share_matrix, shares_shape)
    arguments = Add (sums_of_ends, shares)
"""

_SCORES = """
    slope_32 = Constant <value_float: float = @negative_slope> ()
    slope = CastLike (slope_32, arguments)
    none_32 = Constant <value_float = 0.0> ()
    none = CastLike (none_32, arguments)
    sloped = Mul (arguments, slope)
    is_positive = Greater (arguments, none)
    activations = Where (is_positive, arguments, sloped)
    products = Mul (activations, att)
    scores = ReduceSum <keepdims = 0> (products, channel_dim)
"""


def _body(is_attention: bool, with_edge: bool) -> str:
    text = _ENDS + (_EDGES if with_edge else "    arguments = Identity (sums_of_ends)\n")
    text += _SCORES + TERMS_OF_EDGES + SOFTMAX_OF_TERMS
    if not is_attention:
        return text + "    alpha = Identity (weights)\n"
    return text + COLUMNS_OF_WEIGHTS + weighted_sum("source_of_edge", "out")


def _operator(operator: str, with_edge: bool) -> OnnxOperator:
    is_attention = operator == "additive_attention"
    share = " + edge_weight edge[p]" if with_edge else ""
    sums = "; out[i] = sum of alpha[p] source[col[p]]" if is_attention else ""
    return OnnxOperator(
        op_type_of(operator, with_edge),
        inputs="target: T[N, H, C], source: T[M, H, C], att: T[H, C], rowptr: I[N + 1], col: I[E]"
        + (", edge: T[E, P], edge_weight: T[H, C, P]" if with_edge else ""),
        outputs="out: T[N, H, C]" if is_attention else "alpha: T[E, H]",
        attributes={"negative_slope": 0.2},
        body=_body(is_attention, with_edge),
        doc=f"score[p] = <att, leaky_relu(target[i] + source[col[p]]{share})>; "
        f"alpha = softmax of the scores over row i's edges{sums}.",
    )


OPERATORS = tuple(
    _operator(operator, with_edge)
    for operator in ("additive_coefficients", "additive_attention")
    for with_edge in (False, True)
)
