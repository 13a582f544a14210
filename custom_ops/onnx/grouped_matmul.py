"""GroupedMatMul: in standard ONNX a Loop over the groups, which puts the product of each behind those before it."""

from __future__ import annotations

from geocompile.custom_ops.onnx.operator import OnnxOperator
from geocompile.custom_ops.onnx.reductions import ROW_OF_EDGE

# One channel more, of zeros on both sides, so that there is always a channel to sum over: of none, ONNX Runtime 1.18
# leaves the sums unset. One group more, without rows, so that the loop runs at least once.
_BODY = (
    """
    rowptr = Identity (ptr)
    num_edges = Shape <start = 0, end = 1> (x)
"""
    + ROW_OF_EDGE
    + """
    zero_32 = Constant <value_float = 0.0> ()
    zero_value = CastLike (zero_32, x)
    in_channels = Shape <start = 1, end = 2> (x)
    out_channels = Shape <start = 2, end = 3> (weight)
    column_shape = Concat <axis = 0> (num_edges, one)
    zero_column = Expand (zero_value, column_shape)
    left = Concat <axis = 1> (x, zero_column)
    row_shape = Concat <axis = 0> (num_rows, one, out_channels)
    zero_row = Expand (zero_value, row_shape)
    weight_and_row = Concat <axis = 1> (weight, zero_row)
    in_and_one = Add (in_channels, one)
    last_shape = Concat <axis = 0> (one, in_and_one, out_channels)
    last_matrix = Expand (zero_value, last_shape)
    right = Concat <axis = 0> (weight_and_row, last_matrix)
    begins = Concat <axis = 0> (row_begins, num_edges)
    ends = Concat <axis = 0> (row_ends, num_edges)
    no_rows_shape = Concat <axis = 0> (zero, out_channels)
    no_rows = Expand (zero_value, no_rows_shape)
    groups_and_one = Add (num_rows, one)
    turns = Squeeze (groups_and_one, zero)
    go_on = Cast <to = 9> (turns)
    products = Loop (turns, go_on, no_rows) <body = one_group (int64 group, bool goes_on, before)
        => (goes_on_too, so_far) {
        goes_on_too = Identity (goes_on)
        number = Unsqueeze (group, zero)
        begin = Gather <axis = 0> (begins, number)
        end = Gather <axis = 0> (ends, number)
        rows = Slice (left, begin, end, zero)
        matrix = Gather <axis = 0> (right, group)
        product = MatMul (rows, matrix)
        so_far = Concat <axis = 0> (before, product)
    }>
    out_shape = Concat <axis = 0> (num_edges, out_channels)
    out = Reshape <allowzero = 1> (products, out_shape)
"""
)

OPERATORS = (
    OnnxOperator(
        "GroupedMatMul",
        inputs="x: T[N, F], ptr: I[K + 1], weight: T[K, F, G]",
        outputs="out: T[N, G]",
        body=_BODY,
        doc="out[i] = x[i] weight[k] for the rows i of group k, ptr[k] to ptr[k + 1] - 1.",
    ),
)
