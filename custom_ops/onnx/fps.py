"""Fps, with a batch vector and first points or without: farthest point sampling, in standard ONNX a Loop."""

from __future__ import annotations

from geocompile.custom_ops.onnx.faults import fail_on, has_shape, is_finite
from geocompile.custom_ops.onnx.operator import OnnxOperator
from geocompile.custom_ops.onnx.reductions import graphs_named_by, refuse_negative

_CONSTANTS = """
    zero = Constant <value = int64[1] {0}> ()
    one = Constant <value = int64[1] {1}> ()
    minus_one = Constant <value = int64[1] {-1}> ()
    axis = Constant <value_int = 0> ()
    num_points = Shape <start = 0, end = 1> (src)
"""

_ONE_GRAPH = """
    graph = ConstantOfShape <value = int64[1] {0}> (num_points)
    num_graphs = Identity (one)
"""

_GRAPHS_OF_BATCH = (
    graphs_named_by("batch", "num_graphs")
    + refuse_negative("batch", "num_graphs")
    + """
    graph = Identity (safe_batch)
"""
)

_RATIO = """
    ratio_32 = Constant <value_float: float = @ratio> ()
    no_ratio = Constant <value_float = 0.0> ()
    whole_ratio = Constant <value_float = 1.0> ()
    ratio_is_positive = Greater (ratio_32, no_ratio)
    ratio_is_a_part = LessOrEqual (ratio_32, whole_ratio)
    is_ratio = And (ratio_is_positive, ratio_is_a_part)
    is_no_ratio = Not (is_ratio)
    ratio_is_wrong = Unsqueeze (is_no_ratio, zero)
"""

_ASCENDING = """
    graphs_shifted = Concat <axis = 0> (zero, wide_batch)
    graphs_before = Slice (graphs_shifted, zero, num_points, zero)
    falls = Less (wide_batch, graphs_before)
"""

_ENOUGH_STARTS = """
    num_starts = Shape (start)
    lacks_starts = Less (num_starts, num_graphs)
"""

# Points and samples of each graph, and where they begin.
_COUNT = """
    nothing_counted = ConstantOfShape <value = int64[1] {0}> (num_graphs)
    each_once = ConstantOfShape <value = int64[1] {1}> (num_points)
    counted = ScatterElements <axis = 0, reduction = "add"> (nothing_counted, graph, each_once)
    points = Add (counted, nothing)
    point_ends = CumSum (points, axis)
    point_begins = Sub (point_ends, points)
    points_32 = Cast <to = 1> (points)
    share = Mul (ratio_32, points_32)
    rounded_up = Ceil (share)
    wanted = Cast <to = 7> (rounded_up)
    samples = Min (wanted, points)
    sample_ends = CumSum (samples, axis)
    sample_begins = Sub (sample_ends, samples)
    never_no_samples = Concat <axis = 0> (zero, samples)
    num_samples = ReduceSum <keepdims = 1> (never_no_samples, zero)
"""

_FROM_FIRST = """
    first_points = Identity (point_begins)
"""

# A place outside of its graph becomes a point that there is not, even with the one that is added below.
_FROM_START = """
    starts = Slice (start, zero, num_graphs, zero)
    is_before = Less (starts, zero)
    is_inside = Less (starts, points)
    is_behind = Not (is_inside)
    is_outside = Or (is_before, is_behind)
    has_points = Greater (points, zero)
    is_wrong = And (is_outside, has_points)
    given_points = Add (point_begins, starts)
    no_point = Add (num_points, one)
    first_points = Where (is_wrong, no_point, given_points)
"""

# One more point, in a graph of its own, and one more sample, of it, so that the loop runs at least once. Distances are
# summed by CumSum: dimension after dimension.
_SAMPLE = """
    num_steps = Add (num_samples, one)
    no_ends = ConstantOfShape <value = int64[1] {0}> (num_steps)
    each_graph_once = ConstantOfShape <value = int64[1] {1}> (num_graphs)
    ends_at = ScatterElements <axis = 0, reduction = "add"> (no_ends, sample_ends, each_graph_once)
    graphs_ended = CumSum (ends_at, axis)
    graph_of_each = Slice (graphs_ended, zero, num_samples, zero)
    graph_of_sample = Concat <axis = 0> (graph_of_each, minus_one)
    begin_of_each = Gather <axis = 0> (sample_begins, graph_of_each)
    begin_of_sample = Concat <axis = 0> (begin_of_each, num_samples)
    first_of_each = Gather <axis = 0> (first_points, graph_of_each)
    first_of_sample = Concat <axis = 0> (first_of_each, num_points)

    graph_of_point = Concat <axis = 0> (graph, minus_one)
    point_size = Shape <start = 1, end = 2> (src)
    last_place = Squeeze (point_size, zero)
    extra_shape = Concat <axis = 0> (one, point_size)
    infinity_32 = Constant <value_float = inf> ()
    infinity = CastLike (infinity_32, src)
    zero_32 = Constant <value_float = 0.0> ()
    zero_value = CastLike (zero_32, src)
    taken_32 = Constant <value_float = -1.0> ()
    taken_value = CastLike (taken_32, src)
    extra_point = Expand (zero_value, extra_shape)
    points_and_extra = Concat <axis = 0> (src, extra_point)
    num_all = Add (num_points, one)
    column_shape = Concat <axis = 0> (num_all, one)
    zero_column = Expand (zero_value, column_shape)
    far_away = Expand (infinity, num_all)
    second_axis = Constant <value_int = 1> ()
    go_on = Cast <to = 9> (second_axis)
    steps = Squeeze (num_steps, zero)
    last_nearest, choices = Loop (steps, go_on, far_away) <body = one_sample (int64 step, bool goes_on, nearest)
        => (goes_on_too, nearest_now, choice) {
        goes_on_too = Identity (goes_on)
        of_graph = Gather <axis = 0> (graph_of_sample, step)
        in_graph = Equal (graph_of_point, of_graph)
        candidates = Where (in_graph, nearest, taken_value)
        farthest = ArgMax <axis = 0, keepdims = 0> (candidates)
        begin = Gather <axis = 0> (begin_of_sample, step)
        is_first = Equal (begin, step)
        first = Gather <axis = 0> (first_of_sample, step)
        choice = Where (is_first, first, farthest)
        point = Gather <axis = 0> (points_and_extra, choice)
        difference = Sub (points_and_extra, point)
        squares = Mul (difference, difference)
        zero_and_squares = Concat <axis = 1> (zero_column, squares)
        sums = CumSum (zero_and_squares, second_axis)
        distance = Gather <axis = 1> (sums, last_place)
        is_nearer = Less (distance, nearest)
        is_nearer_in_graph = And (is_nearer, in_graph)
        nearest_now = Where (is_nearer_in_graph, distance, nearest)
    }>
    taken = Slice (choices, zero, num_samples, zero)
    out = Reshape <allowzero = 1> (taken, num_samples)
"""


def op_type_of(batched: bool, from_start: bool) -> str:
    """``op_type_of(True, False) == "FpsBatched"``."""
    return f"Fps{'Batched' if batched else ''}{'From' if from_start else ''}"


def _faults(batched: bool, from_start: bool) -> str:
    text, faults = is_finite("src") + _RATIO, ["src_is_wrong", "ratio_is_wrong"]
    if batched:
        text += _ASCENDING + has_shape("batch", "num_points")
        faults += ["falls", "batch_is_misshapen"]
    if from_start:
        text, faults = text + _ENOUGH_STARTS, [*faults, "lacks_starts"]
    return text + fail_on(*faults)


def _operator(batched: bool, from_start: bool) -> OnnxOperator:
    return OnnxOperator(
        op_type_of(batched, from_start),
        inputs="src: T[N, D]"
        + (", batch: I[N]" if batched else "")
        + (", start: P[B]" if from_start else ""),
        outputs="out: P[M]",
        attributes={"ratio": 0.5},
        body=_CONSTANTS
        + (_GRAPHS_OF_BATCH if batched else _ONE_GRAPH)
        + _faults(batched, from_start)
        + _COUNT
        + (_FROM_START if from_start else _FROM_FIRST)
        + _SAMPLE,
        doc="For each graph, ceil(ratio * points) of its points: the first"
        + (", start[graph] places behind the graph's first point" if from_start else "")
        + ", then each time the point farthest from all that were taken, the lowest of equals.",
    )


OPERATORS = tuple(_operator(batched, start) for batched in (False, True) for start in (False, True))
