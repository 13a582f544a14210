"""DotCoefficients and DotAttention, with features of edges in the scores and in the sums (Edge)."""

from __future__ import annotations

from geocompile.custom_ops.onnx.operator import OnnxOperator
from geocompile.custom_ops.onnx.reductions import ROW_OF_EDGE, refuse_negative
from geocompile.custom_ops.onnx.softmax import SOFTMAX_OF_TERMS

_DOTS = (
    """
    num_edges = Shape (col)
    num_sources = Shape <end = 1> (key)
    num_heads = Shape <start = 1, end = 2> (query)
    channel_dim = Constant <value = int64[1] {2}> ()
"""
    + ROW_OF_EDGE
    + refuse_negative("col", "num_sources")
    + """
    query_of_edge = Gather <axis = 0> (query, row)
    key_of_edge = Gather <axis = 0> (key, safe_col)
    products = Mul (query_of_edge, key_of_edge)
    dots = ReduceSum <keepdims = 0> (products, channel_dim)
"""
)

_EDGE_DOTS = """
    edge_query_of_edge = Gather <axis = 0> (edge_query, row)
    edge_for_heads = Unsqueeze (edge, one)
    edge_products = Mul (edge_query_of_edge, edge_for_heads)
    edge_dots = ReduceSum <keepdims = 0> (edge_products, channel_dim)
    sums_of_dots = Add (dots, edge_dots)
"""

# scores [E, H] and rows [E] -> what SOFTMAX_OF_TERMS asks for.
TERMS_OF_EDGES = """
    rows = Identity (row)
    terms_shape = Concat <axis = 0> (num_edges, num_heads)
    out_shape = Concat <axis = 0> (num_rows, num_heads)
    row_column = Unsqueeze (row, one)
    row_of_term = Expand (row_column, terms_shape)
"""

_SCALED = """
    scale_32 = Constant <value_float: float = @scale> ()
    scale = CastLike (scale_32, products)
    scores = Mul (sums_of_dots, scale)
"""


def weighted_sum(features: str, out: str) -> str:
    """Body text: `features` [E, H or 1, *], weighted by ``weights`` and summed by row, become `out` [N, H, *]."""
    return f"""
    {out}_weighted = Mul ({features}, weights_column)
    {out}_terms_shape = Shape ({out}_weighted)
    {out}_row_shape = Slice ({out}_terms_shape, one, three, zero)
    {out}_row_of_each = Expand (row_columns, {out}_terms_shape)
    {out}_sums_shape = Concat <axis = 0> (num_rows, {out}_row_shape)
    {out}_no_sums = Expand (zero_value, {out}_sums_shape)
    {out} = ScatterElements <axis = 0, reduction = "add"> ({out}_no_sums, {out}_row_of_each, {out}_weighted)
"""


COLUMNS_OF_WEIGHTS = """
    three = Constant <value = int64[1] {3}> ()
    weights_column = Unsqueeze (weights, channel_dim)
    row_columns = Unsqueeze (row_column, channel_dim)
"""


def op_type_of(operator: str, with_edge: bool) -> str:
    """``op_type_of("dot_attention", True) == "DotAttentionEdge"``."""
    return f"{''.join(word.capitalize() for word in operator.split('_'))}{'Edge' if with_edge else ''}"


def _body(is_attention: bool, with_edge: bool) -> str:
    text = _DOTS + (_EDGE_DOTS if with_edge else "    sums_of_dots = Identity (dots)\n")
    text += _SCALED + TERMS_OF_EDGES + SOFTMAX_OF_TERMS
    if not is_attention:
        return text + "    alpha = Identity (weights)\n"
    text += COLUMNS_OF_WEIGHTS + "    values = Gather <axis = 0> (value, safe_col)\n"
    return (
        text
        + weighted_sum("values", "out")
        + (weighted_sum("edge_for_heads", "edge_out") if with_edge else "")
    )


def _operator(operator: str, with_edge: bool) -> OnnxOperator:
    is_attention = operator == "dot_attention"
    score = "<query[i], key[col[p]]>" + (" + <edge_query[i], edge[p]>" if with_edge else "")
    sums = "; out[i] = sum of alpha[p] value[col[p]]" + (
        "; edge_out[i] = sum of alpha[p] edge[p]" if with_edge else ""
    )
    return OnnxOperator(
        op_type_of(operator, with_edge),
        inputs="query: T[N, H, C], key: T[M, H, C], "
        + ("value: T[M, H, D], " if is_attention else "")
        + "rowptr: I[N + 1], col: I[E]"
        + (", edge_query: T[N, H, P], edge: T[E, P]" if with_edge else ""),
        outputs="alpha: T[E, H]"
        if not is_attention
        else "out: T[N, H, D]" + (", edge_out: T[N, H, P]" if with_edge else ""),
        attributes={"scale": 1.0},
        body=_body(is_attention, with_edge),
        doc=f"score[p] = scale ({score}); alpha = softmax of the scores over row i's edges"
        f"{sums if is_attention else ''}.",
    )


OPERATORS = tuple(
    _operator(operator, with_edge)
    for operator in ("dot_coefficients", "dot_attention")
    for with_edge in (False, True)
)
