"""Coalesce, Consecutive (Unique, of numbers of edges and of the values themselves) and RenumberEdges (Gather)."""

from __future__ import annotations

from geocompile.custom_ops.onnx.operator import OnnxOperator
from geocompile.custom_ops.onnx.reductions import refuse_negative

# Where there are no nodes there are no edges, and nothing to divide.
_COALESCE = (
    """
    zero = Constant <value = int64[1] {0}> ()
    one = Constant <value = int64[1] {1}> ()
    two = Constant <value = int64[1] {2}> ()
    num_nodes = Shape <start = 0, end = 1> (like)
    num_edges = Shape <start = 1, end = 2> (edge_index)
"""
    + refuse_negative("edge_index", "num_nodes")
    + """
    is_wrong = GreaterOrEqual (safe_edge_index, num_nodes)
    wrong_place = Cast <to = 7> (is_wrong)
    nothing = Gather <axis = 0> (zero, wrong_place)
    ends = Add (safe_edge_index, nothing)
    row = Slice (ends, zero, one, zero)
    col = Slice (ends, one, two, zero)
    row_keys = Mul (row, num_nodes)
    key_row = Add (row_keys, col)
    keys = Squeeze (key_row, zero)
    unique, first, inverse, counts = Unique <sorted = 1> (keys)
    divisor = Max (num_nodes, one)
    unique_row = Unsqueeze (unique, zero)
    rows = Div (unique_row, divisor)
    cols = Mod (unique_row, divisor)
    wide_out = Concat <axis = 0> (rows, cols)
    out = CastLike (wide_out, edge_index)
    axis = Constant <value_int = 0> ()
    ends_of_groups = CumSum (counts, axis)
    wide_ptr = Concat <axis = 0> (zero, ends_of_groups)
    ptr = CastLike (wide_ptr, edge_index)
    negated = Neg (inverse)
    sorted_keys, places = TopK <axis = 0, largest = 1, sorted = 1> (negated, num_edges)
    perm = CastLike (places, edge_index)
"""
)

_CONSECUTIVE = """
    wide_ids = Cast <to = 7> (ids)
    wide_unique, first, inverse, counts = Unique <sorted = 1> (wide_ids)
    unique = CastLike (wide_unique, ids)
"""

_RENUMBER = (
    """
    zero = Constant <value = int64[1] {0}> ()
    num_nodes = Shape (number)
"""
    + refuse_negative("edge_index", "num_nodes")
    + """
    is_wrong = GreaterOrEqual (safe_edge_index, num_nodes)
    wrong_place = Cast <to = 7> (is_wrong)
    nothing = Gather <axis = 0> (zero, wrong_place)
    ends = Add (safe_edge_index, nothing)
    out = Gather <axis = 0> (number, ends)
"""
)

OPERATORS = (
    OnnxOperator(
        "Coalesce",
        inputs="edge_index: I[2, E], like: L[N, ...]",
        outputs="out: I[2, U], ptr: I[U + 1], perm: I[E]",
        body=_COALESCE,
        doc="The edges that differ, sorted by row, then column; edge u stands for those at perm[ptr[u]] to "
        "perm[ptr[u + 1] - 1].",
    ),
    OnnxOperator(
        "Consecutive",
        inputs="ids: I[N]",
        outputs="inverse: P[N], unique: I[C], first: P[C]",
        body=_CONSECUTIVE,
        doc="The values that differ, ascending, the first place of each, and for every element which one it is.",
    ),
    OnnxOperator(
        "RenumberEdges",
        inputs="edge_index: I[2, E], number: I[N]",
        outputs="out: I[2, E]",
        body=_RENUMBER,
        doc="out[r, e] = number[edge_index[r, e]].",
    ),
)
