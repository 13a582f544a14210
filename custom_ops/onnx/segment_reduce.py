"""Segment{Sum,Mean,Max,Min,Mul} and their Permuted forms: reduce the rows of a tensor over compressed segments."""

from __future__ import annotations

from geocompile.custom_ops.onnx.operator import OnnxOperator
from geocompile.custom_ops.onnx.reductions import (
    COLUMN_SHAPES,
    REDUCES,
    ROW_OF_EDGE,
    reduce_terms,
    refuse_negative,
)

_IN_ORDER = """
    values = Identity (src)
    num_edges = Shape <end = 1> (src)
    terms = Identity (src)
"""

_PERMUTED = """
    values = Identity (src)
    num_edges = Shape (perm)
    num_sources = Shape <end = 1> (src)
"""

_PERMUTED_TERMS = refuse_negative("perm", "num_sources") + "    terms = Gather <axis = 0> (src, safe_perm)\n"


def op_type_of(reduce: str, permuted: bool) -> str:
    """``op_type_of("sum", True) == "SegmentSumPermuted"``."""
    return f"Segment{reduce.capitalize()}{'Permuted' if permuted else ''}"


def _operator(reduce: str, permuted: bool) -> OnnxOperator:
    source = "src[perm[p]]" if permuted else "src[p]"
    return OnnxOperator(
        op_type_of(reduce, permuted),
        inputs="src: T[S, ...], rowptr: I[N + 1], perm: I[E]"
        if permuted
        else "src: T[E, ...], rowptr: I[N + 1]",
        outputs="out: T[N, ...]",
        body=(_PERMUTED if permuted else _IN_ORDER)
        + ROW_OF_EDGE
        + COLUMN_SHAPES
        + (_PERMUTED_TERMS if permuted else "")
        + reduce_terms(reduce),
        doc=f"out[i] = {reduce.lower()} of {source} over p in [rowptr[i], rowptr[i + 1]).",
    )


OPERATORS = tuple(_operator(reduce, permuted) for reduce in REDUCES for permuted in (False, True))
