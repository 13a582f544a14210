"""How each peer is called; importable only where `make peers` has installed them."""

from collections.abc import Callable
from typing import Any

import torch
import torch_cluster
import torch_scatter
import torch_scatter.composite
import torch_sparse
import torch_spline_conv
from torch import Tensor

from tests.peers.tensors import Outputs

PACKAGES = ("torch-scatter", "torch-cluster", "torch-sparse", "torch-spline-conv")


def scatter(
    src: Tensor,
    index: Tensor,
    dim: int,
    dim_size: int | None = None,
    reduce: str = "sum",
    out: Tensor | None = None,
) -> Outputs:
    if reduce not in ("max", "min"):
        return {"out": torch_scatter.scatter(src, index, dim, out, dim_size, reduce)}
    with_arg = getattr(torch_scatter, f"scatter_{reduce}")
    return dict(zip(("out", "arg"), with_arg(src, index, dim, out, dim_size), strict=True))


def segment_csr(src: Tensor, indptr: Tensor, reduce: str) -> Outputs:
    if reduce not in ("max", "min"):
        return {"out": torch_scatter.segment_csr(src, indptr, reduce=reduce)}
    with_arg = getattr(torch_scatter, f"segment_{reduce}_csr")
    return dict(zip(("out", "arg"), with_arg(src, indptr), strict=True))


def gather_csr(src: Tensor, indptr: Tensor) -> Outputs:
    return {"out": torch_scatter.gather_csr(src, indptr)}


def composite(name: str) -> Callable[..., Outputs]:
    function = getattr(torch_scatter.composite, name)
    return lambda src, index, dim, dim_size: {"out": function(src, index, dim=dim, dim_size=dim_size)}


def spmm(**arguments: Any) -> Outputs:
    return {"out": torch_sparse.spmm(**arguments)}


def matmul(index: Tensor, value: Tensor, m: int, n: int, matrix: Tensor, reduce: str) -> Outputs:
    sparse = torch_sparse.SparseTensor(row=index[0], col=index[1], value=value, sparse_sizes=(m, n))
    return {"out": torch_sparse.matmul(sparse, matrix, reduce)}


def coalesce(**arguments: Any) -> Outputs:
    return dict(zip(("index", "out"), torch_sparse.coalesce(**arguments), strict=True))


def transpose(**arguments: Any) -> Outputs:
    return dict(zip(("index", "out"), torch_sparse.transpose(**arguments), strict=True))


def cluster(name: str) -> Callable[..., Outputs]:
    function = getattr(torch_cluster, name)
    return lambda **arguments: {"out": function(**arguments)}


def graclus_cluster(orders: int = 1, **arguments: Any) -> Outputs:
    """With `orders`, every result that so many random orders of visit give, one a row."""
    results = []
    for seed in range(orders):
        torch.manual_seed(seed)
        results.append(torch_cluster.graclus_cluster(**arguments))
    return {"out": results[0] if orders == 1 else torch.stack(results).unique(dim=0)}


def spline_basis(**arguments: Any) -> Outputs:
    names = ("out", "weight_index")
    ordered = (arguments[n] for n in ("pseudo", "kernel_size", "is_open_spline", "degree"))
    return dict(zip(names, torch_spline_conv.spline_basis(*ordered), strict=True))


def spline_weighting(**arguments: Any) -> Outputs:
    return {"out": torch_spline_conv.spline_weighting(**arguments)}


FUNCTIONS: dict[str, Callable[..., Outputs]] = {
    "scatter": scatter,
    "segment_csr": segment_csr,
    "gather_csr": gather_csr,
    **{
        name: composite(name)
        for name in ("scatter_softmax", "scatter_log_softmax", "scatter_logsumexp", "scatter_std")
    },
    "spmm": spmm,
    "matmul": matmul,
    "coalesce": coalesce,
    "transpose": transpose,
    **{name: cluster(name) for name in ("knn", "radius", "fps", "nearest", "grid_cluster")},
    "graclus_cluster": graclus_cluster,
    "spline_basis": spline_basis,
    "spline_weighting": spline_weighting,
}
