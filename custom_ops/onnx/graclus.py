"""Graclus, with weights and an order of visits or without: a greedy matching, in standard ONNX a Loop over visits."""

from __future__ import annotations

from geocompile.custom_ops.onnx.operator import OnnxOperator
from geocompile.custom_ops.onnx.reductions import ROW_OF_EDGE, refuse_negative

_EDGES = (
    """
    num_edges = Shape (col)
"""
    + ROW_OF_EDGE
    + refuse_negative("col", "num_rows")
    + """
    zero_of_row = ConstantOfShape <value = int64[1] {0}> (num_rows)
    zero_of_edge = Gather <axis = 0> (zero_of_row, safe_col)
    targets = Add (safe_col, zero_of_edge)
    nodes_end = Squeeze (num_rows, zero)
    step_size = Constant <value_int = 1> ()
    nodes = Range (axis, nodes_end, step_size)
"""
)

_EQUAL_WEIGHTS = """
    weights = ConstantOfShape <value = float[1] {0.0}> (num_edges)
    lightest = Constant <value_float = -inf> ()
"""

_GIVEN_WEIGHTS = """
    lightest_32 = Constant <value_float = -inf> ()
    lightest = CastLike (lightest_32, weight)
    weight_is_nan = IsNaN (weight)
    weights = Where (weight_is_nan, lightest, weight)
"""

_EVERY_NODE = """
    visits = Identity (nodes)
"""

_GIVEN_ORDER = refuse_negative("order", "num_rows") + "    visits = Identity (safe_order)\n"

# The node itself comes last, as its own lightest neighbour: ArgMax takes the first of equals.
_MATCH = """
    num_visits = Shape (visits)
    trips = Squeeze (num_visits, zero)
    go_on = Cast <to = 9> (step_size)
    minus_one = Constant <value = int64[1] {-1}> ()
    nobody = Expand (minus_one, num_rows)
    own_weight = Reshape (lightest, one)
    two = Constant <value = int64[1] {2}> ()
    labels = Loop (trips, go_on, nobody) <body = one_visit (int64 step, bool goes_on, known)
        => (goes_on_too, updated) {
        goes_on_too = Identity (goes_on)
        place = Reshape (step, one)
        node = Gather <axis = 0> (visits, place)
        begin = Gather <axis = 0> (row_begins, node)
        end = Gather <axis = 0> (row_ends, node)
        neighbours = Slice (targets, begin, end, zero)
        their_weights = Slice (weights, begin, end, zero)
        their_labels = Gather <axis = 0> (known, neighbours)
        is_free = Less (their_labels, zero)
        is_node = Equal (neighbours, node)
        is_other = Not (is_node)
        is_candidate = And (is_free, is_other)
        candidates = Compress <axis = 0> (neighbours, is_candidate)
        candidate_weights = Compress <axis = 0> (their_weights, is_candidate)
        choices = Concat <axis = 0> (candidates, node)
        choice_weights = Concat <axis = 0> (candidate_weights, own_weight)
        heaviest = ArgMax <axis = 0, keepdims = 1> (choice_weights)
        partner = Gather <axis = 0> (choices, heaviest)
        pair = Concat <axis = 0> (node, partner)
        label = Min (node, partner)
        pair_label = Expand (label, two)
        known_of_pair = Gather <axis = 0> (known, pair)
        known_of_node = Gather <axis = 0> (known, node)
        is_unmatched = Less (known_of_node, zero)
        label_of_pair = Where (is_unmatched, pair_label, known_of_pair)
        updated = ScatterElements <axis = 0> (known, pair, label_of_pair)
    }>
    was_never_met = Less (labels, zero)
    out = Where (was_never_met, nodes, labels)
"""


def op_type_of(weighted: bool, ordered: bool) -> str:
    """``op_type_of(True, False) == "GraclusWeighted"``."""
    return f"Graclus{'Weighted' if weighted else ''}{'Ordered' if ordered else ''}"


def _operator(weighted: bool, ordered: bool) -> OnnxOperator:
    weights, visits = (
        _GIVEN_WEIGHTS if weighted else _EQUAL_WEIGHTS,
        _GIVEN_ORDER if ordered else _EVERY_NODE,
    )
    return OnnxOperator(
        op_type_of(weighted, ordered),
        inputs="rowptr: I[N + 1], col: I[E]"
        + (", weight: T[E]" if weighted else "")
        + (", order: I[K]" if ordered else ""),
        outputs="out: P[N]",
        body=_EDGES + weights + visits + _MATCH,
        doc="Visits nodes, in order if that is given; one that is not matched is matched with its "
        + ("heaviest" if weighted else "first")
        + " neighbour that is not. out is the smaller number of each pair, of a node alone its own.",
    )


OPERATORS = tuple(_operator(weighted, ordered) for weighted in (False, True) for ordered in (False, True))
