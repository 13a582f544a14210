"""A two-layer GCN of PyG, 128 -> 256 -> 64, on 50k nodes and 500k edges: what a user could run, and our engines."""

import copy
from functools import cache

import numpy as np
import torch

from benchmarks import contest
from benchmarks.graphs import power_law_edges

NODES, EDGES, CHANNELS = 50_000, 500_000, (128, 256, 64)
BASE = "geocompile ONNX"


class GCN(torch.nn.Module):
    """As its users write it."""

    def __init__(self) -> None:
        super().__init__()
        from torch_geometric.nn import GCNConv

        self.conv1 = GCNConv(CHANNELS[0], CHANNELS[1])
        self.conv2 = GCNConv(CHANNELS[1], CHANNELS[2])

    def forward(self, x: torch.Tensor, edge_index: torch.Tensor) -> torch.Tensor:
        return self.conv2(self.conv1(x, edge_index).relu(), edge_index)


@cache
def model() -> GCN:
    torch.manual_seed(0)
    return GCN().eval()


@cache
def graph() -> tuple[torch.Tensor, torch.Tensor]:
    features = np.random.default_rng(1).normal(size=(NODES, CHANNELS[0])).astype(np.float32)
    return torch.from_numpy(features), torch.from_numpy(power_law_edges(NODES, EDGES))


def small_example() -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(100, CHANNELS[0]), torch.from_numpy(power_law_edges(100, 700))


def eager() -> contest.Call:
    gcn, inputs = model(), graph()
    return torch.inference_mode()(lambda: gcn(*inputs))


def eager_with_csr() -> contest.Call:
    """The adjacency is at hand; GCNConv normalises it in each call."""
    gcn, (x, edge_index) = model(), graph()
    adjacency = csr(edge_index, torch.ones(EDGES))
    return torch.inference_mode()(lambda: gcn(x, adjacency))


def eager_with_normalised_csr() -> contest.Call:
    """All that depends on the graph is done before: what is left is two products with a sparse matrix."""
    from torch_geometric.nn.conv.gcn_conv import gcn_norm

    gcn, (x, edge_index) = copy.deepcopy(model()), graph()
    adjacency = csr(*gcn_norm(edge_index, num_nodes=NODES))
    gcn.conv1.normalize = gcn.conv2.normalize = False
    return torch.inference_mode()(lambda: gcn(x, adjacency))


def csr(edge_index: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    return torch.sparse_coo_tensor(edge_index.flip(0), weight, (NODES, NODES)).coalesce().to_sparse_csr()


def plain_onnx() -> contest.Call:
    import onnxruntime

    path = contest.BUILD / "plain.onnx"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        dynamic = ({0: torch.export.Dim("nodes")}, {1: torch.export.Dim("edges")})
        torch.onnx.export(model(), small_example(), path, dynamo=True, dynamic_shapes=dynamic, verbose=False)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = contest.THREADS
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    feed = {i.name: t.numpy() for i, t in zip(session.get_inputs(), graph(), strict=True)}
    return lambda: session.run(None, feed)


def engine(target: str) -> contest.Maker:
    def make() -> contest.Call:
        import geocompile

        folder = contest.BUILD / "gcn"
        if not (folder / "manifest.json").is_file():
            geocompile.compile(model(), small_example(), output=folder)
        session = geocompile.load(folder).session(target, num_threads=contest.THREADS)
        inputs = graph() if target != "onnx" else tuple(t.numpy() for t in graph())
        return lambda: session(*inputs)

    return make


def contenders() -> dict[str, contest.Maker]:
    return {
        "PyG eager": eager,
        "PyG eager, torch.sparse CSR at hand": eager_with_csr,
        "PyG eager, normalised CSR at hand": eager_with_normalised_csr,
        "plain torch.onnx.export": plain_onnx,
        BASE: engine("onnx"),
        "geocompile TorchScript": engine("torchscript"),
        "geocompile AOTInductor": engine("aotinductor"),
    }


if __name__ == "__main__":
    contest.main("benchmarks.gcn", "GCN 128-256-64, 50k nodes, 500k edges, power-law degrees", BASE)
