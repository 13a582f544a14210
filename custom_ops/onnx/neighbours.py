"""Knn, KnnCosine, Radius and Nearest, each also with batch vectors: in standard ONNX a Loop over queries and a TopK.

The distances of one query at a time are in memory. A query more than there are goes through the loop, so that it turns
at least once: what a Loop that never turns gives has no shape that engines agree on.

Which of two neighbours is nearer may hang on the last bit of their distances, so they are rounded as the kernel rounds
them. CumSum adds one dimension after the other (ReduceSum in any order); a root is taken in float64, since engines have
a float32 one that is not correctly rounded, and the root of float64 rounded to float32 is.
"""

from __future__ import annotations

from geocompile.custom_ops.onnx.operator import OnnxOperator

# points and queries of one or two dimensions -> points_2 [N, 1 + D] and queries_2 [M + 1, 1 + D]: a dimension more, of
# zeros, so that sums have at least one term. `fault` [1] becomes 1 where a body must not give numbers; reading
# zero[fault] fails then.
_POINTS = """
    zero = Constant <value = int64[1] {0}> ()
    one = Constant <value = int64[1] {1}> ()
    two = Constant <value = int64[1] {2}> ()
    first_axis = Constant <value = int64[1] {0}> ()
    points_shape_and_one = Concat <axis = 0> (points_shape, one)
    points_shape_2 = Slice (points_shape_and_one, zero, two, first_axis)
    given_points = Reshape <allowzero = 1> (points, points_shape_2)
    queries_shape_and_one = Concat <axis = 0> (queries_shape, one)
    queries_shape_2 = Slice (queries_shape_and_one, zero, two, first_axis)
    given_queries = Reshape <allowzero = 1> (queries, queries_shape_2)
    num_points = Slice (points_shape_2, zero, one, first_axis)
    num_queries = Slice (queries_shape_2, zero, one, first_axis)
    zero_32 = Constant <value_float = 0.0> ()
    zero_value = CastLike (zero_32, points)
    one_dimension_more = Constant <value = int64[4] {0, 1, 0, 0}> ()
    one_query_too = Constant <value = int64[4] {0, 1, 1, 0}> ()
    points_2 = Pad (given_points, one_dimension_more, zero_value)
    queries_2 = Pad (given_queries, one_query_too, zero_value)
    dimensions = Constant <value_int = 1> ()
    last = Constant <value_int = -1> ()
    flat = Constant <value = int64[1] {-1}> ()
    no_points_differ = Sub (points_2, points_2)
    no_queries_differ = Sub (queries_2, queries_2)
    points_are_wrong = IsNaN (no_points_differ)
    queries_are_wrong = IsNaN (no_queries_differ)
    wrong_points = Cast <to = 7> (points_are_wrong)
    wrong_queries = Cast <to = 7> (queries_are_wrong)
    points_wrong = ReduceSum <keepdims = 0> (wrong_points)
    queries_wrong = ReduceSum <keepdims = 0> (wrong_queries)
    values_wrong = Add (points_wrong, queries_wrong)
    values_fault = Reshape (values_wrong, flat)
"""

# The first and the last point + 1 of the graph of each query; none for the query too many.
_ONE_GRAPH = """
    fault = Identity (values_fault)
"""
_CANDIDATES_OF_ONE_GRAPH = """
        begin = Squeeze (zero_and_fault)
        end = Squeeze (num_points)
"""

# A batch vector falls where its next is smaller; it is negative nowhere if its first is not.
_BATCHES = """
    minus_one = Constant <value = int64[1] {-1}> ()
    wide_batch_points = Cast <to = 7> (batch_points)
    wide_batch_queries = Cast <to = 7> (batch_queries)
    graph_of_queries = Concat <axis = 0> (wide_batch_queries, minus_one)
    points_after_zero = Concat <axis = 0> (zero, wide_batch_points)
    queries_after_zero = Concat <axis = 0> (zero, wide_batch_queries)
    points_before = Slice (points_after_zero, zero, num_points, first_axis)
    queries_before = Slice (queries_after_zero, zero, num_queries, first_axis)
    points_fall = Less (wide_batch_points, points_before)
    queries_fall = Less (wide_batch_queries, queries_before)
    falls = Concat <axis = 0> (points_fall, queries_fall)
    fall_numbers = Cast <to = 7> (falls)
    num_falls = ReduceSum <keepdims = 1> (fall_numbers, first_axis)
    fault = Add (num_falls, values_fault)
"""
_CANDIDATES_OF_BATCH = """
        graph = Gather (graph_of_queries, i)
        is_before = Less (wide_batch_points, graph)
        is_after = Greater (wide_batch_points, graph)
        before = Cast <to = 7> (is_before)
        after = Cast <to = 7> (is_after)
        first = ReduceSum <keepdims = 0> (before)
        rest = ReduceSum <keepdims = 0> (after)
        checked = Squeeze (zero_and_fault)
        begin = Add (first, checked)
        all_points = Squeeze (num_points)
        end = Sub (all_points, rest)
"""

_LOOP = """
    most = Constant <value_int: int = @{most}> ()
    most_1 = Reshape (most, one)
    is_too_few = Less (most_1, one)
    too_few = Cast <to = 7> (is_too_few)
    other_faults = Add (fault, too_few)
{check}
    is_faulty = Min (all_faults, one)
    zero_and_fault = Gather (zero, is_faulty)
    skip = Constant <value_int: int = @skip_self> ()
    width = Min (most_1, num_points)
    times = Add (num_queries, one)
    turns = Squeeze (times)
    go_on = Constant <value = bool {{1}}> ()
    step = Constant <value_int = 1> ()
    nowhere = Constant <value_int = -1> ()
    is_skipping = Cast <to = 9> (skip)
{before}
    found = Loop (turns, go_on) <body = each_query (int64 i, bool go_on_in) => (bool go_on_out, int64[W] padded) {{
        go_on_out = Identity (go_on_in)
{candidates}
        graph_points = Range (begin, end, step)
        self = Where (is_skipping, i, nowhere)
        is_self = Equal (graph_points, self)
        is_other = Not (is_self)
        candidates = Compress <axis = 0> (graph_points, is_other)
        query = Gather (queries_2, i)
        near_points = Gather (points_2, candidates)
{distance}
        num_near = Shape (near)
        count = Min (num_near, width)
        nearest_distances, ranks = TopK <axis = 0, largest = 0, sorted = 1> (near_distances, count)
        neighbours = Gather (near, ranks)
        missing = Sub (width, count)
        nobody = ConstantOfShape <value = int64[1] {{-1}}> (missing)
        padded = Concat <axis = 0> (neighbours, nobody)
    }}>
    given = Slice (found, zero, num_queries, first_axis)
    is_somebody = Greater (given, nowhere)
    pairs = NonZero (is_somebody)
    places = Transpose <perm = [1, 0]> (pairs)
    neighbours_of_all = GatherND (given, places)
    query_row = Gather <axis = 0> (pairs, zero)
    point_row = Unsqueeze (neighbours_of_all, first_axis)
"""

_SQUARED = """
        differences = Sub (near_points, query)
        squares = Mul (differences, differences)
        sums = CumSum (squares, dimensions)
        distances = Gather <axis = 1> (sums, last)
"""
_ALL_CANDIDATES = """
        near = Identity (candidates)
        near_distances = Identity (distances)
"""
_WITHIN = """
        is_within = Less (distances, limit)
        near = Compress <axis = 0> (candidates, is_within)
        near_distances = Compress <axis = 0> (distances, is_within)
"""
_LIMIT = """
    radius_value = CastLike (r, points)
    limit = Mul (radius_value, radius_value)
"""
_CHECK_RADIUS = """
    none_32 = Constant <value_floats = [0.0]> ()
    none = CastLike (none_32, r)
    is_radius = GreaterOrEqual (r, none)
    is_no_radius = Not (is_radius)
    no_radius = Cast <to = 7> (is_no_radius)
    all_faults = Add (other_faults, no_radius)
"""
_NO_CHECK = """
    all_faults = Identity (other_faults)
"""
_NORMS = (
    "".join(
        f"""
    {each}_squares = Mul ({each}_2, {each}_2)
    {each}_sums = CumSum ({each}_squares, dimensions)
    {each}_squared = Gather <axis = 1> ({each}_sums, last)
    {each}_squared_64 = Cast <to = 11> ({each}_squared)
    {each}_norms_64 = Sqrt ({each}_squared_64)
    {each}_norms = CastLike ({each}_norms_64, points)
"""
        for each in ("points", "queries")
    )
    + """
    one_32 = Constant <value_float = 1.0> ()
    one_value = CastLike (one_32, points)
"""
)
_COSINE = """
        products = Mul (near_points, query)
        sums = CumSum (products, dimensions)
        product = Gather <axis = 1> (sums, last)
        near_norms = Gather (points_norms, candidates)
        query_norm = Gather (queries_norms, i)
        norms = Mul (near_norms, query_norm)
        quotients = Div (product, norms)
        is_no_number = IsNaN (quotients)
        similarity = Where (is_no_number, zero_value, quotients)
        distances = Sub (one_value, similarity)
"""

_EDGES = """
    both_rows = Concat <axis = 0> (query_row, point_row)
    turned = Constant <value_int: int = @neighbours_first> ()
    turned_1 = Reshape (turned, one)
    not_turned = Sub (one, turned_1)
    row_order = Concat <axis = 0> (turned_1, not_turned)
    edge_index = Gather <axis = 0> (both_rows, row_order)
"""

# A query without a neighbour: fewer pairs than queries, whose number is then read past the end.
_ONE_EACH = """
    num_pairs = Shape (neighbours_of_all)
    some_lack = Less (num_pairs, num_queries)
    lacking = Cast <to = 7> (some_lack)
    nothing = Gather (zero, lacking)
    out = Add (neighbours_of_all, nothing)
"""


def op_type_of(operator: str, batched: bool, cosine: bool = False) -> str:
    """``op_type_of("knn", True, True) == "KnnCosineBatched"``."""
    return f"{operator.capitalize()}{'Cosine' if cosine else ''}{'Batched' if batched else ''}"


def _names(points: str, queries: str, batched: bool) -> str:
    text = f"""
    points = Identity ({points})
    queries = Identity ({queries})
    points_shape = Shape (points)
    queries_shape = Shape (queries)
"""
    if batched:
        text += (
            f"    batch_points = Identity (batch_{points})\n    batch_queries = Identity (batch_{queries})\n"
        )
    return text


def _body(
    points: str,
    queries: str,
    batched: bool,
    most: str,
    before: str,
    distance: str,
    check: str = _NO_CHECK,
) -> str:
    loop = _LOOP.format(
        most=most,
        check=check,
        before=before,
        candidates=_CANDIDATES_OF_BATCH if batched else _CANDIDATES_OF_ONE_GRAPH,
        distance=distance,
    )
    return _names(points, queries, batched) + _POINTS + (_BATCHES if batched else _ONE_GRAPH) + loop


def _inputs(batched: bool) -> str:
    return "x: T[N, ...], y: T[M, ...]" + (", batch_x: I[N], batch_y: I[M]" if batched else "")


_OF_EACH = "of each point of y (in the same graph), by y, distance and index; row 0: index into y, row 1: into x, or "
_OF_EACH += "turned (neighbours_first). skip_self: x is y, and no point is its own neighbour."


def _knn(batched: bool, cosine: bool) -> OnnxOperator:
    return OnnxOperator(
        op_type_of("knn", batched, cosine),
        inputs=_inputs(batched),
        outputs="edge_index: P[2, E]",
        attributes={"k": 1, "skip_self": 0, "neighbours_first": 0},
        body=_body(
            "x",
            "y",
            batched,
            "k",
            _NORMS if cosine else "",
            (_COSINE if cosine else _SQUARED) + _ALL_CANDIDATES,
        )
        + _EDGES,
        doc=f"The k nearest points of x by {'cosine' if cosine else 'Euclidean'} distance {_OF_EACH}",
    )


def _radius(batched: bool) -> OnnxOperator:
    return OnnxOperator(
        op_type_of("radius", batched),
        inputs=f"{_inputs(batched)}, r: L[1]",
        outputs="edge_index: P[2, E]",
        attributes={"max_num_neighbors": 32, "skip_self": 0, "neighbours_first": 0},
        body=_body("x", "y", batched, "max_num_neighbors", _LIMIT, _SQUARED + _WITHIN, _CHECK_RADIUS)
        + _EDGES,
        doc=f"The points of x closer than r (float64), at most the max_num_neighbors nearest, {_OF_EACH}",
    )


def _nearest(batched: bool) -> OnnxOperator:
    body = _body("y", "x", batched, "one", "", _SQUARED + _ALL_CANDIDATES) + _ONE_EACH
    for attribute, value in (("skip_self", 0), ("one", 1)):
        body = body.replace(f"<value_int: int = @{attribute}>", f"<value_int = {value}>")
    return OnnxOperator(
        op_type_of("nearest", batched),
        inputs=_inputs(batched),
        outputs="out: P[N]",
        body=body,
        doc="The index of the nearest point of y of each point of x (in the same graph).",
    )


OPERATORS = (
    *(_knn(batched, cosine) for cosine in (False, True) for batched in (False, True)),
    *(_radius(batched) for batched in (False, True)),
    *(_nearest(batched) for batched in (False, True)),
)
