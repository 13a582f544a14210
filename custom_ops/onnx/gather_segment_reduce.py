"""GatherSegment{Sum,Mean,Max,Min,Mul}, with edge weights (Weighted) and a term of the row itself (Self)."""

from __future__ import annotations

from geocompile.custom_ops.onnx.operator import OnnxOperator
from geocompile.custom_ops.onnx.reductions import (
    COLUMN_SHAPES,
    REDUCES,
    ROW_OF_EDGE,
    reduce_terms,
    refuse_negative,
)

_EDGES = """
    values = Identity (x)
    num_edges = Shape (col)
    num_sources = Shape <end = 1> (x)
"""

_TERMS = """
    terms = Gather <axis = 0> (x, safe_col)
"""

_WEIGHTED_TERMS = """
    neighbors = Gather <axis = 0> (x, safe_col)
    weights = Reshape <allowzero = 1> (weight, edge_column)
    terms = Mul (weights, neighbors)
"""

_SELF_TERMS = """
    self_weights = Reshape <allowzero = 1> (self_weight, row_column)
    self_terms = Mul (self_weights, x)
"""


def op_type_of(reduce: str, weighted: bool, with_self: bool) -> str:
    """``op_type_of("sum", True, True) == "GatherSegmentSumWeightedSelf"``."""
    return f"GatherSegment{reduce.capitalize()}{'Weighted' if weighted else ''}{'Self' if with_self else ''}"


def _operator(reduce: str, weighted: bool, with_self: bool) -> OnnxOperator:
    terms = _WEIGHTED_TERMS if weighted else _TERMS
    return OnnxOperator(
        op_type_of(reduce, weighted, with_self),
        inputs=f"x: T[{'N' if with_self else 'M'}, ...], rowptr: I[N + 1], col: I[E]"
        + (", weight: T[E]" if weighted else "")
        + (", self_weight: T[N]" if with_self else ""),
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
