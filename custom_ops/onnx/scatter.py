"""Scatter{Sum,Mean,Max,Min,Mul} and Scatter{Max,Min}Arg: reductions along the dimension that an attribute names."""

from __future__ import annotations

from geocompile.custom_ops.onnx.operator import OnnxOperator
from geocompile.custom_ops.onnx.reductions import IDENTITY, REDUCES, SCATTER_BY, refuse_negative

# The shape of the result, and the index, a vector or not, in the shape of src. A vector is shaped [1, .., E, .., 1].
# (Not Size for the rank: ONNX Runtime's shape inference takes the Size of a known shape for that of the tensor itself.)
_FULL_INDEX = (
    """
    zero = Constant <value = int64[1] {0}> ()
    one = Constant <value = int64[1] {1}> ()
    dim = Constant <value_int: int = @dim> ()
    num_rows = Shape <start = 0, end = 1> (like)
    src_shape = Shape (src)
    num_dims = Shape (src_shape)
    rank = Squeeze (num_dims, zero)
    first_dim = Constant <value_int = 0> ()
    step = Constant <value_int = 1> ()
    dims = Range (first_dim, rank, step)
    is_dim = Equal (dims, dim)
    out_shape = Where (is_dim, num_rows, src_shape)
"""
    + refuse_negative("index", "num_rows")
    + """
    column_shape = Where (is_dim, src_shape, one)
    index_shape = Shape (index)
    num_index_dims = Shape (index_shape)
    is_vector = Equal (num_index_dims, one)
    given_shape = Where (is_vector, column_shape, src_shape)
    shaped_index = Reshape <allowzero = 1> (safe_index, given_shape)
    full_index = Expand (shaped_index, src_shape)
"""
)

_SCATTER = """
    identity_32 = Constant <value_float = {identity}> ()
    identity = CastLike (identity_32, src)
    identities = Expand (identity, out_shape)
    reduced = ScatterElements <axis: int = @dim, reduction = "{by}"> (identities, full_index, src)
"""

_COUNT = """
    nothing_counted = ConstantOfShape <value = int64[1] {0}> (out_shape)
    each_once = ConstantOfShape <value = int64[1] {1}> (src_shape)
    counts = ScatterElements <axis: int = @dim, reduction = "add"> (nothing_counted, full_index, each_once)
"""

_DIVIDE = """
    divisors = Max (counts, one)
    divisors_value = CastLike (divisors, src)
    out = Div (reduced, divisors_value)
"""

# As in the row reductions, NaN, which max and min drop, travels beside them.
_CLEAR_AND_ADD_NAN = """
    zero_32 = Constant <value_float = 0.0> ()
    zero_value = CastLike (zero_32, src)
    is_empty = Equal (counts, zero)
    cleared = Where (is_empty, zero_value, reduced)
    src_is_nan = IsNaN (src)
    nan_terms = Where (src_is_nan, src, zero_value)
    no_nan = Expand (zero_value, out_shape)
    nan = ScatterElements <axis: int = @dim, reduction = "add"> (no_nan, full_index, nan_terms)
    out = Add (cleared, nan)
"""

# The lowest e whose value is that of its row.
_ARG = """
    reached = GatherElements <axis: int = @dim> (out, full_index)
    reached_is_nan = IsNaN (reached)
    both_are_nan = And (src_is_nan, reached_is_nan)
    is_equal = Equal (src, reached)
    is_hit = Or (is_equal, both_are_nan)
    num_elements = Gather <axis = 0> (src_shape, dim)
    places = Range (first_dim, num_elements, step)
    shaped_places = Reshape <allowzero = 1> (places, column_shape)
    hit_places = Where (is_hit, shaped_places, num_elements)
    no_places = Expand (num_elements, out_shape)
    arg = ScatterElements <axis: int = @dim, reduction = "min"> (no_places, full_index, hit_places)
"""


def op_type_of(reduce: str, with_arg: bool = False) -> str:
    """``op_type_of("max", True) == "ScatterMaxArg"``."""
    return f"Scatter{reduce.capitalize()}{'Arg' if with_arg else ''}"


def _operator(reduce: str, with_arg: bool) -> OnnxOperator:
    return OnnxOperator(
        op_type_of(reduce, with_arg),
        inputs="src: T[E at dim, ...], index: I[...], like: L[N, ...]",
        outputs="out: T[N at dim, ...]" + (", arg: P[N at dim, ...]" if with_arg else ""),
        attributes={"dim": 0},
        body=_FULL_INDEX + _reduction(reduce) + (_ARG if with_arg else ""),
        doc=f"out[i] = {reduce.lower()} of src[e] over e with index[e] == i, along dimension dim (at least 0); index "
        "is a vector or has the shape of src; like's first size is the number of rows."
        + (" arg is the lowest such e with src[e] == out[i], src.size(dim) if none." if with_arg else ""),
    )


def _reduction(reduce: str) -> str:
    text = _SCATTER.format(identity=IDENTITY[reduce], by=SCATTER_BY[reduce])
    if reduce in ("Sum", "Mul"):
        return text + "    out = Identity (reduced)\n"
    return text + _COUNT + (_DIVIDE if reduce == "Mean" else _CLEAR_AND_ADD_NAN)


OPERATORS = tuple(
    _operator(reduce, with_arg)
    for reduce in REDUCES
    for with_arg in ((False, True) if reduce in ("Max", "Min") else (False,))
)
