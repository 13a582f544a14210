"""SplineBasis{Linear,Quadratic,Cubic} and GaussianWeights: how much each kernel counts for an edge."""

from __future__ import annotations

from geocompile.custom_ops.onnx.operator import OnnxOperator

NAMES = {1: "Linear", 2: "Quadratic", 3: "Cubic"}

# The weights of the active splines at the fraction v of an interval, w = 1 - v, [E, D, 1] each.
_SPLINES = {
    1: """
    splines = Concat <axis = 2> (w, v)
""",
    2: """
    w_square = Mul (w, w)
    v_square = Mul (v, v)
    v_times_w = Mul (v, w)
    spline_0 = Div (w_square, two_value)
    spline_1 = Add (v_times_w, half)
    spline_2 = Div (v_square, two_value)
    splines = Concat <axis = 2> (spline_0, spline_1, spline_2)
""",
    3: """
    w_square = Mul (w, w)
    v_square = Mul (v, v)
    w_cube = Mul (w_square, w)
    v_cube = Mul (v_square, v)
    six_64 = Constant <value = double {6.0}> ()
    six = CastLike (six_64, pseudo)
    spline_0 = Div (w_cube, six)
    spline_3 = Div (v_cube, six)
    two_less_v = Sub (two_value, v)
    two_less_w = Sub (two_value, w)
    v_product = Mul (v_square, two_less_v)
    w_product = Mul (w_square, two_less_w)
    v_half = Div (v_product, two_value)
    w_half = Div (w_product, two_value)
    three_64 = Constant <value = double {3.0}> ()
    three = CastLike (three_64, pseudo)
    two_thirds = Div (two_value, three)
    spline_1 = Sub (two_thirds, v_half)
    spline_2 = Sub (two_thirds, w_half)
    splines = Concat <axis = 2> (spline_0, spline_1, spline_2, spline_3)
""",
}

# Term s takes of dimension d the spline s / active^d mod active. Products over the dimensions are scattered ones:
# ONNX Runtime has no ReduceProd of doubles.
_BASIS = """
    zero = Constant <value = int64[1] {{0}}> ()
    one = Constant <value = int64[1] {{1}}> ()
    two = Constant <value = int64[1] {{2}}> ()
    begin = Squeeze (zero, zero)
    step = Squeeze (one, zero)
    active = Constant <value = int64[1] {{{active}}}> ()
    degree = Constant <value = int64[1] {{{degree}}}> ()
    num_edges = Shape <start = 0, end = 1> (pseudo)
    dims = Shape <start = 1, end = 2> (pseudo)
    last_dim = Squeeze (dims, zero)
    dim = Range (begin, last_dim, step)
    log_active_64 = Constant <value = double {{{log_active}}}> ()
    dims_64 = Cast <to = 11> (dims)
    log_terms_64 = Mul (dims_64, log_active_64)
    terms_64 = Exp (log_terms_64)
    rounded_terms_64 = Round (terms_64)
    num_terms = Cast <to = 7> (rounded_terms_64)
    dim_64 = Cast <to = 11> (dim)
    log_stride_64 = Mul (dim_64, log_active_64)
    stride_64 = Exp (log_stride_64)
    rounded_stride_64 = Round (stride_64)
    stride = Cast <to = 7> (rounded_stride_64)
    last_term = Squeeze (num_terms, zero)
    term = Range (begin, last_term, step)
    term_column = Unsqueeze (term, one)
    digits = Div (term_column, stride)
    active_of_term = Mod (digits, active)
    offset_of_dim = Mul (dim, active)
    spline_of_term = Add (active_of_term, offset_of_dim)

    open_bool = Cast <to = 9> (is_open_spline)
    open_number = Cast <to = 7> (open_bool)
    lost_to_ends = Mul (open_number, degree)
    intervals = Sub (kernel_size, lost_to_ends)
    intervals_value = CastLike (intervals, pseudo)
    place = Mul (pseudo, intervals_value)
    interval = Floor (place)
    fraction = Sub (place, interval)
    one_64 = Constant <value = double {{1.0}}> ()
    two_64 = Constant <value = double {{2.0}}> ()
    half_64 = Constant <value = double {{0.5}}> ()
    one_value = CastLike (one_64, pseudo)
    two_value = CastLike (two_64, pseudo)
    half = CastLike (half_64, pseudo)
    v = Unsqueeze (fraction, two)
    w = Sub (one_value, v)
{splines}
    all_active = Mul (dims, active)
    splines_shape = Concat <axis = 0> (num_edges, all_active)
    flat_splines = Reshape <allowzero = 1> (splines, splines_shape)
    factors = Gather <axis = 1> (flat_splines, spline_of_term)

    is_nowhere = IsNaN (fraction)
    zero_64 = Constant <value = double {{0.0}}> ()
    zero_value = CastLike (zero_64, pseudo)
    somewhere = Where (is_nowhere, zero_value, interval)
    size_value = CastLike (kernel_size, pseudo)
    rest = Mod <fmod = 1> (somewhere, size_value)
    first = Cast <to = 7> (rest)
    last_active = Squeeze (active, zero)
    each_active = Range (begin, last_active, step)
    first_column = Unsqueeze (first, two)
    unwrapped = Add (first_column, each_active)
    size_column = Unsqueeze (kernel_size, one)
    kernel = Mod (unwrapped, size_column)
    dim_column = Unsqueeze (dim, one)
    is_before = Less (dim, dim_column)
    size_if_before = Where (is_before, kernel_size, one)
    kernel_stride = ReduceProd <keepdims = 0> (size_if_before, one)
    kernel_stride_column = Unsqueeze (kernel_stride, one)
    part = Mul (kernel, kernel_stride_column)
    flat_parts = Reshape <allowzero = 1> (part, splines_shape)
    parts = Gather <axis = 1> (flat_parts, spline_of_term)
    weight_index = ReduceSum <keepdims = 0> (parts, two)

    flat_size = Mul (num_terms, dims)
    flat_shape = Concat <axis = 0> (num_edges, flat_size)
    flat_factors = Reshape <allowzero = 1> (factors, flat_shape)
    term_of_factor = Expand (term_column, digits_shape)
    term_row = Reshape (term_of_factor, flat_size)
    full_term = Expand (term_row, flat_shape)
    basis_shape = Concat <axis = 0> (num_edges, num_terms)
    ones = Expand (one_value, basis_shape)
    basis = ScatterElements <axis = 1, reduction = "mul"> (ones, full_term, flat_factors)
""".replace("    term_of_factor", "    digits_shape = Shape (digits)\n    term_of_factor")

_LOGARITHMS = {2: "0.6931471805599453", 3: "1.0986122886681098", 4: "1.3862943611198906"}

_GAUSSIAN = """
    one = Constant <value = int64[1] {1}> ()
    two = Constant <value = int64[1] {2}> ()
    eps_64 = Constant <value = double {1e-15}> ()
    eps = CastLike (eps_64, pseudo)
    minus_half_64 = Constant <value = double {-0.5}> ()
    minus_half = CastLike (minus_half_64, pseudo)
    place = Unsqueeze (pseudo, one)
    distance = Sub (place, mu)
    square = Mul (distance, distance)
    sigma_square = Mul (sigma, sigma)
    variance = Add (sigma_square, eps)
    ratio = Div (square, variance)
    distances = ReduceSum <keepdims = 0> (ratio, two)
    exponent = Mul (distances, minus_half)
    out = Exp (exponent)
"""


def op_type_of(degree: int) -> str:
    """``op_type_of(2) == "SplineBasisQuadratic"``."""
    return f"SplineBasis{NAMES[degree]}"


def _basis(degree: int) -> OnnxOperator:
    active = degree + 1
    return OnnxOperator(
        op_type_of(degree),
        inputs="pseudo: T[E, D], kernel_size: P[D], is_open_spline: P[D]",
        outputs="basis: T[E, S], weight_index: P[E, S]",
        body=_BASIS.format(
            active=active, degree=degree, log_active=_LOGARITHMS[active], splines=_SPLINES[degree]
        ),
        doc=f"The products of the {active} uniform B-splines of degree {degree} that are active in each of the D "
        f"dimensions, S = {active}^D terms, and the kernels that they are for.",
    )


OPERATORS = (
    *(_basis(degree) for degree in NAMES),
    OnnxOperator(
        "GaussianWeights",
        inputs="pseudo: T[E, D], mu: T[K, D], sigma: T[K, D]",
        outputs="out: T[E, K]",
        body=_GAUSSIAN,
        doc="out[e, k] = exp(-1/2 sum_d (pseudo[e, d] - mu[k, d])^2 / (1e-15 + sigma[k, d]^2)).",
    ),
)
