"""MessagePassing, GCNConv, GraphConv, SAGEConv, GATConv, GINConv and the global sums, means and maxima."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from geocompile import layers
from tests.conformance.golden import Values, assert_golden
from tests.layers.user_layers import Plain, SpecialArguments


def dense_normalised(edge_index: Tensor, weight: Tensor, num_nodes: int) -> Tensor:
    """D^-1/2 A D^-1/2, rows are targets; loops of A keep their weight (the last of several), missing ones get 1."""
    adjacency = torch.zeros(num_nodes, num_nodes, dtype=torch.float64)
    loops = torch.ones(num_nodes, dtype=torch.float64)
    for source, target, value in zip(*edge_index.tolist(), weight.tolist(), strict=True):
        if source == target:
            loops[target] = value
        else:
            adjacency[target, source] += value
    adjacency += torch.diag(loops)
    scale = adjacency.sum(1).pow(-0.5)
    return scale[:, None] * adjacency * scale[None]


def message_passing(aggr: str, case: Values) -> None:
    assert_golden(Plain(aggr=aggr)(case["in.x"], case["in.edge_index"]), case["out.out"])


def special_arguments(case: Values) -> None:
    inputs = case["in.x"], case["in.edge_index"], case["in.ea"]
    assert_golden(SpecialArguments()(*inputs), case["out.out"])


def gcn_layer(case: Values, **options: bool) -> layers.GCNConv:
    conv = layers.GCNConv(*case["param.weight"].shape, bias="param.bias" in case, **options).double()
    state = {"lin.weight": case["param.weight"].T}
    if "param.bias" in case:
        state["bias"] = case["param.bias"]
    conv.load_state_dict(state)
    return conv


def gcn_directed(case: Values) -> None:
    """1.2.0 replaces loops and takes degrees at the source, the formula's A + I doubles loops; ours is PyG 2.8.1's."""
    edge_index = case["in.edge_index"]
    matrix = dense_normalised(edge_index, torch.ones(edge_index.size(1)), 7)
    expected = matrix @ case["in.x"] @ case["param.weight"] + case["param.bias"]
    ours = gcn_layer(case)(case["in.x"], edge_index)
    assert_golden(ours, expected)
    untouched_by_loops = [4, 5, 6]
    assert_golden(ours[untouched_by_loops], case["doc.out"][untouched_by_loops])


def gcn_symmetric(case: Values) -> None:
    """Here all sources agree."""
    inputs = case["in.x"], case["in.edge_index"], case["in.edge_weight"]
    assert_golden(gcn_layer(case)(*inputs), case["out.out"])


def gcn_cached(case: Values) -> None:
    conv = gcn_layer(case, cached=True)
    assert_golden(conv(case["in.x"], case["in.edge_index"]), case["out.out"])
    assert_golden(conv(case["in.x2"], case["in.edge_index2"]), case["out.out2"])


def gcn_norm(case: Values) -> None:
    """Edges are listed as recorded, their weights are by the ruling."""
    edge_index, norm = layers.GCNConv.norm(case["in.edge_index"], 7, case["in.edge_weight"])
    assert torch.equal(edge_index, case["out.edge_index"])
    dense = torch.zeros(7, 7, dtype=torch.float64).index_put(
        (edge_index[1], edge_index[0]), norm, accumulate=True
    )
    assert_golden(dense, dense_normalised(case["in.edge_index"], case["in.edge_weight"], 7))


def graph_conv(aggr: str, case: Values) -> None:
    conv = layers.GraphConv(3, 4, aggr).double()
    conv.load_state_dict(
        {
            "lin_rel.weight": case["param.weight"].T,
            "lin_rel.bias": case["param.lin.bias"],
            "lin_root.weight": case["param.lin.weight"],
        }
    )
    assert_golden(conv(case["in.x"], case["in.edge_index"]), case["out.out"])


def sage_conv(case: Values) -> None:
    """1.2.0 aggregated at row 0; the written formula aggregates where edges point to."""
    state = {"lin_l.weight": case["param.weight"].T}
    if "param.bias" in case:
        state["lin_l.bias"] = case["param.bias"]
    conv = layers.SAGEConv(3, 4, bias="param.bias" in case).double()
    conv.load_state_dict(state)
    assert_golden(conv(case["in.x"], case["in.edge_index"].flip(0)), case["out.out"])
    assert_golden(conv(case["in.x"], case["in.edge_index"]), case.get("doc.out", case["out.out"]))
    flowing_back = layers.SAGEConv(3, 4, bias="param.bias" in case, flow="target_to_source").double()
    flowing_back.load_state_dict(state)
    assert_golden(flowing_back(case["in.x"], case["in.edge_index"]), case["out.out"])


def gat_conv(concat: bool, negative_slope: float, case: Values) -> None:
    heads = case["param.att"].size(1)
    conv = layers.GATConv(3, 4, heads, concat, negative_slope, dropout=0.5).double().eval()
    conv.load_state_dict(
        {
            "lin.weight": case["param.weight"].T,
            "att_dst": case["param.att"][..., :4],
            "att_src": case["param.att"][..., 4:],
            "bias": case["param.bias"],
        }
    )
    assert_golden(conv(case["in.x"], case["in.edge_index"]), case["out.out"])


def gin_conv(eps: float, case: Values) -> None:
    """1.2.0 drops self-loops and aggregates at row 0; ours keeps them, as the written formula."""
    mlp = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.ReLU(), torch.nn.Linear(5, 4))
    conv = layers.GINConv(mlp, eps).double()
    conv.load_state_dict(
        {key.removeprefix("param."): value for key, value in case.items() if key.startswith("param.")}
    )
    edge_index = case["in.edge_index"]
    without_loops = edge_index[:, edge_index[0] != edge_index[1]]
    assert_golden(conv(case["in.x"], without_loops.flip(0)), case["out.out"])
    assert_golden(conv(case["in.x"], edge_index), case.get("doc.out", case["out.out"]))


def global_pool(reduce: str, size: int | None, case: Values) -> None:
    pool = getattr(layers, f"global_{reduce}_pool")
    assert_golden(pool(case["in.x"], case["in.batch"], size), case["out.out"])


GOLDEN: dict[str, Callable[[Values], None]] = {
    "MessagePassing_0": partial(message_passing, "add"),
    "MessagePassing_2": partial(message_passing, "max"),
    "MessagePassing_4": special_arguments,
    "GCNConv_0": gcn_directed,
    "GCNConv_2": gcn_symmetric,
    "GCNConv_4": gcn_cached,
    "GCNConv_norm_0": gcn_norm,
    "GraphConv_0": partial(graph_conv, "add"),
    "GraphConv_2": partial(graph_conv, "max"),
    "SAGEConv_0": sage_conv,
    "SAGEConv_2": sage_conv,
    "GATConv_0": partial(gat_conv, True, 0.2),
    "GATConv_2": partial(gat_conv, False, 0.1),
    "GINConv_0": partial(gin_conv, 0.0),
    "GINConv_2": partial(gin_conv, 0.5),
    **{f"global_{reduce}_pool_0": partial(global_pool, reduce, None) for reduce in ("add", "mean", "max")},
    **{f"global_{reduce}_pool_2": partial(global_pool, reduce, 5) for reduce in ("add", "mean", "max")},
}
