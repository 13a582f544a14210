"""GridCluster, with a start, an end and a batch vector or without: the voxel of each point."""

from __future__ import annotations

from geocompile.custom_ops.onnx.faults import fail_on, has_shape, is_finite
from geocompile.custom_ops.onnx.operator import OnnxOperator

_CONSTANTS = """
    zero = Constant <value = int64[1] {0}> ()
    one = Constant <value = int64[1] {1}> ()
    num_points = Shape <start = 0, end = 1> (pos)
    num_dims = Shape <start = 1, end = 2> (pos)
    pos_shape = Shape (pos)
    row_shape = Concat <axis = 0> (one, num_dims)
    only_row = ConstantOfShape <value = int64[1] {0}> (pos_shape)
    zero_32 = Constant <value_float = 0.0> ()
    zero_value = CastLike (zero_32, pos)
"""

# By ScatterElements into one row, which needs no points; ReduceMin does.
_EXTENT = """
    {name}_limit_32 = Constant <value_float = {limit}> ()
    {name}_limit = CastLike ({name}_limit_32, pos)
    {name}_limits = Expand ({name}_limit, row_shape)
    {name}_row = ScatterElements <axis = 0, reduction = "{reduction}"> ({name}_limits, only_row, pos)
    {name} = Squeeze ({name}_row, zero)
"""

# ONNX Runtime takes sums and products of int64 by ReduceSum and ReduceProd in float64, where numbers beyond 2^53 are
# rounded. A Loop and CumSum keep them whole.
_NUMBER = """
    extent = Sub (end_given, start_given)
    steps = Div (extent, size)
    whole_steps = Cast <to = 7> (steps)
    voxels = Add (whole_steps, one)
    last_dim = Constant <value_int = -1> ()
    first_axis = Constant <value_int = 0> ()
    second_axis = Constant <value_int = 1> ()
    go_on = Cast <to = 9> (second_axis)
    turns = Squeeze (num_dims, zero)
    voxels_of_all_dims, stacked_strides = Loop (turns, go_on, second_axis) <body = each_dimension (int64 d,
        bool goes_on, int64 stride_of_d) => (bool goes_on_too, int64 stride_behind, int64 stride) {
        goes_on_too = Identity (goes_on)
        voxels_of_d = Gather <axis = 0> (voxels, d)
        stride_behind = Mul (stride_of_d, voxels_of_d)
        stride = Identity (stride_of_d)
    }>
    strides = Reshape (stacked_strides, num_dims)
    from_start = Sub (pos, start_given)
    places = Div (from_start, size)
    whole_places = Cast <to = 7> (places)
    terms = Mul (whole_places, strides)
    terms_so_far = CumSum (terms, second_axis)
    numbers = Gather <axis = 1> (terms_so_far, last_dim)
"""

# As the kernel has it: voxels within the extent, and places of the points' own extent, whose numbers stay below 2^62.
_LIMITS = """
    no_size = LessOrEqual (size, zero_value)
    is_ordered = GreaterOrEqual (end_given, start_given)
    is_crossed = Not (is_ordered)
    most_steps = Constant <value = double[1] {9007199254740992.0}> ()
    most_numbers = Constant <value = double[1] {4611686018427387904.0}> ()
    least_numbers = Neg (most_numbers)
    one_64 = Constant <value = double[1] {1.0}> ()
    steps_64 = Cast <to = 11> (steps)
    voxels_64 = Add (steps_64, one_64)
    strides_64 = Cast <to = 11> (strides)
    numbers_to = Mul (strides_64, voxels_64)
    has_many_steps = GreaterOrEqual (steps_64, most_steps)
    has_many_numbers = GreaterOrEqual (numbers_to, most_numbers)
    low_from_start = Sub (low, start_given)
    low_places = Div (low_from_start, size)
    first_places = Min (low_places, zero_value)
    first_64 = Cast <to = 11> (first_places)
    whole_first = Ceil (first_64)
    first_numbers = Mul (whole_first, strides_64)
    first_number = ReduceSum <keepdims = 1> (first_numbers, zero)
    high_from_start = Sub (high, start_given)
    high_places = Div (high_from_start, size)
    last_places = Max (high_places, zero_value)
    last_64 = Cast <to = 11> (last_places)
    whole_last = Floor (last_64)
    last_numbers = Mul (whole_last, strides_64)
    last_number = ReduceSum <keepdims = 1> (last_numbers, zero)
    is_near_first = Greater (first_number, least_numbers)
    is_near_last = Less (last_number, most_numbers)
    is_far_first = Not (is_near_first)
    is_far_last = Not (is_near_last)
    wrong_limits = Concat <axis = 0> (is_crossed, has_many_steps, has_many_numbers, is_far_first, is_far_last)
    has_points = Greater (num_points, zero)
    beyond_limits = And (wrong_limits, has_points)
    no_dims = Equal (num_dims, zero)
"""

# Numbers of graphs end where those of voxels would not fit into int64.
_BATCH = """
    graphs = Cast <to = 7> (batch)
    largest_places = Cast <to = 7> (last_places)
    largest_numbers = Mul (largest_places, strides)
    largest_so_far = CumSum (largest_numbers, first_axis)
    largest = Gather <axis = 0> (largest_so_far, last_dim)
    largest_of_all = Constant <value = int64[1] {9223372036854775807}> ()
    voxels_of_graph = Max (voxels_of_all_dims, one)
    numbers_left = Sub (largest_of_all, largest)
    graphs_left = Div (numbers_left, voxels_of_graph)
    graphs_of_int32 = Constant <value = int64[1] {2147483646}> ()
    last_graph = Min (graphs_left, graphs_of_int32)
    is_negative_graph = Less (graphs, zero)
    is_graph_too_many = Greater (graphs, last_graph)
    before_graph = Mul (graphs, voxels_of_graph)
    numbers_in_batch = Add (numbers, before_graph)
"""


def op_type_of(from_start: bool, to_end: bool, batched: bool) -> str:
    """``op_type_of(True, False, True) == "GridClusterFromBatched"``."""
    return f"GridCluster{'From' if from_start else ''}{'To' if to_end else ''}{'Batched' if batched else ''}"


def _operator(from_start: bool, to_end: bool, batched: bool) -> OnnxOperator:
    return OnnxOperator(
        op_type_of(from_start, to_end, batched),
        inputs="pos: T[N, D], size: T[D]"
        + (", start: T[D]" if from_start else "")
        + (", end: T[D]" if to_end else "")
        + (", batch: I[N]" if batched else ""),
        outputs="out: P[N]",
        body=_body(from_start, to_end, batched),
        doc="out = sum over d of trunc((pos_d - start_d) / size_d) * n_0 * ... * n_(d - 1), with "
        "n_d = trunc((end_d - start_d) / size_d) + 1"
        + (", and batch * n_0 * n_1 * ..." if batched else "")
        + ". Where start or end is not an input it is the least or largest coordinate.",
    )


def _body(from_start: bool, to_end: bool, batched: bool) -> str:
    text = _CONSTANTS
    text += _EXTENT.format(name="low", limit="inf", reduction="min")
    text += _EXTENT.format(name="high", limit="-inf", reduction="max")
    text += f"    start_given = Identity ({'start' if from_start else 'low'})\n"
    text += f"    end_given = Identity ({'end' if to_end else 'high'})\n"
    text += _NUMBER + _LIMITS + (_BATCH if batched else "")
    rows = ["size", *(["start"] if from_start else []), *(["end"] if to_end else [])]
    faults = ["no_dims", "no_size", "beyond_limits"]
    for name in ("pos", *rows):
        text, faults = text + is_finite(name), [*faults, f"{name}_is_wrong"]
    for name in rows:
        text, faults = text + has_shape(name, "num_dims"), [*faults, f"{name}_is_misshapen"]
    if batched:
        text += has_shape("batch", "num_points")
        faults += ["batch_is_misshapen", "is_negative_graph", "is_graph_too_many"]
    numbers = "numbers_in_batch" if batched else "numbers"
    return text + fail_on(*faults) + f"    out = Add ({numbers}, nothing)\n"


OPERATORS = tuple(
    _operator(from_start, to_end, batched)
    for from_start in (False, True)
    for to_end in (False, True)
    for batched in (False, True)
)
