"""Slots, ToDense and FromDense: a batch of graphs as one dense tensor, and back."""

from __future__ import annotations

from geocompile.custom_ops.onnx.operator import OnnxOperator
from geocompile.custom_ops.onnx.reductions import ROW_OF_EDGE

_ROWS_OF_NODES = (
    """
    rowptr = Identity (ptr)
    num_edges = Shape <start = 0, end = 1> ({nodes})
"""
    + ROW_OF_EDGE
)


def _rows(nodes: str) -> str:
    """Body text: the checked `ptr`, and the graph of each of as many nodes as `nodes` has."""
    return _ROWS_OF_NODES.replace("{nodes}", nodes)


_SLOTS = (
    _rows("like")
    + """
    sizes = Sub (row_ends, row_begins)
    never_empty = Concat <axis = 0> (zero, sizes)
    largest = ReduceMax <keepdims = 0> (never_empty)
    begin = Squeeze (zero, zero)
    step = Squeeze (one, zero)
    slots = Range (begin, largest, step)
"""
)

# A slot without a node reads the row of fill values that is put behind the nodes.
_TO_DENSE = (
    _rows("x")
    + """
    num_slots = Shape <start = 0, end = 1> (slots)
    begin = Squeeze (zero, zero)
    step = Squeeze (one, zero)
    end = Squeeze (num_slots, zero)
    slot = Range (begin, end, step)
    sizes = Sub (row_ends, row_begins)
    size_column = Unsqueeze (sizes, one)
    begin_column = Unsqueeze (row_begins, one)
    has_node = Less (slot, size_column)
    node = Add (begin_column, slot)
    source = Where (has_node, node, num_edges)
    channels = Shape <start = 1> (x)
    fill_shape = Concat <axis = 0> (one, channels)
    fill_32 = Constant <value_float: float = @fill_value> ()
    fill = CastLike (fill_32, x)
    fill_row = Expand (fill, fill_shape)
    rows = Concat <axis = 0> (x, fill_row)
    dense = Gather <axis = 0> (rows, source)
"""
)

_FROM_DENSE = (
    _rows("like")
    + """
    num_slots = Shape <start = 1, end = 2> (dense)
    all_slots = Mul (num_rows, num_slots)
    channels = Shape <start = 2> (dense)
    rows_shape = Concat <axis = 0> (all_slots, channels)
    slot_rows = Reshape <allowzero = 1> (dense, rows_shape)
    zero_shape = Concat <axis = 0> (one, channels)
    zero_32 = Constant <value_float = 0.0> ()
    zero_value = CastLike (zero_32, dense)
    zero_row = Expand (zero_value, zero_shape)
    rows = Concat <axis = 0> (slot_rows, zero_row)
    begin = Squeeze (zero, zero)
    step = Squeeze (one, zero)
    end = Squeeze (num_edges, zero)
    node = Range (begin, end, step)
    first_of_graph = Gather <axis = 0> (row_begins, row)
    slot = Sub (node, first_of_graph)
    fits = Less (slot, num_slots)
    first_slot = Mul (row, num_slots)
    place = Add (first_slot, slot)
    source = Where (fits, place, all_slots)
    x = Gather <axis = 0> (rows, source)
"""
)

OPERATORS = (
    OnnxOperator(
        "Slots",
        inputs="ptr: I[B + 1], like: L[N, ...]",
        outputs="slots: P[S]",
        body=_SLOTS,
        doc="0, 1, ...: one number for each node of the largest graph.",
    ),
    OnnxOperator(
        "ToDense",
        inputs="x: T[N, ...], ptr: I[B + 1], slots: L[S, ...]",
        outputs="dense: T[B, S, ...]",
        attributes={"fill_value": 0.0},
        body=_TO_DENSE,
        doc="dense[g, s] = x[ptr[g] + s] for the nodes of graph g, fill_value in the slots that are left; slots' first "
        "size is the number of slots.",
    ),
    OnnxOperator(
        "FromDense",
        inputs="dense: T[B, S, ...], ptr: I[B + 1], like: L[N, ...]",
        outputs="x: T[N, ...]",
        body=_FROM_DENSE,
        doc="x[ptr[g] + s] = dense[g, s]; a node without a slot gets 0. like's first size is the number of nodes.",
    ),
)
