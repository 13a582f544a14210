"""EdgeConv, PointConv, PPFConv, XConv, MetaLayer."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from geocompile import layers
from geocompile.custom_ops import scatter
from tests.conformance.golden import Values, assert_golden


def network(case: Values, name: str) -> nn.Module | None:
    """The recorded Linear, ReLU, Linear, or a Linear alone; None where there is none."""
    weights = [case[key] for key in (f"param.{name}.0.weight", f"param.{name}.2.weight") if key in case]
    linears = [nn.Linear(weight.size(1), weight.size(0)) for weight in weights]
    if not linears:
        return None
    found = nn.Sequential(linears[0], *(part for linear in linears[1:] for part in (nn.ReLU(), linear)))
    prefix = f"param.{name}."
    found.double().load_state_dict(
        {key.removeprefix(prefix): case[key] for key in case if key.startswith(prefix)}
    )
    return found


def edge_conv(aggr: str, case: Values) -> None:
    """1.2.0 aggregated at row 0, and its `doc` is the formula that aggregates where edges point to."""
    conv = layers.EdgeConv(network(case, "nn"), aggr)
    edge_index = case["in.edge_index"]
    assert_golden(conv(case["in.x"], edge_index.flip(0)), case["out.out"])
    if "doc.out" in case:
        assert_golden(conv(case["in.x"], edge_index), case["doc.out"])


def point_conv(case: Values) -> None:
    conv = layers.PointConv(network(case, "local_nn"), network(case, "global_nn"))
    pos = (case["in.pos.0"], case["in.pos.1"]) if "in.pos.0" in case else case["in.pos"]
    assert_golden(conv(case.get("in.x"), pos, case["in.edge_index"]), case["out.out"])


def ppf_conv(case: Values) -> None:
    conv = layers.PPFConv(network(case, "local_nn"), network(case, "global_nn"))
    inputs = (case[f"in.{name}"] for name in ("x", "pos", "norm", "edge_index"))
    assert_golden(conv(*inputs), case["out.out"])


class Drawn(layers.XConv):
    """Takes the neighbours that 1.2.0 drew."""

    drawn: Tensor | None = None

    def _places(self, pos: Tensor) -> Tensor:
        return super()._places(pos) if self.drawn is None else self.drawn


def x_conv(options: dict[str, Any], case: Values) -> None:
    conv = Drawn(4, 6, 3, **options).double().eval()
    conv.load_state_dict({key.removeprefix("param."): case[key] for key in case if key.startswith("param.")})
    conv.drawn = case.get("in.drawn_index")
    assert_golden(conv(case["in.x"], case["in.pos"], case.get("in.batch")), case["out.out"])


def meta_layer(has_nodes: bool, case: Values) -> None:
    """The functions of the reference's example."""
    edge, node_1, node_2, whole = (
        network(case, name) for name in ("edge_mlp", "node_mlp_1", "node_mlp_2", "global_mlp")
    )

    def edge_model(source: Tensor, target: Tensor, edge_attr: Tensor, u: Tensor, batch: Tensor) -> Any:
        return edge(torch.cat([source, target, edge_attr, u[batch]], 1))  # type: ignore[misc]

    def node_model(x: Tensor, edge_index: Tensor, edge_attr: Tensor, u: Tensor, batch: Tensor) -> Any:
        row, col = edge_index
        out = node_1(torch.cat([x[col], edge_attr], dim=1))  # type: ignore[misc]
        out = scatter(out, row, 0, x.size(0), "mean")
        return node_2(torch.cat([out, u[batch]], dim=1))  # type: ignore[misc]

    def global_model(x: Tensor, edge_index: Tensor, edge_attr: Tensor, u: Tensor, batch: Tensor) -> Any:
        return whole(torch.cat([u, scatter(x, batch, 0, u.size(0), "mean")], dim=1))  # type: ignore[misc]

    layer = layers.MetaLayer(edge_model, node_model if has_nodes else None, global_model)
    inputs = (case[f"in.{name}"] for name in ("x", "edge_index", "edge_attr", "u", "batch"))
    assert_golden(layer(*inputs), tuple(case[f"out.{name}"] for name in ("x", "edge_attr", "u")))


GOLDEN: dict[str, Callable[[Values], None]] = {
    "EdgeConv_0": partial(edge_conv, "max"),
    "EdgeConv_2": partial(edge_conv, "mean"),
    "PointConv_0": point_conv,
    "PointConv_2": point_conv,
    "PointConv_4": point_conv,
    "PPFConv_0": ppf_conv,
    "PPFConv_2": ppf_conv,
    "XConv_0": partial(x_conv, {"kernel_size": 4}),
    "XConv_2": partial(x_conv, {"kernel_size": 3, "hidden_channels": 2, "dilation": 2}),
    "MetaLayer_0": partial(meta_layer, True),
    "MetaLayer_2": partial(meta_layer, False),
}
