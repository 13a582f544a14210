"""GraphPtr, GraphPtrLike, GraphTopK and FilterEdges: choosing nodes graph by graph."""

from __future__ import annotations

from geocompile.custom_ops.onnx.operator import OnnxOperator
from geocompile.custom_ops.onnx.reductions import ROW_OF_EDGE, graphs_named_by, refuse_negative

# num_graphs [1] and batch [N] -> ptr [B + 1]; `nothing` is 0, where the batch falls it fails by reading zero[1].
_PTR = (
    """
    zero = Constant <value = int64[1] {0}> ()
    one = Constant <value = int64[1] {1}> ()
    axis = Constant <value_int = 0> ()
"""
    + refuse_negative("batch", "num_graphs")
    + """
    num_nodes = Shape (batch)
    but_one = Sub (num_nodes, one)
    before = Slice (wide_batch, zero, but_one, zero)
    after = Slice (wide_batch, one, num_nodes, zero)
    falls = Less (after, before)
    no_fault = Constant <value = bool[1] {0}> ()
    faults = Concat <axis = 0> (falls, no_fault)
    fault_numbers = Cast <to = 7> (faults)
    is_faulty = ReduceMax <keepdims = 1> (fault_numbers)
    nothing = Gather <axis = 0> (zero, is_faulty)
    ptr_size = Add (num_graphs, one)
    no_nodes = Expand (nothing, ptr_size)
    each_once = ConstantOfShape <value = int64[1] {1}> (num_nodes)
    next_graph = Add (safe_batch, one)
    sizes = ScatterElements <axis = 0, reduction = "add"> (no_nodes, next_graph, each_once)
    wide_ptr = CumSum (sizes, axis)
    ptr = CastLike (wide_ptr, batch)
"""
)

# TopK breaks ties by the lower index, so each of the sorts is stable: by score, then what is NaN to the front, then by
# graph. (A comparison with NaN may do anything in TopK, so it sees infinity instead.)
_TOPK = (
    """
    rowptr = Identity (ptr)
    num_edges = Shape (score)
"""
    + ROW_OF_EDGE
    + """
    infinity_32 = Constant <value_float = inf> ()
    infinity = CastLike (infinity_32, score)
    is_nan = IsNaN (score)
    number = Where (is_nan, infinity, score)
    sorted_scores, by_score = TopK <axis = 0, largest = 1, sorted = 1> (number, num_edges)
    row_by_score = Gather <axis = 0> (row, by_score)
    nan_by_score = Gather <axis = 0> (is_nan, by_score)
    two = Constant <value = int64[1] {2}> ()
    twice = Mul (row_by_score, two)
    first_if_nan = Cast <to = 7> (nan_by_score)
    key = Sub (first_if_nan, twice)
    sorted_keys, by_graph = TopK <axis = 0, largest = 1, sorted = 1> (key, num_edges)
    best_first = Gather <axis = 0> (by_score, by_graph)

    num_nodes = Sub (row_ends, row_begins)
    ratio = Constant <value_float: float = @ratio> ()
    one_32 = Constant <value_float = 1.0> ()
    is_share = Less (ratio, one_32)
    num_nodes_32 = Cast <to = 1> (num_nodes)
    share_32 = Mul (num_nodes_32, ratio)
    rounded_32 = Ceil (share_32)
    share = Cast <to = 7> (rounded_32)
    count = Cast <to = 7> (ratio)
    wanted = Where (is_share, share, count)
    wanted_of_node = Gather <axis = 0> (wanted, row)
    first_of_graph = Gather <axis = 0> (row_begins, row)
    begin = Squeeze (zero, zero)
    step = Squeeze (one, zero)
    end = Squeeze (num_edges, zero)
    places = Range (begin, end, step)
    rank = Sub (places, first_of_graph)
    is_kept = Less (rank, wanted_of_node)
    perm = Compress <axis = 0> (best_first, is_kept)
"""
)

# A node that is not kept has a place past the end of perm.
_FILTER = (
    """
    zero = Constant <value = int64[1] {0}> ()
    one = Constant <value = int64[1] {1}> ()
    num_nodes = Shape <start = 0, end = 1> (like)
    num_kept = Shape (perm)
"""
    + refuse_negative("perm", "num_nodes")
    + refuse_negative("edge_index", "num_nodes")
    + """
    begin = Squeeze (zero, zero)
    step = Squeeze (one, zero)
    end = Squeeze (num_kept, zero)
    places = Range (begin, end, step)
    no_places = Expand (num_kept, num_nodes)
    place = ScatterElements <axis = 0, reduction = "min"> (no_places, safe_perm, places)
    ends = Gather <axis = 0> (place, safe_edge_index)
    has_place = Less (ends, num_kept)
    source_has = Gather <axis = 0> (has_place, begin)
    target_has = Gather <axis = 0> (has_place, step)
    is_kept = And (source_has, target_has)
    kept_ends = Compress <axis = 1> (ends, is_kept)
    out = CastLike (kept_ends, edge_index)
    num_edges = Shape <start = 1, end = 2> (edge_index)
    edges_end = Squeeze (num_edges, zero)
    all_edges = Range (begin, edges_end, step)
    edges = Compress <axis = 0> (all_edges, is_kept)
"""
)

OPERATORS = (
    OnnxOperator(
        "GraphPtr",
        inputs="batch: I[N]",
        outputs="ptr: I[B + 1]",
        body=graphs_named_by("batch", "num_graphs") + _PTR,
        doc="Where each graph of a sorted batch vector begins; there are B = max(batch) + 1, none if it is empty.",
    ),
    OnnxOperator(
        "GraphPtrLike",
        inputs="batch: I[N], like: L[B, ...]",
        outputs="ptr: I[B + 1]",
        body="    num_graphs = Shape <start = 0, end = 1> (like)\n" + _PTR,
        doc="Where each graph of a sorted batch vector begins; like's first size is the number of graphs.",
    ),
    OnnxOperator(
        "GraphTopK",
        inputs="score: T[N], ptr: I[B + 1]",
        outputs="perm: P[M]",
        attributes={"ratio": 0.5},
        body=_TOPK,
        doc="The nodes of the highest score of each graph, highest first: ceil(ratio n) of its n nodes, or for a ratio "
        "of at least 1 that many. Ties go to the lower index, NaN is above all.",
    ),
    OnnxOperator(
        "FilterEdges",
        inputs="edge_index: I[2, E], perm: P[M], like: L[N, ...]",
        outputs="out: I[2, U], edges: P[U]",
        body=_FILTER,
        doc="The edges both ends of which are in perm, as places in perm, and which edges they are.",
    ),
)
