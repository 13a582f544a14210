"""Aggregation over 1M nodes and 10M edges at 128 channels: no [edges, channels] tensor, 5 GB here, may exist.

PyG's gather, multiply, scatter makes two of them and is left out: it takes half a minute a call here, in page faults.
"""

import numpy as np
import torch

from benchmarks import contest
from benchmarks.graphs import power_law_edges

NODES, EDGES, CHANNELS = 1_000_000, 10_000_000, 128
OURS = "geocompile: sort and aggregate"


def graph() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(1)
    x = torch.from_numpy(rng.standard_normal((NODES, CHANNELS), dtype=np.float32))
    weight = torch.from_numpy(rng.random(EDGES, dtype=np.float32))
    return x, torch.from_numpy(power_law_edges(NODES, EDGES)), weight


def ours() -> contest.Call:
    from geocompile.custom_ops import csr_from_coo, gather_segment_reduce

    x, edge_index, weight = graph()

    def call() -> torch.Tensor:
        rowptr, perm, col = csr_from_coo(edge_index[1], x, edge_index[0])
        return gather_segment_reduce(x, rowptr, col, weight.index_select(0, perm))

    return torch.inference_mode()(call)


def sparse() -> contest.Call:
    x, edge_index, weight = graph()
    adjacency = torch.sparse_coo_tensor(edge_index.flip(0), weight, (NODES, NODES)).coalesce().to_sparse_csr()
    return torch.inference_mode()(lambda: adjacency @ x)


def contenders() -> dict[str, contest.Maker]:
    return {OURS: ours, "torch.sparse, CSR at hand": sparse}


if __name__ == "__main__":
    contest.main("benchmarks.aggregation", "Weighted sum over 1M nodes, 10M edges, 128 channels", OURS)
