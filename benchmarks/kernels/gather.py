"""Weighted gather-sum with the compressed rows at hand, beside the sparse matrix products that do the same."""

import torch

from benchmarks.kernels.section import LARGE, SMALL, Goal, Limit, Maker, features, graph, size_name, with_peer
from benchmarks.kernels.work import counted

TITLE = "Fused weighted gather-sum, CSR at hand"
SETTINGS = {
    f"{size_name(size)}, F={channels}": (size, channels)
    for size in (SMALL, LARGE)
    for channels in (16, 64, 128, 256)
}
RIVALS = ("MKL, torch CSR @ x", "torch.sparse.mm(A, x, 'sum')", "torch_sparse")
FASTER = {16: 1.0, 64: 1.15, 128: 1.3, 256: 1.3}


def contenders(setting: str) -> dict[str, Maker]:
    size, channels = SETTINGS[setting]
    g, x = graph(*size), features(size[0], channels)
    weight, shape = g.sorted_weight, (g.num_nodes, g.num_nodes)

    def ours(reduce: str) -> Maker:
        from geocompile.custom_ops import gather_segment_reduce

        def call() -> torch.Tensor:
            return gather_segment_reduce(x, g.rowptr, g.col, weight, None, reduce)

        return counted(call, x, g.rowptr, g.col, weight, multiply_adds=size[1] * channels)

    def mkl() -> object:
        matrix = torch.sparse_csr_tensor(g.rowptr.int(), g.col.int(), weight, shape, check_invariants=False)
        return lambda: matrix @ x

    def sparse_mm() -> object:
        matrix = torch.sparse_csr_tensor(g.rowptr, g.col, weight, shape, check_invariants=False)
        return lambda: torch.sparse.mm(matrix, x, "sum")

    def torch_sparse() -> object:
        from torch_sparse import SparseTensor, matmul

        matrix = SparseTensor(rowptr=g.rowptr, col=g.col, value=weight, sparse_sizes=shape)
        return lambda: matmul(matrix, x)

    return {
        **{reduce: ours(reduce) for reduce in ("sum", "mean", "max", "min")},
        RIVALS[0]: mkl,
        RIVALS[1]: sparse_mm,
        **with_peer("torch_sparse", torch_sparse),
    }


def goals(setting: str) -> list[Goal | Limit]:
    faster = FASTER[SETTINGS[setting][1]]
    others = [Goal(reduce, ("sum",), 1 / 1.3) for reduce in ("mean", "max", "min")]
    return [Goal("sum", RIVALS, faster), *others]
