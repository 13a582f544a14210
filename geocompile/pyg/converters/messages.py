"""ResGatedGraphConv, PNAConv, GENConv: options and weights from PyG's layer to ours, and back."""

from typing import Any

import torch

from geocompile import layers
from geocompile.layers.common.generalised_mean import PowerMeanOfMessages, SoftmaxOfMessages
from geocompile.pyg.carried import KeepError, check_layer, check_part, check_with
from geocompile.pyg.converters.shared import Converter, pyg_nn, require, take_over, writes_pairs_alike
from geocompile.pyg.converters.spectral import in_matrices

_REDUCTIONS = ("add", "sum", "mean", "max", "min", "mul")
_OF_MAP = ("weight", "bias")
_AGGREGATORS = {
    "SumAggregation": "sum",
    "MeanAggregation": "mean",
    "MinAggregation": "min",
    "MaxAggregation": "max",
    "VarAggregation": "var",
    "StdAggregation": "std",
}
_NORMS = {"batch": torch.nn.BatchNorm1d, "layer": torch.nn.LayerNorm, "instance": torch.nn.InstanceNorm1d}
_OF_DEGREES = ("avg_deg_lin", "avg_deg_log")


def _gates(old: Any) -> dict[str, tuple[str, ...]]:
    maps: dict[str, tuple[str, ...]] = dict.fromkeys(("lin_key", "lin_query", "lin_value"), _OF_MAP)
    return maps | ({"lin_skip": _OF_MAP} if old.lin_skip is not None else {})


def res_gated_graph_conv(old: Any) -> torch.nn.Module:
    """PyG's ResGatedGraphConv."""
    require(callable(old.act), "its act is no function")
    act = torch.nn.Identity() if isinstance(old.act, torch.nn.Module) else None
    check_layer(
        old, _REDUCTIONS, _gates(old), 1, 1, act=act, edge_dim=old.edge_dim, root_weight=old.root_weight
    )
    in_matrices(old)
    width = old.edge_dim or 0
    new = layers.ResGatedGraphConv(
        (old.lin_query.in_channels - width, old.lin_key.in_channels - width),
        old.out_channels,
        old.act,
        old.edge_dim,
        old.root_weight,
        old.bias is not None,
        aggr=old.aggr,
        sender_first=True,
        flow=old.flow,
    )
    new.in_channels = old.in_channels
    return take_over(new, old, _gates(old), ("bias",))


def to_res_gated_graph_conv(old: layers.ResGatedGraphConv) -> torch.nn.Module:
    """PyG's ResGatedGraphConv."""
    writes_pairs_alike(old)
    new = pyg_nn().ResGatedGraphConv(
        old.in_channels,
        old.out_channels,
        old.act,
        old.edge_dim,
        old.root_weight,
        old.bias is not None,
        aggr=old.aggr,
        flow=old.flow,
    )
    return take_over(new, old, _gates(old), ("bias",))


def _names_of(old: Any) -> list[str]:
    """The aggregators of PyG's PNAConv.

    Raises:
        KeepError: one that has no operator, or a semi-gradient.
    """
    names = []
    for module in old.aggr_module.aggr.aggrs:
        name = type(module).__name__
        if name not in _AGGREGATORS:
            raise KeepError(f"its aggregator {name} has no geocompile operator")
        if getattr(module, "semi_grad", False) or getattr(
            getattr(module, "var_aggr", None), "semi_grad", False
        ):
            raise KeepError(f"its {name} has a semi-gradient")
        names.append(_AGGREGATORS[name])
    return names


def _networks(old: Any) -> dict[str, tuple[str, ...]]:
    """The linear layers of a PNAConv, ours or PyG's."""
    names = [
        f"{list_name}.{t}.{k}"
        for list_name in ("pre_nns", "post_nns")
        for t, network in enumerate(getattr(old, list_name))
        for k in range(0, len(network), 2)
    ]
    names += ["lin"] if old.edge_dim is None else ["lin", "edge_encoder"]
    return dict.fromkeys(names, _OF_MAP)


def _between(new: Any, old: Any) -> torch.nn.Module:
    """The activations themselves."""
    for name in ("pre_nns", "post_nns"):
        for network, theirs in zip(getattr(new, name), getattr(old, name), strict=True):
            for k in range(1, len(theirs), 2):
                network[k] = theirs[k]
    for name in _OF_DEGREES:
        setattr(new.aggr_module, name, getattr(old.aggr_module, name))
    result: torch.nn.Module = new
    return result


def _sizes(old: Any) -> dict[str, Any]:
    return {
        "edge_dim": old.edge_dim,
        "towers": old.towers,
        "pre_layers": (len(old.pre_nns[0]) + 1) // 2,
        "post_layers": (len(old.post_nns[0]) + 1) // 2,
        "divide_input": old.divide_input,
        "train_norm": isinstance(old.aggr_module.avg_deg_lin, torch.nn.Parameter),
        "flow": old.flow,
    }


def pna_conv(old: Any) -> torch.nn.Module:
    """PyG's PNAConv."""
    some = torch.ones(2, dtype=torch.int64)
    names, scalers = _names_of(old), list(old.aggr_module.scaler)
    options = {**_sizes(old), "act": torch.nn.Identity()}
    fresh = type(old)(old.in_channels, old.out_channels, names, scalers, some, **options)
    check_with(old, fresh, _networks(old))
    check_part(old.aggr_module.aggr, fresh.aggr_module.aggr, "aggregation")
    new = layers.PNAConv(old.in_channels, old.out_channels, names, scalers, some, **options)
    new.aggr_module.initial_lin = old.aggr_module.init_avg_deg_lin
    new.aggr_module.initial_log = old.aggr_module.init_avg_deg_log
    return take_over(_between(new, old), old, _networks(old))


def to_pna_conv(old: layers.PNAConv) -> torch.nn.Module:
    """PyG's PNAConv."""
    some = torch.ones(2, dtype=torch.int64)
    new = pyg_nn().PNAConv(
        old.in_channels,
        old.out_channels,
        old.aggregators,
        old.aggr_module.scalers,
        some,
        act=torch.nn.Identity(),
        **_sizes(old),
    )
    new.aggr_module.init_avg_deg_lin = old.aggr_module.initial_lin
    new.aggr_module.init_avg_deg_log = old.aggr_module.initial_log
    return take_over(_between(new, old), old, _networks(old))


def _linears_of_mlp(old: Any, norm: str | None) -> list[int]:
    """Where the linear layers of a GENConv's network stand."""
    return list(range(0, len(old.mlp), 3 if norm is None else 4))


def _maps(old: Any, norm: str | None) -> dict[str, tuple[str, ...]]:
    """The linear layers of a GENConv, ours (None where there is none) or PyG's (no attribute)."""
    names = [name for name in ("lin_src", "lin_edge", "lin_dst") if getattr(old, name, None) is not None]
    names += [f"mlp.{k}" for k in _linears_of_mlp(old, norm)]
    return dict.fromkeys(names, _OF_MAP)


def _norm_of(old: Any) -> str | None:
    """Which norm the network of PyG's GENConv has.

    Raises:
        KeepError: another one than its constructor makes.
    """
    second = old.mlp[1] if len(old.mlp) > 1 else torch.nn.ReLU()
    if type(second) is torch.nn.ReLU:
        return None
    for name, kind in _NORMS.items():
        if type(second) is kind:
            return name
    raise KeepError(f"its mlp holds a {type(second).__name__}")


def _take_norms(new: Any, old: Any, norm: str | None) -> None:
    """All modules of the network but the linear ones; ours and PyG's differ in one without weights."""
    linears = _linears_of_mlp(old, norm)
    for k in range(len(old.mlp)):
        if k not in linears and not (norm == "instance" and k % 4 == 1):
            new.mlp[k] = old.mlp[k]


def _take_learned(new: Any, old: Any) -> None:
    """What the aggregation and the norm of messages learn."""
    for name in ("t", "p"):
        if isinstance(getattr(old.aggr_module, name, None), torch.nn.Parameter):
            setattr(new.aggr_module, name, getattr(old.aggr_module, name))
    if getattr(old, "msg_norm", None) is not None:
        new.msg_norm.scale = old.msg_norm.scale


def _check_network(old: Any, fresh: Any, norm: str | None) -> None:
    for k in range(len(old.mlp)):
        if k not in _linears_of_mlp(old, norm):
            check_part(old.mlp[k], fresh.mlp[k], f"mlp.{k}")
        if norm == "instance" and k % 4 == 1:
            module = old.mlp[k]
            require(
                not module.affine and not module.track_running_stats and module.eps == 1e-5,
                "its InstanceNorm1d is not as its constructor makes it",
            )


def gen_conv(old: Any) -> torch.nn.Module:
    """PyG's GENConv."""
    norm = _norm_of(old)
    linears = _maps(old, norm)
    aggregation, num_layers = old.aggr_module, len(_linears_of_mlp(old, norm))
    learn = getattr(aggregation, "learn", False)
    options = {
        "learn_t": learn,
        "learn_p": learn,
        "msg_norm": hasattr(old, "msg_norm"),
        "norm": norm,
        "num_layers": num_layers,
        "edge_dim": 2 if hasattr(old, "lin_edge") else None,
    }
    sides = tuple(2 if hasattr(old, name) else 1 for name in ("lin_src", "lin_dst"))
    check_layer(old, (*_REDUCTIONS, "softmax", "powermean"), linears, sides, 1, **options)
    in_matrices(old)
    _check_network(old, type(old)(sides, 1, **options), norm)
    channels = old.out_channels
    new = layers.GENConv(
        tuple(
            getattr(old, name).in_channels if hasattr(old, name) else channels
            for name in ("lin_src", "lin_dst")
        ),
        channels,
        "softmax_sg" if getattr(aggregation, "semi_grad", False) and not learn else old.aggr,
        _number(aggregation, "t"),
        learn,
        _number(aggregation, "p"),
        learn,
        hasattr(old, "msg_norm"),
        hasattr(old, "msg_norm") and old.msg_norm.scale.requires_grad,
        norm,
        num_layers,
        old.mlp[0].out_channels // channels,
        old.eps,
        old.mlp[0].bias is not None,
        old.lin_edge.in_channels if hasattr(old, "lin_edge") else None,
        sender_first=True,
        flow=old.flow,
    )
    new.in_channels = old.in_channels
    _map_both(new, old)
    _take_norms(new, old, norm)
    _take_learned(new, old)
    return take_over(new, old, linears)


def _map_both(new: Any, old: Any) -> None:
    """A map of features that have the output's size already, which a layer has that took the size from its input."""
    for name in ("lin_src", "lin_dst"):
        if hasattr(old, name) and getattr(new, name) is None:
            setattr(
                new, name, torch.nn.Linear(old.out_channels, old.out_channels, old.mlp[0].bias is not None)
            )


def _number(aggregation: Any, name: str) -> float:
    """Where a learned number starts, or the number itself; 1 where there is none.

    Raises:
        KeepError: it is one for each channel.
    """
    value = getattr(aggregation, name, 1.0)
    require(getattr(aggregation, "channels", 1) == 1, f"its {name} is one for each channel")
    if isinstance(value, torch.nn.Parameter):
        return float(getattr(aggregation, f"_init_{name}"))
    require(isinstance(value, (int, float)), f"its {name} is a {type(value).__name__}")
    return float(value)


def to_gen_conv(old: layers.GENConv) -> torch.nn.Module:
    """PyG's GENConv."""
    writes_pairs_alike(old)
    aggregation, norm = old.aggr_module, old.norm if old.num_layers > 1 else None
    softmax = aggregation if isinstance(aggregation, SoftmaxOfMessages) else None
    power = aggregation if isinstance(aggregation, PowerMeanOfMessages) else None
    new = pyg_nn().GENConv(
        old.in_channels,
        old.out_channels,
        old.aggr,
        1.0 if softmax is None else softmax.initial_t,
        softmax is not None and isinstance(softmax.t, torch.Tensor),
        1.0 if power is None else power.initial_p,
        power is not None and isinstance(power.p, torch.Tensor),
        old.msg_norm is not None,
        old.msg_norm is not None and old.msg_norm.scale.requires_grad,
        norm,
        old.num_layers,
        old.expansion,
        old.eps,
        old.mlp[0].bias is not None,
        old.edge_dim,
        flow=old.flow,
    )
    _take_norms(new, old, norm)
    _take_learned(new, old)
    return take_over(new, old, _maps(old, norm))


FROM_PYG: dict[str, Converter] = {
    "torch_geometric.nn.conv.res_gated_graph_conv.ResGatedGraphConv": res_gated_graph_conv,
    "torch_geometric.nn.conv.pna_conv.PNAConv": pna_conv,
    "torch_geometric.nn.conv.gen_conv.GENConv": gen_conv,
}
TO_PYG: dict[type[torch.nn.Module], Converter] = {
    layers.ResGatedGraphConv: to_res_gated_graph_conv,
    layers.PNAConv: to_pna_conv,
    layers.GENConv: to_gen_conv,
}
