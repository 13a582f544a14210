"""GatCoefficients and GatAggregate, with shares of edges in the scores (Edge) and a loop at every node (Self)."""

from __future__ import annotations

from geocompile.custom_ops.onnx.operator import OnnxOperator
from geocompile.custom_ops.onnx.reductions import ROW_OF_EDGE, refuse_negative
from geocompile.custom_ops.onnx.softmax import SOFTMAX_OF_TERMS

_SHARES = (
    """
    num_edges = Shape (col)
    num_sources = Shape <end = 1> (source)
    num_heads = Shape <start = 1> (source)
"""
    + ROW_OF_EDGE
    + refuse_negative("col", "num_sources")
    + """
    share_of_source = Gather <axis = 0> (source, safe_col)
    share_of_target = Gather <axis = 0> (target, row)
    share_of_ends = Add (share_of_source, share_of_target)
"""
)

_PLAIN_TERMS = """
    shares = Identity (edge_shares)
    rows = Identity (row)
    columns = Identity (safe_col)
"""

_SELF_TERMS = """
    first_row = Constant <value_int = 0> ()
    step = Constant <value_int = 1> ()
    end_row = Squeeze (num_rows, zero)
    every_row = Range (first_row, end_row, step)
    shares = Concat <axis = 0> (edge_shares, loop_shares)
    rows = Concat <axis = 0> (row, every_row)
    columns = Concat <axis = 0> (safe_col, every_row)
"""

_SCORES = """
    term_column = Constant <value = int64[2] {-1, 1}> ()
    num_terms = Shape (rows)
    row_column = Reshape (rows, term_column)
    terms_shape = Concat <axis = 0> (num_terms, num_heads)
    out_shape = Concat <axis = 0> (num_rows, num_heads)
    row_of_term = Expand (row_column, terms_shape)
    slope_32 = Constant <value_float: float = @negative_slope> ()
    slope = CastLike (slope_32, shares)
    sloped = Mul (shares, slope)
    none_32 = Constant <value_float = 0.0> ()
    none = CastLike (none_32, shares)
    is_positive = Greater (shares, none)
    all_scores = Where (is_positive, shares, sloped)
"""

# An edge from i to i is left out of the softmax, as a score of -inf, and gets 0.
_LOOPS_LEFT_OUT = """
    is_loop_edge = Equal (row, safe_col)
    false = Constant <value_int = 0> ()
    is_no_edge = Cast <to = 9> (false)
    is_no_loop_edge = Expand (is_no_edge, num_rows)
    is_left_out = Concat <axis = 0> (is_loop_edge, is_no_loop_edge)
    left_out = Reshape (is_left_out, term_column)
    minus_infinity_32 = Constant <value_float = -inf> ()
    minus_infinity = CastLike (minus_infinity_32, shares)
    scores = Where (left_out, minus_infinity, all_scores)
"""

_SPLIT = """
    alpha = Slice (coefficients, zero, num_edges, zero)
    self_alpha = Slice (coefficients, num_edges, num_terms, zero)
"""

_NO_SELF_ALPHA = """
    alpha = Identity (coefficients)
    self_alpha = Expand (none, out_shape)
"""

_AGGREGATE = """
    features = Gather <axis = 0> (x, columns)
    channel_dim = Constant <value = int64[1] {2}> ()
    coefficients_column = Unsqueeze (coefficients, channel_dim)
    weighted = Mul (coefficients_column, features)
    weighted_shape = Shape (weighted)
    row_columns = Unsqueeze (row_column, channel_dim)
    row_of_weighted = Expand (row_columns, weighted_shape)
    x_shape = Shape <start = 1> (x)
    sums_shape = Concat <axis = 0> (num_rows, x_shape)
    nothing_summed = Expand (none, sums_shape)
    out = ScatterElements <axis = 0, reduction = "add"> (nothing_summed, row_of_weighted, weighted)
"""


def op_type_of(operator: str, with_edge: bool, with_self: bool) -> str:
    """``op_type_of("gat_aggregate", True, True) == "GatAggregateEdgeSelf"``."""
    name = "".join(word.capitalize() for word in operator.split("_"))
    return f"{name}{'Edge' if with_edge else ''}{'Self' if with_self else ''}"


def _coefficients(with_edge: bool, with_self: bool) -> str:
    """Body text: ``coefficients`` of all terms, the edges first, then the loops."""
    text = (
        _SHARES
        + f"    edge_shares = {'Add (share_of_ends, edge)' if with_edge else 'Identity (share_of_ends)'}\n"
    )
    if with_self:
        text += "    share_of_loop = Add (source, target)\n"
        text += f"    loop_shares = {'Add (share_of_loop, self_edge)' if with_edge else 'Identity (share_of_loop)'}\n"
    text += (_SELF_TERMS if with_self else _PLAIN_TERMS) + _SCORES
    text += _LOOPS_LEFT_OUT if with_self else "    scores = Identity (all_scores)\n"
    text += SOFTMAX_OF_TERMS
    return text + (
        "    coefficients = Where (left_out, none, weights)\n"
        if with_self
        else "    coefficients = Identity (weights)\n"
    )


def _operator(operator: str, with_edge: bool, with_self: bool) -> OnnxOperator:
    is_aggregate = operator == "gat_aggregate"
    sources = "N" if with_self else "M"
    formula = "score[p] = leaky_relu(source[col[p]] + target[i]" + (" + edge[p])" if with_edge else ")")
    own = " and, in place of edges i -> i, over a loop of the row itself" if with_self else ""
    return OnnxOperator(
        op_type_of(operator, with_edge, with_self),
        inputs=(f"x: T[{sources}, H, C], " if is_aggregate else "")
        + f"rowptr: I[N + 1], col: I[E], source: T[{sources}, H], target: T[N, H]"
        + (", edge: T[E, H]" if with_edge else "")
        + (", self_edge: T[N, H]" if with_edge and with_self else ""),
        outputs="out: T[N, H, C]" if is_aggregate else "alpha: T[E, H], self_alpha: T[N, H]",
        attributes={"negative_slope": 0.2},
        body=_coefficients(with_edge, with_self)
        + (_AGGREGATE if is_aggregate else _SPLIT if with_self else _NO_SELF_ALPHA),
        doc=f"{formula}; alpha = softmax of the scores over row i's edges{own}"
        + ("; out[i] = sum of alpha[p] x[col[p]]." if is_aggregate else "."),
    )


OPERATORS = tuple(
    _operator(operator, with_edge, with_self)
    for operator in ("gat_coefficients", "gat_aggregate")
    for with_edge in (False, True)
    for with_self in (False, True)
)
