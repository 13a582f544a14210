"""GatherKernel{Sum,Mean} and GatherSparseKernel{Sum,Mean,MeanPerKernel}[Weighted]: one sum per row and kernel."""

from __future__ import annotations

from geocompile.custom_ops.onnx.operator import OnnxOperator
from geocompile.custom_ops.onnx.reductions import COLUMN_SHAPES, ROW_OF_EDGE, reduce_terms, refuse_negative

_SOURCES = (
    """
    num_edges = Shape (col)
    num_sources = Shape <end = 1> (x)
"""
    + ROW_OF_EDGE
    + refuse_negative("col", "num_sources")
    + """
    sources = Gather <axis = 0> (x, safe_col)
    x_channels = Shape <start = 1> (x)
    num_x_dims = Shape (x_channels)
    x_units = ConstantOfShape <value = int64[1] {1}> (num_x_dims)
"""
)

_DENSE_TERMS = (
    """
    sources_of_edges = Unsqueeze (sources, one)
    weight_shape = Shape (weight)
    weight_column = Concat <axis = 0> (weight_shape, x_units)
    weight_over_channels = Reshape <allowzero = 1> (weight, weight_column)
    terms = Mul (weight_over_channels, sources_of_edges)
    values = Identity (terms)
"""
    + COLUMN_SHAPES
)

# A kernel that is too large would stand for one of the next row: it is read from the list of all kernels, which fails.
_PLACES = (
    """
    num_kernels = Shape <start = 0, end = 1> (like)
    kernel_shape = Shape (kernel)
    all_kernel_dims = Shape (kernel_shape)
    first_kernel = Constant <value_int = 0> ()
    step = Constant <value_int = 1> ()
    end_kernel = Squeeze (num_kernels, zero)
    every_kernel = Range (first_kernel, end_kernel, step)
"""
    + refuse_negative("kernel", "num_kernels")
    + """
    given_kernel = Gather <axis = 0> (every_kernel, safe_kernel)
    kernel_places = ReduceProd <keepdims = 1> (kernel_shape)
    active_dims = Shape <start = 1> (kernel)
    num_active = ReduceProd <keepdims = 1> (active_dims)
    edges_by_active = Concat <axis = 0> (num_edges, num_active)
    kernel_rows = Reshape <allowzero = 1> (given_kernel, edges_by_active)
    first_place = Mul (row, num_kernels)
    first_places = Unsqueeze (first_place, one)
    places_of_edges = Add (first_places, kernel_rows)
    place = Reshape <allowzero = 1> (places_of_edges, kernel_places)
    num_places_out = Mul (num_rows, num_kernels)
"""
)

_SPARSE_TERMS = """
    given_channels = Concat <axis = 0> (edges_by_active, x_channels)
    sources_of_edges = Unsqueeze (sources, one)
    sources_of_kernels = Expand (sources_of_edges, given_channels)
"""

_WEIGHTED_TERMS = """
    weight_column = Concat <axis = 0> (edges_by_active, x_units)
    weight_over_channels = Reshape <allowzero = 1> (weight, weight_column)
    terms_of_edges = Mul (weight_over_channels, sources_of_kernels)
"""

_SPARSE_SUM = """
    terms_shape = Concat <axis = 0> (kernel_places, x_channels)
    terms = Reshape <allowzero = 1> (terms_of_edges, terms_shape)
    place_column_shape = Concat <axis = 0> (kernel_places, x_units)
    place_column = Reshape <allowzero = 1> (place, place_column_shape)
    place_of_term = Expand (place_column, terms_shape)
    sums_shape = Concat <axis = 0> (num_places_out, x_channels)
    zero_32 = Constant <value_float = 0.0> ()
    zero_value = CastLike (zero_32, x)
    nothing_summed = Expand (zero_value, sums_shape)
    flat_sums = ScatterElements <axis = 0, reduction = "add"> (nothing_summed, place_of_term, terms)
    out_shape = Concat <axis = 0> (num_rows, num_kernels, x_channels)
    sums = Reshape <allowzero = 1> (flat_sums, out_shape)
"""

_EDGES_OF_ROW = """
    counts = Sub (row_ends, row_begins)
    counts_shape = Concat <axis = 0> (num_rows, one, x_units)
"""

_TERMS_OF_KERNEL = """
    nothing_counted = ConstantOfShape <value = int64[1] {0}> (num_places_out)
    each_term_once = ConstantOfShape <value = int64[1] {1}> (kernel_places)
    counts = ScatterElements <axis = 0, reduction = "add"> (nothing_counted, place, each_term_once)
    counts_shape = Concat <axis = 0> (num_rows, num_kernels, x_units)
"""

_DIVIDE = """
    divisors = Max (counts, one)
    divisors_value = CastLike (divisors, x)
    shaped_divisors = Reshape <allowzero = 1> (divisors_value, counts_shape)
    out = Div (sums, shaped_divisors)
"""

_AVERAGES = {
    "Sum": "    out = Identity (sums)\n",
    "Mean": _EDGES_OF_ROW + _DIVIDE,
    "MeanPerKernel": _TERMS_OF_KERNEL + _DIVIDE,
}
_OF_WHAT = {"Sum": "", "Mean": ", over the number of edges", "MeanPerKernel": ", over the number of terms"}


def op_type_of(reduce: str) -> str:
    """``op_type_of("sum") == "GatherKernelSum"``."""
    return f"GatherKernel{_name(reduce)}"


def sparse_op_type_of(reduce: str, weighted: bool) -> str:
    """``sparse_op_type_of("mean_per_kernel", True) == "GatherSparseKernelMeanPerKernelWeighted"``."""
    return f"GatherSparseKernel{_name(reduce)}{'Weighted' if weighted else ''}"


def _name(reduce: str) -> str:
    return "".join(word.capitalize() for word in reduce.split("_"))


def _dense(reduce: str) -> OnnxOperator:
    return OnnxOperator(
        op_type_of(reduce),
        inputs="x: T[M, ...], rowptr: I[N + 1], col: I[E], weight: T[E, K]",
        outputs="out: T[N, K, ...]",
        body=_SOURCES + _DENSE_TERMS + reduce_terms(reduce.capitalize()),
        doc=f"out[i, k] = {reduce} of weight[p, k] x[col[p]] over p in [rowptr[i], rowptr[i + 1]).",
    )


def _sparse(reduce: str, weighted: bool) -> OnnxOperator:
    terms = _WEIGHTED_TERMS if weighted else "    terms_of_edges = Identity (sources_of_kernels)\n"
    return OnnxOperator(
        sparse_op_type_of(reduce, weighted),
        inputs="x: T[M, ...], rowptr: I[N + 1], col: I[E], "
        + ("weight: T[E, ...], " if weighted else "")
        + "kernel: I[E, ...], like: L[K, ...]",
        outputs="out: T[N, K, ...]",
        body=_SOURCES + _PLACES + _SPARSE_TERMS + terms + _SPARSE_SUM + _AVERAGES[_name(reduce)],
        doc=f"out[i, k] = sum of {'weight[p, s] ' if weighted else ''}x[col[p]] over p in [rowptr[i], rowptr[i + 1]) "
        f"and s with kernel[p, s] == k{_OF_WHAT[_name(reduce)]}; like's first size is the number of kernels.",
    )


OPERATORS = (
    *(_dense(reduce) for reduce in ("sum", "mean")),
    *(
        _sparse(reduce, weighted)
        for reduce in ("sum", "mean", "mean_per_kernel")
        for weighted in (False, True)
    ),
)
