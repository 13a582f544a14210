"""Kernel-weighted aggregation and its product, 64 to 64 channels, beside the messages of PyG's layers."""

from collections.abc import Callable

import torch
from torch import Tensor

from benchmarks.kernels.section import SMALL, Goal, Limit, Maker, features, graph, size_name
from benchmarks.kernels.work import counted

TITLE = "Kernel-weighted aggregation and product, 64 to 64 channels, CSR at hand"
CHANNELS = 64
KERNELS = {"GMM, 3 kernels": 3, "spline, 4 of 25 kernels": 25, "RGCN, 8 relations": 8}
ACTIVE = {"GMM, 3 kernels": 3, "spline, 4 of 25 kernels": 4, "RGCN, 8 relations": 1}  # of an edge
SETTINGS = {f"{layer}, {size_name(SMALL)}": layer for layer in KERNELS}
MEASURES_MEMORY = True
OURS, ALONE, PEER = "geocompile", "the aggregation alone", "PyG"


def contenders(setting: str) -> dict[str, Maker]:
    layer = SETTINGS[setting]
    weight = features(KERNELS[layer], CHANNELS, CHANNELS)
    make = {"GMM": _gmm, "spline": _spline, "RGCN": _rgcn}[layer.split(",")[0]]
    x = features(SMALL[0], CHANNELS)
    aggregate, edges, peer = make(x, weight)
    sums = SMALL[1] * CHANNELS * ACTIVE[layer]
    product = SMALL[0] * CHANNELS * weight[..., 0].numel()
    return {
        ALONE: counted(aggregate, x, *edges, multiply_adds=sums),
        OURS: counted(
            lambda: aggregate().flatten(1) @ weight.flatten(0, 1),
            *(x, weight, *edges),
            multiply_adds=sums + product,
        ),
        PEER: lambda: peer,
    }


def goals(setting: str) -> list[Goal | Limit]:
    return [Goal(OURS, (PEER,), 2.0), Goal(OURS, (PEER,), 1.0, of="memory")]


# ours, what it reads of the edges, PyG's
_Pair = tuple[Callable[[], Tensor], tuple[Tensor, ...], Callable[[], Tensor]]


def _gmm(x: Tensor, weight: Tensor) -> _Pair:
    """PyG transforms the nodes for every kernel and sums the kernels' messages on each edge."""
    from torch_geometric.utils import scatter

    from geocompile.custom_ops import gather_kernel_reduce

    g = graph(*SMALL)
    gauss = torch.rand(g.num_edges, weight.size(0), generator=torch.Generator().manual_seed(0))
    in_rows = gauss.index_select(0, g.perm)

    def pyg() -> Tensor:
        transformed = (x @ weight.transpose(0, 1).flatten(1)).view(x.size(0), -1, CHANNELS)
        messages = (transformed.index_select(0, g.edge_index[0]) * gauss.unsqueeze(2)).sum(1)
        return scatter(messages, g.edge_index[1], 0, g.num_nodes, "mean")

    edges = g.rowptr, g.col, in_rows
    return lambda: gather_kernel_reduce(x, *edges, "mean"), edges, pyg


def _spline(x: Tensor, weight: Tensor) -> _Pair:
    """PyG calls torch-spline-conv for the messages."""
    from torch_geometric.utils import scatter

    from geocompile.custom_ops import gather_sparse_kernel_reduce

    g, random = graph(*SMALL), torch.Generator().manual_seed(0)
    basis = torch.rand(g.num_edges, 4, generator=random)
    index = torch.randint(0, weight.size(0), (g.num_edges, 4), generator=random)
    in_rows = basis.index_select(0, g.perm), index.index_select(0, g.perm)

    def pyg() -> Tensor:
        from torch_spline_conv import spline_weighting

        messages = spline_weighting(x.index_select(0, g.edge_index[0]), weight, basis, index)
        return scatter(messages, g.edge_index[1], 0, g.num_nodes, "mean")

    edges = g.rowptr, g.col, *in_rows
    return lambda: gather_sparse_kernel_reduce(x, *edges, weight, "mean"), edges, pyg


def _rgcn(x: Tensor, weight: Tensor) -> _Pair:
    """PyG aggregates one relation's edges after the other."""
    from torch_geometric.utils import scatter

    from geocompile.custom_ops import gather_sparse_kernel_reduce

    g = graph(*SMALL)
    relation = torch.randint(0, weight.size(0), (g.num_edges,), generator=torch.Generator().manual_seed(0))
    in_rows = relation.index_select(0, g.perm)

    def pyg() -> Tensor:
        out = torch.zeros(g.num_nodes, CHANNELS)
        for r in range(weight.size(0)):
            sources, targets = g.edge_index[:, relation == r]
            out += scatter(x.index_select(0, sources), targets, 0, g.num_nodes, "mean") @ weight[r]
        return out

    def ours() -> Tensor:
        return gather_sparse_kernel_reduce(x, g.rowptr, g.col, None, in_rows, weight, "mean_per_kernel")

    return ours, (g.rowptr, g.col, in_rows), pyg
