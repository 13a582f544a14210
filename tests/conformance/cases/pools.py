"""GlobalAttention, AttentionalAggregation, Set2Set, TopKPooling, SAGPooling, SoftmaxAggregation."""

import warnings
from collections.abc import Callable
from typing import Any

import torch

from geocompile.layers import (
    AttentionalAggregation,
    GCNConv,
    GlobalAttention,
    GraphConv,
    SAGPooling,
    Set2Set,
    SoftmaxAggregation,
    TopKPooling,
)
from tests.conformance.case import LayerCase, Sample, named
from tests.conformance.cases.neighbourhoods import Inputs, pyg_layer
from tests.conformance.formulas import pools as formulas

ATTN = {"attn": ["num_nodes", 3]}
ONE_NODE = {"PyG": "PyG 2.8.1 takes the ratio 1.0 for one node, not for every node; the other cases compare"}
PYG_NAMES = "PyG 2.8.1 calls the batch vector index: the other cases compare"


def batched(s: Sample) -> dict[str, Any]:
    return {"x": s.x(), "batch": s.batch()}


def sized(s: Sample) -> dict[str, Any]:
    """Graphs in any order, and one without nodes behind them."""
    return {"x": s.x(), "batch": s.batch().flip(0), "size": 4}


def indexed(s: Sample) -> dict[str, Any]:
    """As `sized`, with PyG's names."""
    return {"x": s.x(), "index": s.batch().flip(0), "dim_size": 4}


def by_ptr(s: Sample) -> dict[str, Any]:
    return {"x": s.x(), "ptr": torch.tensor([0, s.num_nodes // 2, s.num_nodes // 2, s.num_nodes])}


def in_parallel(s: Sample) -> dict[str, Any]:
    """Two sets of features for the same elements."""
    x = torch.randn(s.num_nodes, 2, 3, dtype=torch.float64)
    return {"x": x, "index": s.batch(), "dim_size": 3, "dim": 0}


def gate(out_channels: int = 1) -> torch.nn.Module:
    return torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, out_channels))


def gate_per_channel() -> torch.nn.Module:
    return gate(5)


def network() -> torch.nn.Module:
    return torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.Softplus())


def global_attention(inputs: Inputs, gate: Callable[[], torch.nn.Module], nn: Any = None) -> LayerCase:
    def pyg() -> torch.nn.Module:
        from torch_geometric.nn.glob import GlobalAttention as Theirs

        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*is deprecated, use")
            return Theirs(gate(), nn and nn()).double()

    return LayerCase(
        "GlobalAttention",
        f"{inputs.__name__}, {gate.__name__}, {nn and nn.__name__}",
        lambda: GlobalAttention(gate(), nn and nn()).double(),
        inputs,
        formulas.attention,
        pyg,
    )


def attentional(inputs: Inputs, gate: Callable[[], torch.nn.Module], nn: Any = None) -> LayerCase:
    return LayerCase(
        "AttentionalAggregation",
        f"{inputs.__name__}, {gate.__name__}, {nn and nn.__name__}",
        lambda: AttentionalAggregation(gate(), nn and nn()).double(),
        inputs,
        formulas.attention,
        lambda: pyg_layer("AttentionalAggregation", gate(), nn and nn())(),
    )


def set2set(inputs: Inputs, processing_steps: int, **options: Any) -> LayerCase:
    return LayerCase(
        "Set2Set",
        f"{inputs.__name__}, {processing_steps=}, {options}",
        lambda: Set2Set(3, processing_steps, **options).double(),
        inputs,
        formulas.set2set,
        pyg_layer("Set2Set", 3, processing_steps, **options) if inputs is indexed else None,
        without={} if inputs is indexed else {"PyG": PYG_NAMES},
    )


def attributed(s: Sample) -> dict[str, Any]:
    return {"x": s.x(), "edge_index": s.edge_index, "edge_attr": s.edge_attr(), "batch": s.batch()}


def one_graph(s: Sample) -> dict[str, Any]:
    return {"x": s.x(), "edge_index": s.edge_index}


def scored_by_others(s: Sample) -> dict[str, Any]:
    """What is projected is not what is pooled; graphs in any order."""
    given = {"x": s.x(5), "edge_index": s.edge_index, "edge_attr": s.weight()}
    return {**given, "batch": s.batch(3).flip(0), "attn": s.x()}


def topk(inputs: Inputs, ratio: float | int | None = 0.5, theirs: Any = None, **options: Any) -> LayerCase:
    """`theirs` is the ratio as PyG writes it; None: the same."""
    is_all = ratio == 1.0 and isinstance(ratio, float)
    return LayerCase(
        "TopKPooling",
        f"{inputs.__name__}, {ratio=}, {named(options)}",
        lambda: TopKPooling(3, ratio, **options).double(),
        inputs,
        formulas.topk,
        None if is_all else pyg_layer("TopKPooling", 3, theirs or ratio, **options),
        without=ONE_NODE if is_all else {},
        dynamic=ATTN if inputs is scored_by_others else None,
    )


def sag(inputs: Inputs, conv: Any = GraphConv, **options: Any) -> LayerCase:
    def pyg() -> torch.nn.Module:
        import torch_geometric.nn

        return pyg_layer("SAGPooling", 3, GNN=getattr(torch_geometric.nn, conv.__name__), **options)()

    return LayerCase(
        "SAGPooling",
        f"{inputs.__name__}, {conv.__name__}, {named(options)}",
        lambda: SAGPooling(3, GNN=conv, **options).double(),
        inputs,
        formulas.sag,
        pyg,
        dynamic=ATTN if inputs is scored_by_others else None,
    )


def softmax(inputs: Inputs, **options: Any) -> LayerCase:
    return LayerCase(
        "SoftmaxAggregation",
        f"{inputs.__name__}, {options}",
        lambda: SoftmaxAggregation(**options).double(),
        inputs,
        formulas.softmax,
        pyg_layer("SoftmaxAggregation", **options),
        without={"gradients": "the gradient is not that of the result, on purpose"}
        if "semi_grad" in options
        else {},
    )


CASES = [
    global_attention(batched, gate),
    global_attention(batched, gate, network),
    global_attention(sized, gate_per_channel, network),
    attentional(indexed, gate, network),
    attentional(by_ptr, gate),
    attentional(in_parallel, gate_per_channel, network),
    set2set(batched, 2, num_layers=2),
    set2set(by_ptr, 1),
    set2set(indexed, 3),
    set2set(indexed, 2, num_layers=3, bias=False, dropout=0.2),
    topk(attributed),
    topk(one_graph, 0.55, multiplier=2.0),
    topk(scored_by_others, 2, nonlinearity="sigmoid"),
    topk(attributed, 1.0),
    topk(attributed, 1, theirs=1.7, nonlinearity=torch.sin),
    topk(attributed, min_score=0.3),
    topk(scored_by_others, None, min_score=0.2, multiplier=0.5),
    sag(attributed),
    sag(one_graph, GCNConv, ratio=0.8, improved=True),
    sag(scored_by_others, ratio=2, nonlinearity=torch.sigmoid, multiplier=2.0),
    sag(attributed, aggr="max", min_score=0.3),
    softmax(indexed, t=0.7),
    softmax(indexed, learn=True, t=2.0, channels=3),
    softmax(by_ptr, learn=True),
    softmax(in_parallel, semi_grad=True),
]
