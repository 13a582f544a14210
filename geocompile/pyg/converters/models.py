"""JumpingKnowledge, the auto-encoders, DeepGraphInfomax, RENet, SignedGCN: PyG's to ours, and back."""

from typing import Any

import torch

from geocompile import layers
from geocompile.pyg.carried import check_module
from geocompile.pyg.converters.shared import Converter, pyg_nn, require

_HOME = "torch_geometric.nn.models"


def jumping_knowledge(old: Any) -> torch.nn.Module:
    """PyG's JumpingKnowledge, which rounds half of an odd size down."""
    check_module(old, old.mode, old.channels, old.num_layers)
    new = layers.JumpingKnowledge(old.mode, old.channels, old.num_layers, round_down=True)
    return _parts(new, old, "lstm", "att")


def to_jumping_knowledge(old: layers.JumpingKnowledge) -> torch.nn.Module:
    """PyG's JumpingKnowledge."""
    return _parts(pyg_nn().JumpingKnowledge(old.mode, old.channels, old.num_layers), old, "lstm", "att")


def inner_product_decoder(old: Any) -> torch.nn.Module:
    """PyG's InnerProductDecoder."""
    check_module(old)
    return layers.InnerProductDecoder()


def to_inner_product_decoder(old: layers.InnerProductDecoder) -> torch.nn.Module:
    """PyG's InnerProductDecoder."""
    new: torch.nn.Module = pyg_nn().InnerProductDecoder()
    return new


def gae(old: Any) -> torch.nn.Module:
    """PyG's GAE; encoder and decoder themselves are taken over and converted on their own."""
    check_module(old, torch.nn.Identity())
    return layers.GAE(old.encoder, old.decoder)


def vgae(old: Any) -> torch.nn.Module:
    """PyG's VGAE, whose encoder gives log sigma."""
    _forget_last_encoding(old)
    check_module(old, torch.nn.Identity())
    return layers.VGAE(old.encoder, old.decoder, logstd=True)


def arga(old: Any) -> torch.nn.Module:
    """PyG's ARGA."""
    check_module(old, torch.nn.Identity(), torch.nn.Identity())
    return layers.ARGA(old.encoder, old.discriminator, old.decoder)


def argva(old: Any) -> torch.nn.Module:
    """PyG's ARGVA, which holds a VGAE of the same encoder and an own default decoder."""
    inner = old.VGAE
    _forget_last_encoding(inner)
    check_module(old, torch.nn.Identity(), torch.nn.Identity())
    check_module(inner, torch.nn.Identity())
    require(inner.encoder is old.encoder, "its VGAE has another encoder")
    return layers.ARGVA(old.encoder, old.discriminator, old.decoder, logstd=True)


def _forget_last_encoding(old: Any) -> None:
    """What `kl_loss` would have read; the next encoding writes it anew."""
    for name in ("__mu__", "__logstd__"):
        vars(old).pop(name, None)


def to_gae(old: layers.GAE) -> torch.nn.Module:
    """PyG's GAE."""
    return _parts(pyg_nn().GAE(torch.nn.Identity()), old, "encoder", "decoder")


def to_vgae(old: layers.VGAE) -> torch.nn.Module:
    """PyG's VGAE."""
    _takes_logstd(old)
    return _parts(pyg_nn().VGAE(torch.nn.Identity()), old, "encoder", "decoder")


def to_arga(old: layers.ARGA) -> torch.nn.Module:
    """PyG's ARGA."""
    nothing = torch.nn.Identity()
    return _parts(pyg_nn().ARGA(nothing, nothing), old, "encoder", "discriminator", "decoder")


def to_argva(old: layers.ARGVA) -> torch.nn.Module:
    """PyG's ARGVA."""
    _takes_logstd(old)
    nothing = torch.nn.Identity()
    new = _parts(pyg_nn().ARGVA(nothing, nothing), old, "encoder", "discriminator", "decoder")
    _parts(new.VGAE, old, "encoder", "decoder")
    return new


def _takes_logstd(old: Any) -> None:
    require(
        old.logstd,
        "PyG takes the second output of the encoder to be log sigma, not log sigma squared; logstd=True does so too",
    )


def deep_graph_infomax(old: Any) -> torch.nn.Module:
    """PyG's DeepGraphInfomax; encoder, summary and corruption themselves are taken over."""
    check_module(old, 1, torch.nn.Identity(), old.summary, old.corruption)
    new = layers.DeepGraphInfomax(old.hidden_channels, old.encoder, old.summary, old.corruption)
    new.weight = old.weight
    return new


def to_deep_graph_infomax(old: layers.DeepGraphInfomax) -> torch.nn.Module:
    """PyG's DeepGraphInfomax."""
    new = pyg_nn().DeepGraphInfomax(old.hidden_channels, torch.nn.Identity(), _nothing, old.corruption)
    new.weight, new.summary = old.weight, old.summary
    return _parts(new, old, "encoder")


def _nothing() -> None:
    """In place of a summary, which PyG's constructor would draw anew."""


def re_net(old: Any) -> torch.nn.Module:
    """PyG's RENet."""
    check_module(old, 1, 1, 1, 1, bias=old.sub_gru.bias)
    return _re_net(layers.RENet, old)


def to_re_net(old: layers.RENet) -> torch.nn.Module:
    """PyG's RENet."""
    require(old.sub_gru.num_layers == 1, "PyG's fails with more than one recurrent layer")
    return _re_net(pyg_nn().models.RENet, old)


def _re_net(kind: Any, old: Any) -> torch.nn.Module:
    sizes = (old.num_nodes, old.num_rels, old.hidden_channels, old.seq_len)
    new = kind(*sizes, old.sub_gru.num_layers, old.dropout, old.sub_gru.bias)
    new.ent, new.rel = old.ent, old.rel
    return _parts(new, old, "sub_gru", "obj_gru", "sub_lin", "obj_lin")


def signed_gcn(old: Any) -> torch.nn.Module:
    """PyG's SignedGCN; its layers themselves are taken over and converted on their own."""
    require(
        old.hidden_channels % 2 == 0, "its embeddings have an odd size, which its halves do not add up to"
    )
    check_module(old, 1, 2, 1)
    return _signed_gcn(layers.SignedGCN, old)


def to_signed_gcn(old: layers.SignedGCN) -> torch.nn.Module:
    """PyG's SignedGCN."""
    return _signed_gcn(pyg_nn().SignedGCN, old)


def _signed_gcn(kind: Any, old: Any) -> torch.nn.Module:
    new = kind(old.in_channels, old.hidden_channels, old.num_layers, old.lamb)
    return _parts(new, old, "conv1", "convs", "lin")


def _parts(new: Any, old: Any, *names: str) -> torch.nn.Module:
    """The modules themselves, so that what is shared stays shared."""
    for name in names:
        setattr(new, name, getattr(old, name))
    result: torch.nn.Module = new
    return result


FROM_PYG: dict[str, Converter] = {
    f"{_HOME}.autoencoder.ARGA": arga,
    f"{_HOME}.autoencoder.ARGVA": argva,
    f"{_HOME}.autoencoder.GAE": gae,
    f"{_HOME}.autoencoder.InnerProductDecoder": inner_product_decoder,
    f"{_HOME}.autoencoder.VGAE": vgae,
    f"{_HOME}.deep_graph_infomax.DeepGraphInfomax": deep_graph_infomax,
    f"{_HOME}.jumping_knowledge.JumpingKnowledge": jumping_knowledge,
    f"{_HOME}.re_net.RENet": re_net,
    f"{_HOME}.signed_gcn.SignedGCN": signed_gcn,
}
TO_PYG: dict[type[torch.nn.Module], Converter] = {
    layers.ARGA: to_arga,
    layers.ARGVA: to_argva,
    layers.DeepGraphInfomax: to_deep_graph_infomax,
    layers.GAE: to_gae,
    layers.InnerProductDecoder: to_inner_product_decoder,
    layers.JumpingKnowledge: to_jumping_knowledge,
    layers.RENet: to_re_net,
    layers.SignedGCN: to_signed_gcn,
    layers.VGAE: to_vgae,
}
