"""GroupedMatMul: in standard ONNX a Loop over tiles of rows, each multiplied by the weight of its group."""

from __future__ import annotations

from geocompile.custom_ops.onnx.operator import OnnxOperator
from geocompile.custom_ops.onnx.reductions import ROW_OF_EDGE

# Tiles hold as many rows as a group on average: they are at most twice as many as the groups, and their rows at most
# twice as many as rows and groups together, however uneven groups are. The product of what a tile takes beyond its
# group's end is not used. One more group, without rows, has one tile, so that the loop runs at least once. The divisor
# is at least one for a ptr without elements too, which is an error: dividing by zero would end the process.
_TILES = """
    groups_and_one = Add (num_rows, one)
    divisor = Max (groups_and_one, one)
    rows_and_groups = Add (num_edges, num_rows)
    average = Div (rows_and_groups, divisor)
    tile_size = Max (average, one)
    begins = Concat <axis = 0> (row_begins, num_edges)
    ends = Concat <axis = 0> (row_ends, num_edges)
    sizes = Sub (ends, begins)
    last_of_tile = Sub (tile_size, one)
    sizes_to_divide = Add (sizes, last_of_tile)
    tiles = Div (sizes_to_divide, tile_size)
    tile_ends = CumSum (tiles, axis)
    tile_begins = Sub (tile_ends, tiles)
    num_tiles = ReduceSum <keepdims = 1> (tiles, zero)
    num_steps = Add (num_tiles, one)
    no_tile_ends = ConstantOfShape <value = int64[1] {0}> (num_steps)
    ends_of_groups = Slice (tile_ends, zero, num_rows, zero)
    ends_at_tile = ScatterElements <axis = 0, reduction = "add"> (no_tile_ends, ends_of_groups, each_once)
    group_of_tile = CumSum (ends_at_tile, axis)
    steps = Squeeze (num_steps, zero)
    step = Constant <value_int = 1> ()
    tile_numbers = Range (axis, steps, step)
    first_tile = Gather <axis = 0> (tile_begins, group_of_tile)
    tiles_before = Sub (tile_numbers, first_tile)
    rows_before = Mul (tiles_before, tile_size)
    begin_of_group = Gather <axis = 0> (begins, group_of_tile)
    begin_of_tile = Add (begin_of_group, rows_before)
"""

# One channel more, of zeros on both sides, so that there is always a channel to sum over: of none, ONNX Runtime 1.18
# leaves the sums unset. As many rows more as the last tile may take.
_OPERANDS = """
    zero_32 = Constant <value_float = 0.0> ()
    zero_value = CastLike (zero_32, x)
    in_channels = Shape <start = 1, end = 2> (x)
    out_channels = Shape <start = 2, end = 3> (weight)
    in_and_one = Add (in_channels, one)
    column_shape = Concat <axis = 0> (num_edges, one)
    zero_column = Expand (zero_value, column_shape)
    x_and_column = Concat <axis = 1> (x, zero_column)
    tile_shape = Concat <axis = 0> (tile_size, in_and_one)
    zero_tile = Expand (zero_value, tile_shape)
    left = Concat <axis = 0> (x_and_column, zero_tile)
    row_shape = Concat <axis = 0> (num_rows, one, out_channels)
    zero_row = Expand (zero_value, row_shape)
    weight_and_row = Concat <axis = 1> (weight, zero_row)
    last_shape = Concat <axis = 0> (one, in_and_one, out_channels)
    last_matrix = Expand (zero_value, last_shape)
    right = Concat <axis = 0> (weight_and_row, last_matrix)
"""

_BODY = (
    """
    rowptr = Identity (ptr)
    num_edges = Shape <start = 0, end = 1> (x)
"""
    + ROW_OF_EDGE
    + _TILES
    + _OPERANDS
    + """
    go_on = Cast <to = 9> (steps)
    products = Loop (steps, go_on) <body = one_tile (int64 tile, bool goes_on) => (goes_on_too, product) {
        goes_on_too = Identity (goes_on)
        begin_now = Gather <axis = 0> (begin_of_tile, tile)
        begin = Unsqueeze (begin_now, zero)
        end = Add (begin, tile_size)
        rows = Slice (left, begin, end, zero)
        group = Gather <axis = 0> (group_of_tile, tile)
        matrix = Gather <axis = 0> (right, group)
        product = MatMul (rows, matrix)
    }>
    num_products = Mul (num_steps, tile_size)
    products_shape = Concat <axis = 0> (num_products, out_channels)
    all_products = Reshape <allowzero = 1> (products, products_shape)
    limit = Squeeze (num_edges, zero)
    row_numbers = Range (axis, limit, step)
    begin_of_row = Gather <axis = 0> (begins, row)
    place_in_group = Sub (row_numbers, begin_of_row)
    tile_of_row = Gather <axis = 0> (tile_begins, row)
    place_of_tile = Mul (tile_of_row, tile_size)
    place = Add (place_of_tile, place_in_group)
    out = Gather <axis = 0> (all_products, place)
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
