"""The layers against recorded values of torch_geometric 1.2.0, under the rulings of the project's semantics table."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from geocompile import layers
from tests.layers.user_layers import Plain, SpecialArguments

FOLDER = Path(__file__).parent / "golden"


def golden(name: str) -> dict[str, Tensor]:
    with np.load(FOLDER / f"{name}.npz") as arrays:
        return {key: torch.from_numpy(arrays[key]) for key in arrays.files}


def assert_golden(ours: Tensor, recorded: Tensor) -> None:
    torch.testing.assert_close(ours, recorded, rtol=1e-10, atol=1e-10)


def gcn_conv(case: dict[str, Tensor], **options: bool) -> layers.GCNConv:
    conv = layers.GCNConv(*case["param.weight"].shape, bias="param.bias" in case, **options).double()
    state = {"lin.weight": case["param.weight"].T}
    if "param.bias" in case:
        state["bias"] = case["param.bias"]
    conv.load_state_dict(state)
    return conv


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


@pytest.mark.parametrize(("name", "aggr"), [("MessagePassing_0", "add"), ("MessagePassing_2", "max")])
def test_message_passing(name: str, aggr: str) -> None:
    case = golden(name)
    assert_golden(Plain(aggr=aggr)(case["in.x"], case["in.edge_index"]), case["out.out"])


def test_message_passing_with_special_arguments() -> None:
    case = golden("MessagePassing_4")
    inputs = case["in.x"], case["in.edge_index"], case["in.ea"]
    assert_golden(SpecialArguments()(*inputs), case["out.out"])


def test_gcn_conv_keeps_the_weight_of_loops_and_takes_degrees_at_the_target() -> None:
    """1.2.0 replaces loops and takes degrees at the source, the formula's A + I doubles loops; ours is PyG 2.8.1's."""
    case = golden("GCNConv_0")
    edge_index = case["in.edge_index"]
    matrix = dense_normalised(edge_index, torch.ones(edge_index.size(1)), 7)
    expected = matrix @ case["in.x"] @ case["param.weight"] + case["param.bias"]
    ours = gcn_conv(case)(case["in.x"], edge_index)
    assert_golden(ours, expected)
    untouched_by_loops = [4, 5, 6]
    assert_golden(ours[untouched_by_loops], case["doc.out"][untouched_by_loops])


def test_gcn_conv_on_a_symmetric_graph_where_all_sources_agree() -> None:
    case = golden("GCNConv_2")
    assert_golden(
        gcn_conv(case)(case["in.x"], case["in.edge_index"], case["in.edge_weight"]), case["out.out"]
    )


def test_gcn_conv_cached() -> None:
    case = golden("GCNConv_4")
    conv = gcn_conv(case, cached=True)
    assert_golden(conv(case["in.x"], case["in.edge_index"]), case["out.out"])
    assert_golden(conv(case["in.x2"], case["in.edge_index2"]), case["out.out2"])


def test_gcn_conv_norm_lists_edges_as_recorded_with_weights_by_the_ruling() -> None:
    case = golden("GCNConv_norm_0")
    edge_index, norm = layers.GCNConv.norm(case["in.edge_index"], 7, case["in.edge_weight"])
    assert torch.equal(edge_index, case["out.edge_index"])
    dense = torch.zeros(7, 7, dtype=torch.float64).index_put(
        (edge_index[1], edge_index[0]), norm, accumulate=True
    )
    assert_golden(dense, dense_normalised(case["in.edge_index"], case["in.edge_weight"], 7))


@pytest.mark.parametrize(("name", "aggr"), [("GraphConv_0", "add"), ("GraphConv_2", "max")])
def test_graph_conv(name: str, aggr: str) -> None:
    case = golden(name)
    conv = layers.GraphConv(3, 4, aggr).double()
    conv.load_state_dict(
        {
            "lin_rel.weight": case["param.weight"].T,
            "lin_rel.bias": case["param.lin.bias"],
            "lin_root.weight": case["param.lin.weight"],
        }
    )
    assert_golden(conv(case["in.x"], case["in.edge_index"]), case["out.out"])


@pytest.mark.parametrize("name", ["SAGEConv_0", "SAGEConv_2"])
def test_sage_conv(name: str) -> None:
    """1.2.0 aggregated at row 0; the written formula aggregates where edges point to."""
    case = golden(name)
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


@pytest.mark.parametrize(("name", "options"), [("GATConv_0", {}), ("GATConv_2", {"concat": False})])
def test_gat_conv(name: str, options: dict[str, bool]) -> None:
    case = golden(name)
    heads = case["param.att"].size(1)
    slope = {"GATConv_0": 0.2, "GATConv_2": 0.1}[name]
    conv = layers.GATConv(3, 4, heads, negative_slope=slope, dropout=0.5, **options).double().eval()
    conv.load_state_dict(
        {
            "lin.weight": case["param.weight"].T,
            "att_dst": case["param.att"][..., :4],
            "att_src": case["param.att"][..., 4:],
            "bias": case["param.bias"],
        }
    )
    assert_golden(conv(case["in.x"], case["in.edge_index"]), case["out.out"])


@pytest.mark.parametrize(("name", "eps"), [("GINConv_0", 0.0), ("GINConv_2", 0.5)])
def test_gin_conv(name: str, eps: float) -> None:
    """1.2.0 drops self-loops and aggregates at row 0; ours keeps them, as the written formula."""
    case = golden(name)
    mlp = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.ReLU(), torch.nn.Linear(5, 4))
    conv = layers.GINConv(mlp, eps).double()
    conv.load_state_dict(
        {key.removeprefix("param."): value for key, value in case.items() if key.startswith("param.")}
    )
    edge_index = case["in.edge_index"]
    without_loops = edge_index[:, edge_index[0] != edge_index[1]]
    assert_golden(conv(case["in.x"], without_loops.flip(0)), case["out.out"])
    assert_golden(conv(case["in.x"], edge_index), case.get("doc.out", case["out.out"]))


@pytest.mark.parametrize("reduce", ["add", "mean", "max"])
@pytest.mark.parametrize(("number", "size"), [(0, None), (2, 5)])
def test_global_pools(reduce: str, number: int, size: int | None) -> None:
    case = golden(f"global_{reduce}_pool_{number}")
    pool = getattr(layers, f"global_{reduce}_pool")
    assert_golden(pool(case["in.x"], case["in.batch"], size), case["out.out"])
