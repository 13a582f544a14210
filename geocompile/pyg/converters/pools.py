"""Global attention, Set2Set, TopKPooling, SAGPooling: options and weights from PyG's layer to ours, and back."""

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any

import torch

from geocompile import layers
from geocompile.layers.pool.score_pooling import is_share
from geocompile.pyg.carried import KeepError, check_aggregation, check_part
from geocompile.pyg.converters.shared import Converter, pyg_nn, require, take_over


def attentional_aggregation(old: Any) -> torch.nn.Module:
    """PyG's AttentionalAggregation."""
    return layers.AttentionalAggregation(*_networks(old))


def global_attention(old: Any) -> torch.nn.Module:
    """PyG's GlobalAttention, the same with the arguments of PyG 1."""
    return layers.GlobalAttention(*_networks(old))


def _networks(old: Any) -> tuple[torch.nn.Module, torch.nn.Module | None]:
    """Gate and network, wherever PyG keeps them.

    Raises:
        KeepError: one of them is a PyG MLP, whose norms are given the groups.
    """
    for mlp in (old.gate_mlp, old.mlp):
        if mlp is not None and mlp.supports_norm_batch:
            raise KeepError("its MLP has norms over graphs; geocompile gives its networks x alone")
    gate = old.gate_nn if old.gate_nn is not None else old.gate_mlp
    network = old.nn if old.nn is not None else old.mlp
    with _without_warning():
        check_aggregation(old, gate_nn=gate, nn=network)
    return gate, network


@contextlib.contextmanager
def _without_warning() -> Iterator[None]:
    """PyG calls its own GlobalAttention deprecated; whoever converts one need not hear it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


def set2set(old: Any) -> torch.nn.Module:
    """PyG's Set2Set; what an LSTM can be beyond layers, bias and dropout fails there too."""
    lstm = old.lstm
    check_aggregation(old, in_channels=1, processing_steps=1)
    check_part(lstm, torch.nn.LSTM(2, 1, lstm.num_layers, lstm.bias), "lstm")
    if lstm.batch_first or lstm.bidirectional or lstm.proj_size:
        raise KeepError("its lstm is batch_first, bidirectional or projected, which Set2Set cannot feed")
    new = layers.Set2Set(
        old.in_channels, old.processing_steps, lstm.num_layers, bias=lstm.bias, dropout=lstm.dropout
    )
    return take_over(new, old, {"lstm": tuple(lstm._parameters)})


def topk_pooling(old: Any) -> torch.nn.Module:
    """PyG's TopKPooling, where a ratio from 1.0 on is a number of nodes."""
    check_selection(old, type(old)(1, 0.5, old.min_score, old.multiplier, old.select.act))
    select = old.select
    new = layers.TopKPooling(
        old.in_channels,
        kept_by(select),
        min_score=select.min_score,
        multiplier=old.multiplier,
        nonlinearity=select.act,
    )
    return take_over(new, old, {"select": ("weight",)})


def sag_pooling(old: Any) -> torch.nn.Module:
    """PyG's SAGPooling; its convolution is converted, or stays, on its own."""
    check_selection(old, type(old)(1, 0.5, min_score=old.min_score, nonlinearity=old.select.act))
    select = old.select
    new = layers.SAGPooling(
        old.in_channels,
        kept_by(select),
        min_score=select.min_score,
        multiplier=old.multiplier,
        nonlinearity=select.act,
    )
    return take_over(new, old, {"select": ("weight",)}, ("gnn",))


def check_selection(old: Any, fresh: Any) -> None:
    """Refuse a pooling by scores unless it and its parts are as its constructor made them.

    Raises:
        KeepError: it carries something else.
    """
    check_part(old, fresh, "layer")
    for part in ("select", "connect"):
        check_part(getattr(old, part), getattr(fresh, part), part)


def kept_by(select: Any) -> float | int | None:
    """PyG's ratio as ours.

    Raises:
        KeepError: it keeps no node.
    """
    ratio = select.ratio
    require(select.min_score is not None or ratio > 0, f"its ratio {ratio!r} keeps no node")
    return int(ratio) if ratio is not None and ratio >= 1 else ratio


def pyg_ratio(old: Any) -> float | int | None:
    """Our ratio as PyG's.

    Raises:
        KeepError: PyG has none for it.
    """
    is_all = is_share(old.ratio) and old.ratio >= 1
    require(
        old.min_score is not None or not is_all, f"PyG takes a ratio of {old.ratio!r} for a number of nodes"
    )
    ratio: float | int | None = old.ratio
    return ratio


def to_topk_pooling(old: layers.TopKPooling) -> torch.nn.Module:
    """PyG's TopKPooling."""
    options = (pyg_ratio(old), old.min_score, old.multiplier, old.select.act)
    return take_over(pyg_nn().TopKPooling(old.in_channels, *options), old, {"select": ("weight",)})


def to_sag_pooling(old: layers.SAGPooling) -> torch.nn.Module:
    """PyG's SAGPooling."""
    new = pyg_nn().SAGPooling(
        old.in_channels,
        pyg_ratio(old),
        min_score=old.min_score,
        multiplier=old.multiplier,
        nonlinearity=old.select.act,
    )
    return take_over(new, old, {"select": ("weight",)}, ("gnn",))


def to_attentional_aggregation(old: layers.AttentionalAggregation) -> torch.nn.Module:
    """PyG's AttentionalAggregation."""
    new: torch.nn.Module = pyg_nn().aggr.AttentionalAggregation(old.gate_nn, old.nn)
    return new


def to_global_attention(old: layers.GlobalAttention) -> torch.nn.Module:
    """PyG's GlobalAttention."""
    with _without_warning():
        new: torch.nn.Module = pyg_nn().glob.GlobalAttention(old.gate_nn, old.nn)
    return new


def to_set2set(old: layers.Set2Set) -> torch.nn.Module:
    """PyG's Set2Set."""
    lstm = old.lstm
    options = {"num_layers": old.num_layers, "bias": lstm.bias, "dropout": lstm.dropout}
    new = pyg_nn().aggr.Set2Set(old.in_channels, old.processing_steps, **options)
    return take_over(new, old, {"lstm": tuple(lstm._parameters)})


FROM_PYG: dict[str, Converter] = {
    "torch_geometric.nn.aggr.attention.AttentionalAggregation": attentional_aggregation,
    "torch_geometric.deprecation.GlobalAttention": global_attention,  # where PyG's decorator leaves the class
    "torch_geometric.nn.aggr.set2set.Set2Set": set2set,
    "torch_geometric.nn.pool.topk_pool.TopKPooling": topk_pooling,
    "torch_geometric.nn.pool.sag_pool.SAGPooling": sag_pooling,
}
TO_PYG: dict[type[torch.nn.Module], Converter] = {
    layers.AttentionalAggregation: to_attentional_aggregation,
    layers.GlobalAttention: to_global_attention,
    layers.Set2Set: to_set2set,
    layers.TopKPooling: to_topk_pooling,
    layers.SAGPooling: to_sag_pooling,
}
