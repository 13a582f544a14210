"""RGCNConv, GMMConv, SplineConv, NNConv."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from geocompile import layers
from tests.conformance.golden import Values, assert_golden


def rgcn_conv(case: Values) -> None:
    """1.2.0 sums; the recorded edge_norm is 1/|N_r(i)|, so that ours without it is the same."""
    basis = case["param.basis"]
    conv = layers.RGCNConv(3, 4, 3, num_bases=basis.size(0), bias="param.bias" in case).double()
    state = {"weight": basis, "comp": case["param.att"], "root": case["param.root"]}
    conv.load_state_dict(state | ({"bias": case["param.bias"]} if "param.bias" in case else {}))
    inputs = case["in.x"], case["in.edge_index"], case["in.edge_type"]
    assert_golden(conv(*inputs, case["in.edge_norm"]), case["out.out"])
    assert_golden(conv(*inputs), case["out.out"])
    torch.nn.init.zeros_(conv.weight)
    assert not torch.allclose(conv(*inputs), case["out.out"])


def gmm_conv_of_1_2(kernel_size: int, case: Values) -> None:
    """The first document's formula has a Gaussian for each input channel: ours with the same for each output channel.

    Its denominator has 1e-14, ours 1e-15.
    """
    weight, bias = case["param.lin.weight"], case["param.lin.bias"]
    dim = case["param.mu"].size(1)
    conv = layers.GMMConv(3, 4, dim, kernel_size, True, root_weight=False, kernel_average=False).double()
    spread = (3, 1, kernel_size, dim)
    conv.load_state_dict(
        {
            "g": weight.T[:, :, None].expand(3, 4, kernel_size).flatten(1),
            "mu": case["param.mu"].view(spread).expand(3, 4, kernel_size, dim),
            "sigma": (case["param.sigma"].square() + 1e-14 - 1e-15).sqrt().view(spread).expand(conv.mu.shape),
            "bias": bias,
        }
    )
    assert_golden(conv(case["in.x"], case["in.edge_index"], case["in.pseudo"]), case["out.out"])


def gmm_conv(options: dict[str, Any], case: Values) -> None:
    """The second document's, whose 1/K PyG 2.8.1 leaves out; a pair comes with its size."""
    in_channels = (3, 2) if "in.x.0" in case else 3
    options = {"bias": "param.bias" in case, **options}
    state = {key.removeprefix("param."): value for key, value in case.items() if key.startswith("param.")}
    x = (case["in.x.0"], case.get("in.x.1")) if "in.x.0" in case else case["in.x"]
    size = (5, 4) if "in.x.0" in case else None
    for kernel_average, key in ((True, "doc.out"), (False, "out.out")):
        conv = layers.GMMConv(in_channels, 4, 2, 3, kernel_average=kernel_average, **options).double()
        conv.load_state_dict(state)
        assert_golden(conv(x, case["in.edge_index"], case["in.edge_attr"], size), case[key])


def spline_conv(options: dict[str, Any], case: Values) -> None:
    """1.2.0 aggregated at row 0; the written formula aggregates where edges point to."""
    conv = layers.SplineConv(3, 4, case["in.pseudo"].size(1), 5, **options).double()
    state = {"weight": case["param.weight"]}
    if "param.root" in case:
        state |= {"lin.weight": case["param.root"].T, "bias": case["param.bias"]}
    conv.load_state_dict(state | {name: case[f"param.{name}"] for name in ("kernel_size", "is_open_spline")})
    x, edge_index, pseudo = case["in.x"], case["in.edge_index"], case["in.pseudo"]
    assert_golden(conv(x, edge_index, pseudo), case["doc.out"])
    assert_golden(conv(x, edge_index.flip(0), pseudo), case["out.out"])


def nn_conv(aggr: str, case: Values) -> None:
    size = case["param.nn.0.weight"].size(1)
    network = torch.nn.Sequential(torch.nn.Linear(size, 6), torch.nn.ReLU(), torch.nn.Linear(6, 12))
    conv = layers.NNConv(3, 4, network, aggr, bias="param.bias" in case).double()
    state = {key.removeprefix("param."): value for key, value in case.items() if key.startswith("param.")}
    state["lin.weight"] = state.pop("root").T
    conv.load_state_dict(state)
    assert_golden(conv(case["in.x"], case["in.edge_index"], case["in.edge_attr"]), case["out.out"])


CIRCULAR = {"is_open_spline": False, "degree": 3, "norm": False, "root_weight": False, "bias": False}
GOLDEN: dict[str, Callable[[Values], None]] = {
    "RGCNConv_0": rgcn_conv,
    "RGCNConv_2": rgcn_conv,
    "GMMConv_0": partial(gmm_conv_of_1_2, 3),
    "GMMConv_2": partial(gmm_conv_of_1_2, 4),
    "GMMConv_v2_0": partial(gmm_conv, {}),
    "GMMConv_v2_2": partial(gmm_conv, {"aggr": "add"}),
    "GMMConv_v2_4": partial(gmm_conv, {"root_weight": False}),
    "GMMConv_v2_6": partial(gmm_conv, {}),
    "GMMConv_v2_8": partial(gmm_conv, {}),
    "SplineConv_0": partial(spline_conv, {}),
    "SplineConv_2": partial(spline_conv, CIRCULAR),
    "NNConv_0": partial(nn_conv, "add"),
    "NNConv_2": partial(nn_conv, "max"),
}
