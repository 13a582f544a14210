"""GridCluster, with a start, an end and a batch vector or without: the voxel of each point."""

from __future__ import annotations

from geocompile.custom_ops.onnx.operator import OnnxOperator
from geocompile.custom_ops.onnx.reductions import refuse_negative

_CONSTANTS = """
    zero = Constant <value = int64[1] {0}> ()
    one = Constant <value = int64[1] {1}> ()
    num_points = Shape <start = 0, end = 1> (pos)
    num_dims = Shape <start = 1, end = 2> (pos)
    pos_shape = Shape (pos)
    row_shape = Concat <axis = 0> (one, num_dims)
    only_row = ConstantOfShape <value = int64[1] {0}> (pos_shape)
"""

# By ScatterElements into one row, which needs no points; ReduceMin does.
_EXTENT = """
    {name}_limit_32 = Constant <value_float = {limit}> ()
    {name}_limit = CastLike ({name}_limit_32, pos)
    {name}_limits = Expand ({name}_limit, row_shape)
    {name}_row = ScatterElements <axis = 0, reduction = "{reduction}"> ({name}_limits, only_row, pos)
    {name}_given = Squeeze ({name}_row, zero)
"""

# The voxels of the dimensions before each: a product over the lower triangle, since there is no cumulative one.
_NUMBER = """
    extent = Sub (end_given, start_given)
    steps = Div (extent, size)
    whole_steps = Cast <to = 7> (steps)
    voxels = Add (whole_steps, one)
    axis = Constant <value_int = 0> ()
    step = Constant <value_int = 1> ()
    dims_end = Squeeze (num_dims, zero)
    dims = Range (axis, dims_end, step)
    dims_column = Unsqueeze (dims, one)
    is_before = Less (dims, dims_column)
    voxels_before = Where (is_before, voxels, one)
    strides = ReduceProd <keepdims = 0> (voxels_before, one)
    from_start = Sub (pos, start_given)
    places = Div (from_start, size)
    whole_places = Cast <to = 7> (places)
    terms = Mul (whole_places, strides)
    numbers = ReduceSum <keepdims = 0> (terms, one)
"""

# A graph number that is negative or absurd becomes one that there is not.
_BATCH = (
    """
    most_graphs = Constant <value = int64[1] {2147483647}> ()
"""
    + refuse_negative("batch", "most_graphs")
    + """
    is_wrong = GreaterOrEqual (safe_batch, most_graphs)
    wrong_place = Cast <to = 7> (is_wrong)
    nothing = Gather <axis = 0> (zero, wrong_place)
    graphs = Add (safe_batch, nothing)
    voxels_of_graph = ReduceProd <keepdims = 1> (voxels, zero)
    before_graph = Mul (graphs, voxels_of_graph)
    out = Add (numbers, before_graph)
"""
)


def op_type_of(from_start: bool, to_end: bool, batched: bool) -> str:
    """``op_type_of(True, False, True) == "GridClusterFromBatched"``."""
    return f"GridCluster{'From' if from_start else ''}{'To' if to_end else ''}{'Batched' if batched else ''}"


def _operator(from_start: bool, to_end: bool, batched: bool) -> OnnxOperator:
    start, end = (
        f"    {name}_given = Identity ({name})\n"
        if given
        else _EXTENT.format(name=name, limit=limit, reduction=reduction)
        for name, given, limit, reduction in (
            ("start", from_start, "inf", "min"),
            ("end", to_end, "-inf", "max"),
        )
    )
    return OnnxOperator(
        op_type_of(from_start, to_end, batched),
        inputs="pos: T[N, D], size: T[D]"
        + (", start: T[D]" if from_start else "")
        + (", end: T[D]" if to_end else "")
        + (", batch: I[N]" if batched else ""),
        outputs="out: P[N]",
        body=_CONSTANTS + start + end + _NUMBER + (_BATCH if batched else "    out = Identity (numbers)\n"),
        doc="out = sum over d of trunc((pos_d - start_d) / size_d) * n_0 * ... * n_(d - 1), with "
        "n_d = trunc((end_d - start_d) / size_d) + 1"
        + (", and batch * n_0 * n_1 * ..." if batched else "")
        + ". Where start or end is not an input it is the least or largest coordinate.",
    )


OPERATORS = tuple(
    _operator(from_start, to_end, batched)
    for from_start in (False, True)
    for to_end in (False, True)
    for batched in (False, True)
)
