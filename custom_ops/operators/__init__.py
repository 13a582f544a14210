"""Every operator as torch sees it: meaning, fake kernel, gradient. Importing this loads the library."""

from geocompile.custom_ops.operators.library import check_schemas, needs_current_library
from geocompile.custom_ops.registry import OPERATORS

with needs_current_library():
    from geocompile.custom_ops.operators.additive_attention import additive_attention, additive_coefficients
    from geocompile.custom_ops.operators.coalesce import coalesce, consecutive, renumber_edges
    from geocompile.custom_ops.operators.csr import batch_ptr, csr_from_coo
    from geocompile.custom_ops.operators.dense_batch import (
        from_dense,
        from_dense_batch,
        slots,
        to_dense,
        to_dense_batch,
    )
    from geocompile.custom_ops.operators.dot_attention import (
        cosine_attention,
        dot_attention,
        dot_coefficients,
    )
    from geocompile.custom_ops.operators.fps import fps
    from geocompile.custom_ops.operators.gat import gat_aggregate, gat_coefficients
    from geocompile.custom_ops.operators.gcn_norm import gcn_norm
    from geocompile.custom_ops.operators.graclus import graclus
    from geocompile.custom_ops.operators.grouped import grouped_matmul
    from geocompile.custom_ops.operators.kernels import gather_kernel_reduce, gather_sparse_kernel_reduce
    from geocompile.custom_ops.operators.neighbours import knn, knn_graph, nearest, radius, radius_graph
    from geocompile.custom_ops.operators.scatter import scatter, scatter_arg
    from geocompile.custom_ops.operators.segment import gather_segment_reduce, segment_reduce
    from geocompile.custom_ops.operators.selection import filter_edges, graph_ptr, topk
    from geocompile.custom_ops.operators.softmax import segment_softmax
    from geocompile.custom_ops.operators.spline_basis import gaussian_weights, spline_basis
    from geocompile.custom_ops.operators.voxels import grid_cluster, voxel_grid

check_schemas(OPERATORS.values())

__all__ = [
    "additive_attention",
    "additive_coefficients",
    "batch_ptr",
    "coalesce",
    "consecutive",
    "cosine_attention",
    "csr_from_coo",
    "dot_attention",
    "dot_coefficients",
    "filter_edges",
    "fps",
    "from_dense",
    "from_dense_batch",
    "gat_aggregate",
    "gat_coefficients",
    "gather_kernel_reduce",
    "gather_segment_reduce",
    "gather_sparse_kernel_reduce",
    "gaussian_weights",
    "gcn_norm",
    "graclus",
    "graph_ptr",
    "grid_cluster",
    "grouped_matmul",
    "knn",
    "knn_graph",
    "nearest",
    "radius",
    "radius_graph",
    "renumber_edges",
    "scatter",
    "scatter_arg",
    "segment_reduce",
    "segment_softmax",
    "slots",
    "spline_basis",
    "to_dense",
    "to_dense_batch",
    "topk",
    "voxel_grid",
]
