"""GatherSegment{Sum,Mean,Max,Min,Mul}, with edge weights (Weighted) and a term of the row itself (Self).

A weight is one per edge (or row), or one for each head, the first dimension of a row of x.
"""

from __future__ import annotations

from geocompile.custom_ops.onnx.operator import OnnxOperator
from geocompile.custom_ops.onnx.reductions import (
    COLUMN_SHAPES,
    REDUCES,
    ROW_OF_EDGE,
    reduce_terms,
    refuse_negative,
)


def broadcast_over_channels(weight: str) -> str:
    """Body text: `weight` [*] or [*, heads] shaped so that it broadcasts against x [*, heads, ...]."""
    return f"""
    {weight}_shape = Shape ({weight})
    {weight}_rank = Size ({weight}_shape)
    {weight}_x_shape = Shape (x)
    {weight}_x_rank = Size ({weight}_x_shape)
    {weight}_missing = Sub ({weight}_x_rank, {weight}_rank)
    {weight}_missing_dims = Reshape ({weight}_missing, one)
    {weight}_units = ConstantOfShape <value = int64[1] {{1}}> ({weight}_missing_dims)
    {weight}_column = Concat <axis = 0> ({weight}_shape, {weight}_units)
    {weight}_over_channels = Reshape <allowzero = 1> ({weight}, {weight}_column)
"""


_EDGES = """
    values = Identity (x)
    num_edges = Shape (col)
    num_sources = Shape <end = 1> (x)
"""

_TERMS = """
    terms = Gather <axis = 0> (x, safe_col)
"""

_WEIGHTED_TERMS = (
    """
    neighbors = Gather <axis = 0> (x, safe_col)
"""
    + broadcast_over_channels("weight")
    + """
    terms = Mul (weight_over_channels, neighbors)
"""
)

_SELF_TERMS = (
    """
"""
    + broadcast_over_channels("self_weight")
    + """
    self_terms = Mul (self_weight_over_channels, x)
"""
)


def op_type_of(reduce: str, weighted: bool, with_self: bool) -> str:
    """``op_type_of("sum", True, True) == "GatherSegmentSumWeightedSelf"``."""
    return f"GatherSegment{reduce.capitalize()}{'Weighted' if weighted else ''}{'Self' if with_self else ''}"


def _operator(reduce: str, weighted: bool, with_self: bool) -> OnnxOperator:
    terms = _WEIGHTED_TERMS if weighted else _TERMS
    return OnnxOperator(
        op_type_of(reduce, weighted, with_self),
        inputs=f"x: T[{'N' if with_self else 'M'}, ...], rowptr: I[N + 1], col: I[E]"
        + (", weight: T[E, ...]" if weighted else "")
        + (", self_weight: T[N, ...]" if with_self else ""),
        outputs="out: T[N, ...]",
        body=_EDGES
        + ROW_OF_EDGE
        + COLUMN_SHAPES
        + refuse_negative("col", "num_sources")
        + terms
        + (_SELF_TERMS if with_self else "")
        + reduce_terms(reduce, with_self),
        doc=f"out[i] = {reduce.lower()} of {'weight[p] ' if weighted else ''}x[col[p]] over p in "
        f"[rowptr[i], rowptr[i + 1]){' and of self_weight[i] x[i]' if with_self else ''}.",
    )


OPERATORS = tuple(
    _operator(reduce, weighted, with_self)
    for reduce in REDUCES
    for weighted in (False, True)
    for with_self in (False, True)
)
