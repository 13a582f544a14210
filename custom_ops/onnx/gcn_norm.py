"""GcnNorm and GcnNormWeighted: symmetric normalisation with self-loops in a per-node term."""

from __future__ import annotations

from geocompile.custom_ops.onnx.operator import OnnxOperator
from geocompile.custom_ops.onnx.reductions import ROW_OF_EDGE, refuse_negative

_NUM_EDGES = """
    num_edges = Shape (col)
    zero_32 = Constant <value_float = 0.0> ()
    one_32 = Constant <value_float = 1.0> ()
    zero_value = CastLike (zero_32, like)
    one_value = CastLike (one_32, like)
"""

_UNIT_WEIGHTS = """
    weights = Expand (one_value, num_edges)
"""

_GIVEN_WEIGHTS = """
    weights = Identity (weight)
"""

# With add_self_loops, edges that are loops leave the edge list: the last one of a node gives its loop weight.
_LOOPS = """
    add_loops_int = Constant <value_int: int = @add_self_loops> ()
    add_loops = Cast <to = 9> (add_loops_int)
    ends_meet = Equal (row, safe_col)
    is_loop = And (ends_meet, add_loops)
    begin = Constant <value_int = 0> ()
    step = Constant <value_int = 1> ()
    end = Squeeze (num_edges, zero)
    edge = Range (begin, end, step)
    nowhere = Constant <value = int64[1] {-1}> ()
    loop_edge = Where (is_loop, edge, nowhere)
    no_loops = Expand (nowhere, num_rows)
    last_loop = ScatterElements <axis = 0, reduction = "max"> (no_loops, row, loop_edge)
"""

# A node without a loop edge reads the fill value, which stands behind the last edge weight.
_LOOP_WEIGHTS = """
    fill_32 = Constant <value_float: float = @fill_value> ()
    given_fill = CastLike (fill_32, like)
    fill = Where (add_loops, given_fill, zero_value)
    fill_vector = Reshape (fill, one)
    weights_and_fill = Concat <axis = 0> (weights, fill_vector)
    has_no_loop = Less (last_loop, zero)
    loop_place = Where (has_no_loop, num_edges, last_loop)
    loop_weight = Gather <axis = 0> (weights_and_fill, loop_place)
    edge_weight_only = Where (is_loop, zero_value, weights)
"""

_NORMALIZE = """
    degree = ScatterElements <axis = 0, reduction = "add"> (loop_weight, row, edge_weight_only)
    root = Sqrt (degree)
    inverse_root = Div (one_value, root)
    is_isolated = Equal (degree, zero_value)
    scale = Where (is_isolated, zero_value, inverse_root)
    scale_of_row = Gather <axis = 0> (scale, row)
    scale_of_col = Gather <axis = 0> (scale, safe_col)
    half_scaled = Mul (scale_of_row, weights)
    scaled = Mul (half_scaled, scale_of_col)
    edge_weight = Where (is_loop, zero_value, scaled)
    scaled_loop = Mul (scale, loop_weight)
    self_weight = Mul (scaled_loop, scale)
"""


def op_type_of(weighted: bool) -> str:
    """The op type with or without given edge weights."""
    return "GcnNormWeighted" if weighted else "GcnNorm"


def _operator(weighted: bool) -> OnnxOperator:
    return OnnxOperator(
        op_type_of(weighted),
        inputs="rowptr: I[N + 1], col: I[E], like: T[...]" + (", weight: T[E]" if weighted else ""),
        outputs="edge_weight: T[E], self_weight: T[N]",
        attributes={"fill_value": 1.0, "add_self_loops": 1},
        body=_NUM_EDGES
        + (_GIVEN_WEIGHTS if weighted else _UNIT_WEIGHTS)
        + ROW_OF_EDGE
        + refuse_negative("col", "num_rows")
        + _LOOPS
        + _LOOP_WEIGHTS
        + _NORMALIZE,
        doc="s = degree^-1/2 (0 where the degree is 0); edge_weight[p] = s[i] w[p] s[col[p]], self_weight[i] = "
        "s[i]^2 l[i], where l is the weight of the last loop edge, else fill_value; loop edges get 0. "
        "Without add_self_loops every edge counts as it is and self_weight is 0.",
    )


OPERATORS = (_operator(False), _operator(True))
