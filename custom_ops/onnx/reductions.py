"""The part of a function body that reduces terms over compressed rows, in standard ONNX operators.

ScatterElements is the standard reduction by index whose order is fixed; it takes one index per element. (ScatterND
takes one per row, but ONNX Runtime updates equal indices from several threads at once: onnxruntime#18048.) Its max
and min drop NaN, so NaN travels beside them in a tensor that is 0, or NaN where a row has one. Adding it turns -0.0
into 0.0: the max or min of zeros of both signs is 0.0 here, where our kernels keep the sign of the zero met first.
"""

from __future__ import annotations

REDUCES = ("Sum", "Mean", "Max", "Min", "Mul")

SCATTER_BY = {"Sum": "add", "Mean": "add", "Max": "max", "Min": "min", "Mul": "mul"}
_COMBINE = {"Sum": "Add", "Mean": "Add", "Max": "Max", "Min": "Min", "Mul": "Mul"}
IDENTITY = {"Sum": "0.0", "Mean": "0.0", "Max": "-inf", "Min": "inf", "Mul": "1.0"}

# rowptr [N + 1], num_edges [1] -> row [E], for each edge the number of rows that end at or before it. `nothing` is 0; a
# rowptr that does not start at 0, decreases or ends elsewhere than at the last edge fails there, by reading zero[1].
ROW_OF_EDGE = """
    zero = Constant <value = int64[1] {0}> ()
    one = Constant <value = int64[1] {1}> ()
    axis = Constant <value_int = 0> ()
    wide_rowptr = Cast <to = 7> (rowptr)
    rowptr_size = Shape (wide_rowptr)
    num_rows = Sub (rowptr_size, one)
    row_begins = Slice (wide_rowptr, zero, num_rows, zero)
    given_ends = Slice (wide_rowptr, one, rowptr_size, zero)
    first = Slice (wide_rowptr, zero, one, zero)
    last = Slice (wide_rowptr, num_rows, rowptr_size, zero)
    falls = Less (given_ends, row_begins)
    starts_at_zero = Equal (first, zero)
    ends_at_last_edge = Equal (last, num_edges)
    starts_wrong = Not (starts_at_zero)
    ends_wrong = Not (ends_at_last_edge)
    faults = Concat <axis = 0> (falls, starts_wrong, ends_wrong)
    fault_numbers = Cast <to = 7> (faults)
    is_faulty = ReduceMax <keepdims = 1> (fault_numbers)
    nothing = Gather <axis = 0> (zero, is_faulty)
    row_ends = Add (given_ends, nothing)
    num_places = Add (num_edges, one)
    no_ends = ConstantOfShape <value = int64[1] {0}> (num_places)
    each_once = ConstantOfShape <value = int64[1] {1}> (num_rows)
    ends_at = ScatterElements <axis = 0, reduction = "add"> (no_ends, row_ends, each_once)
    rows_ended = CumSum (ends_at, axis)
    row = Slice (rows_ended, zero, num_edges, zero)
"""


def refuse_negative(indices: str, limit: str) -> str:
    """Body text: ``indices`` as int64 ``safe_<indices>``, the negative ones, which would wrap, as ``limit`` [1].

    `limit` is the first index past the end of what they point into, so that whatever reads there fails.
    """
    return f"""
    wide_{indices} = Cast <to = 7> ({indices})
    {indices}_is_negative = Less (wide_{indices}, zero)
    safe_{indices} = Where ({indices}_is_negative, {limit}, wide_{indices})
"""


def graphs_named_by(batch: str, num_graphs: str) -> str:
    """Body text: ``num_graphs`` [1], the largest value of a batch vector + 1, and 0 if it is empty.

    A number that the kernels refuse (graph_count.h) becomes 0, which the batch vector then points past.
    """
    return f"""
    graph_numbers = Cast <to = 7> ({batch})
    before_all_graphs = Constant <value = int64[1] {{-1}}> ()
    never_empty = Concat <axis = 0> (before_all_graphs, graph_numbers)
    largest_number = ReduceMax <keepdims = 1> (never_empty)
    named_graphs = Sub (largest_number, before_all_graphs)
    numbered_nodes = Shape ({batch})
    for_each_node = Constant <value = int64[1] {{64}}> ()
    few_graphs = Constant <value = int64[1] {{67108864}}> ()
    most_in_int32 = Constant <value = int64[1] {{2147483647}}> ()
    many_graphs = Mul (numbered_nodes, for_each_node)
    enough_graphs = Max (few_graphs, many_graphs)
    most_graphs = Min (enough_graphs, most_in_int32)
    is_absurd = Greater (named_graphs, most_graphs)
    no_graphs = Constant <value = int64[1] {{0}}> ()
    {num_graphs} = Where (is_absurd, no_graphs, named_graphs)
"""


# values [*, *] and num_edges, num_rows -> the shapes [E, 1, ...] and [N, 1, ...] that broadcast against such values.
COLUMN_SHAPES = """
    channels = Shape <start = 1> (values)
    num_channel_dims = Shape (channels)
    unit_channels = ConstantOfShape <value = int64[1] {1}> (num_channel_dims)
    edge_column = Concat <axis = 0> (num_edges, unit_channels)
    row_column = Concat <axis = 0> (num_rows, unit_channels)
"""

_SCATTER_TERMS = """
    terms_shape = Concat <axis = 0> (num_edges, channels)
    out_shape = Concat <axis = 0> (num_rows, channels)
    row_of_edge = Reshape <allowzero = 1> (row, edge_column)
    row_of_term = Expand (row_of_edge, terms_shape)
    identity_32 = Constant <value_float = {identity}> ()
    identity = CastLike (identity_32, values)
    identities = Expand (identity, out_shape)
    {reduced} = ScatterElements <axis = 0, reduction = "{scatter}"> (identities, row_of_term, terms)
"""

_COUNT_TERMS = """
    num_edge_terms = Sub (row_ends, row_begins)
    num_self_terms = Constant <value = int64[1] {{{num_self_terms}}}> ()
    num_terms = Add (num_edge_terms, num_self_terms)
    term_counts = Reshape <allowzero = 1> (num_terms, row_column)
"""

_DIVIDE_BY_COUNT = """
    divisors = Max (term_counts, one)
    divisors_value = CastLike (divisors, values)
    out = Div (reduced, divisors_value)
"""

_ZERO = """
    zero_32 = Constant <value_float = 0.0> ()
    zero_value = CastLike (zero_32, values)
"""

_CLEAR_EMPTY = """
    is_empty = Equal (term_counts, zero)
    cleared = Where (is_empty, zero_value, reduced)
"""

_NAN_OF_TERMS = """
    is_nan = IsNaN (terms)
    nan_terms = Where (is_nan, terms, zero_value)
    no_nan = Expand (zero_value, out_shape)
    nan = ScatterElements <axis = 0, reduction = "add"> (no_nan, row_of_term, nan_terms)
"""

_NAN_OF_SELF = """
    self_is_nan = IsNaN (self_terms)
    nan_self = Where (self_is_nan, self_terms, zero_value)
    nan_all = Add (nan, nan_self)
"""


def reduce_terms(reduce: str, with_self: bool = False) -> str:
    """Body text: ``terms`` [E, *] (and ``self_terms`` [N, *]), reduced by row, become ``out`` [N, *].

    It goes on from :data:`ROW_OF_EDGE` and :data:`COLUMN_SHAPES`. An empty row gives 0, for Mul 1.
    """
    scattered = "over_edges" if with_self else "reduced"
    text = _SCATTER_TERMS.format(identity=IDENTITY[reduce], scatter=SCATTER_BY[reduce], reduced=scattered)
    if with_self:
        text += f"    reduced = {_COMBINE[reduce]} (over_edges, self_terms)\n"
    if reduce in ("Sum", "Mul"):
        return text + "    out = Identity (reduced)\n"
    text += _COUNT_TERMS.format(num_self_terms=int(with_self))
    if reduce == "Mean":
        return text + _DIVIDE_BY_COUNT
    text += _ZERO + _CLEAR_EMPTY + _NAN_OF_TERMS + (_NAN_OF_SELF if with_self else "")
    return text + f"    out = Add (cleared, {'nan_all' if with_self else 'nan'})\n"
