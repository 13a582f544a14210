"""ARMAConv, GatedGraphConv, SignedConv, AGNNConv, DNAConv."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from geocompile import layers
from tests.conformance.formulas.spectral import ones
from tests.conformance.formulas.stacks import dna
from tests.conformance.golden import Values, assert_golden
from tests.conformance.golden.spectral import inputs, parameters


def arma_conv(options: dict[str, Any], case: Values) -> None:
    """1.2.0 aggregated at row 0, with degrees from there; the document's formula has no bias, its constructor has."""
    ws = [case[f"param.ws.{t}"] for t in range(2) if f"param.ws.{t}" in case]
    conv = layers.ARMAConv(3, 4, dropout=0.25, **options).double().eval()
    state = {
        "init_weight": ws[0],
        "weight": ws[1].unsqueeze(0) if len(ws) > 1 else conv.weight.detach(),
        "root_weight": case["param.vs.0"].unsqueeze(0),
        "bias": case["param.bias.0"].unsqueeze(0),
    }
    conv.load_state_dict(state)
    x, edge_index, *weight = inputs(case)
    assert_golden(conv(x, edge_index.flip(0), *weight), case["out.out"])


def gated_graph_conv(num_layers: int, aggr: str, case: Values) -> None:
    conv = layers.GatedGraphConv(5, num_layers, aggr).double()
    conv.load_state_dict(parameters(case))
    assert_golden(conv(*inputs(case)), case["out.out"])


def signed_conv(case: Values) -> None:
    """1.2.0 has one matrix for aggregates and own features side by side."""
    bias = "param.lin_pos.bias" in case
    conv = layers.SignedConv(3, 4, True, bias).double()
    state = {}
    for side in ("pos", "neg"):
        weight = case[f"param.lin_{side}.weight"]
        state |= {f"lin_{side}_l.weight": weight[:, :3], f"lin_{side}_r.weight": weight[:, 3:]}
        if bias:
            state[f"lin_{side}_r.bias"] = case[f"param.lin_{side}.bias"]
    conv.load_state_dict(state)
    edges = case["in.pos_edge_index"], case["in.neg_edge_index"]
    assert_golden(conv(case["in.x"], *edges), case["out.out"])


def agnn_conv(requires_grad: bool, case: Values) -> None:
    conv = layers.AGNNConv(requires_grad).double()
    conv.load_state_dict(parameters(case))
    assert_golden(conv(*inputs(case)), case["out.out"])


def dna_layer(case: Values, **options: Any) -> layers.DNAConv:
    bias = "param.multi_head.lin_q.bias" in case
    conv = layers.DNAConv(8, dropout=0.3, bias=bias, **options).double().eval()
    conv.load_state_dict(parameters(case))
    return conv


def dna_directed(case: Values) -> None:
    """1.2.0 replaces loops and takes degrees at the source; ours are PyG 2.8.1's loops and degrees.

    On a graph whose every node has one loop, and as many edges out as in, both agree: so they do with the recorded
    graph's matrix given as weights.
    """
    conv = dna_layer(case)
    x, edge_index = inputs(case)
    assert_golden(conv(x, edge_index), dna(conv, x, edge_index))
    as_recorded = dna_layer(case, normalize=False)
    assert_golden(as_recorded(x, *normalised_at_row_0(edge_index, x.size(0))), case["out.out"])


def normalised_at_row_0(edge_index: torch.Tensor, num_nodes: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The graph as 1.2.0 normalised it: every loop replaced by one of weight 1, degrees at row 0."""
    other = edge_index[:, edge_index[0] != edge_index[1]]
    edges = torch.cat([other, torch.arange(num_nodes).expand(2, -1)], dim=1)
    scale = torch.zeros(num_nodes, dtype=torch.float64).index_add(0, edges[0], ones(edges)).pow(-0.5)
    return edges, scale[edges[0]] * scale[edges[1]]


def dna_symmetric(case: Values) -> None:
    """Here both codes agree; the document has an ordinary softmax, which neither code has."""
    assert_golden(dna_layer(case, heads=4, groups=2)(*inputs(case)), case["out.out"])


def dna_cached(case: Values) -> None:
    conv = dna_layer(case, heads=2, cached=True)
    assert_golden(conv(*inputs(case)), case["out.out"])
    assert_golden(conv(case["in.x2"], case["in.edge_index2"]), case["out.out2"])


SHARED = {"num_stacks": 3, "num_layers": 3, "shared_weights": True, "act": torch.tanh}
GOLDEN: dict[str, Callable[[Values], None]] = {
    "ARMAConv_0": partial(arma_conv, {}),
    "ARMAConv_2": partial(arma_conv, SHARED),
    "GatedGraphConv_0": partial(gated_graph_conv, 2, "add"),
    "GatedGraphConv_2": partial(gated_graph_conv, 1, "max"),
    "SignedConv_0": signed_conv,
    "SignedConv_2": signed_conv,
    "AGNNConv_0": partial(agnn_conv, True),
    "AGNNConv_2": partial(agnn_conv, False),
    "DNAConv_0": dna_directed,
    "DNAConv_2": dna_symmetric,
    "DNAConv_4": dna_cached,
}
