"""ChebConv, SGConv, APPNP and the other layers that propagate along a normalised graph."""

from collections.abc import Callable

from torch import Tensor

from geocompile import layers
from tests.conformance.formulas.spectral import ones
from tests.conformance.golden import Values, assert_golden
from tests.conformance.golden.neighbourhoods import dense_normalised


def parameters(case: Values) -> Values:
    """By their names in torch_geometric 1.2.0."""
    return {key.removeprefix("param."): value for key, value in case.items() if key.startswith("param.")}


def inputs(case: Values) -> list[Tensor]:
    """x, edge_index and, where it is recorded, edge_weight."""
    names = ("in.x", "in.edge_index", "in.edge_weight")
    return [case[name] for name in names if name in case]


def cheb_conv(case: Values) -> None:
    """1.2.0 aggregated at row 0, and took the degrees there."""
    state = {f"lins.{k}.weight": weight.T for k, weight in enumerate(case["param.weight"])}
    if "param.bias" in case:
        state["bias"] = case["param.bias"]
    conv = layers.ChebConv(3, 2, len(case["param.weight"]), "param.bias" in case).double()
    conv.load_state_dict(state)
    x, edge_index, *weight = inputs(case)
    assert_golden(conv(x, edge_index.flip(0), *weight), case["out.out"])
    flowing_back = layers.ChebConv(
        3, 2, len(case["param.weight"]), "param.bias" in case, flow="target_to_source"
    ).double()
    flowing_back.load_state_dict(state)
    assert_golden(flowing_back(x, edge_index, *weight), case["out.out"])


def sg_layer(K: int, case: Values) -> layers.SGConv:
    conv = layers.SGConv(3, 4, K, bias="param.lin.bias" in case).double()
    conv.load_state_dict(parameters(case))
    return conv


def sg_directed(case: Values) -> None:
    """1.2.0 replaces loops and takes degrees at the source; ours are PyG 2.8.1's loops and degrees."""
    x, edge_index = inputs(case)
    expected = dense_normalised(edge_index, ones(edge_index), 7) @ x @ case["param.lin.weight"].T
    assert_golden(sg_layer(1, case)(x, edge_index), expected + case["param.lin.bias"])


def sg_symmetric(case: Values) -> None:
    """Here all sources agree."""
    assert_golden(sg_layer(2, case)(*inputs(case)), case["out.out"])


def appnp_directed(case: Values) -> None:
    """As for SGConv."""
    x, edge_index = inputs(case)
    expected = 0.9 * dense_normalised(edge_index, ones(edge_index), 7) @ x + 0.1 * x
    assert_golden(layers.APPNP(1, 0.1)(x, edge_index), expected)


def appnp_symmetric(case: Values) -> None:
    """Here all sources agree."""
    assert_golden(layers.APPNP(10, 0.1)(*inputs(case)), case["out.out"])


GOLDEN: dict[str, Callable[[Values], None]] = {
    "ChebConv_0": cheb_conv,
    "ChebConv_2": cheb_conv,
    "SGConv_0": sg_directed,
    "SGConv_2": sg_symmetric,
    "APPNP_0": appnp_directed,
    "APPNP_2": appnp_symmetric,
}
