"""The operators that graph neural networks need and the runtimes do not have.

Importing this package loads nothing; the first operator that is used loads torch and the operator library.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if __name__ != "geocompile.custom_ops":
    raise ImportError(
        f"import geocompile.custom_ops, not {__name__}: a second copy would register the operators twice"
    )

if TYPE_CHECKING:
    from geocompile.custom_ops.operators import (
        batch_ptr,
        csr_from_coo,
        gat_aggregate,
        gat_coefficients,
        gather_kernel_reduce,
        gather_segment_reduce,
        gather_sparse_kernel_reduce,
        segment_reduce,
        segment_softmax,
    )
    from geocompile.custom_ops.operators.additive_attention import additive_attention, additive_coefficients
    from geocompile.custom_ops.operators.coalesce import coalesce, consecutive, renumber_edges
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
    from geocompile.custom_ops.operators.gcn_norm import gcn_norm
    from geocompile.custom_ops.operators.graclus import graclus
    from geocompile.custom_ops.operators.grouped import grouped_matmul
    from geocompile.custom_ops.operators.neighbours import knn, knn_graph, nearest, radius, radius_graph
    from geocompile.custom_ops.operators.scatter import scatter, scatter_arg
    from geocompile.custom_ops.operators.selection import filter_edges, graph_ptr, topk
    from geocompile.custom_ops.operators.spline_basis import gaussian_weights, spline_basis
    from geocompile.custom_ops.operators.voxels import grid_cluster, voxel_grid

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


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'geocompile.custom_ops' has no attribute '{name}'")
    value = getattr(import_module("geocompile.custom_ops.operators"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
