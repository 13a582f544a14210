"""The recorded values of models, with their weights under our names."""

from types import SimpleNamespace
from typing import Any
from unittest import mock

import torch
from torch import Tensor

from geocompile.layers import (
    ARGA,
    ARGVA,
    GAE,
    VGAE,
    DeepGraphInfomax,
    GCNConv,
    InnerProductDecoder,
    JumpingKnowledge,
    RENet,
    SignedGCN,
    knn_interpolate,
)
from geocompile.layers.data_parallel import cuts_of
from geocompile.layers.models.events import Events
from geocompile.layers.models.signed_spectrum import signs_of
from tests.conformance.golden import Values, assert_golden


class Encoder(torch.nn.Module):
    """conv1, relu, conv2, and conv3 where the record has one."""

    def __init__(self, values: Values) -> None:
        super().__init__()
        self.is_variational = "param.encoder.conv3.weight" in values
        for name in ("conv1", "conv2", "conv3")[: 2 + self.is_variational]:
            weight = values[f"param.encoder.{name}.weight"]
            self.add_module(name, recorded_gcn(weight, values[f"param.encoder.{name}.bias"]))

    def forward(self, x: Tensor, edge_index: Tensor) -> Any:
        h = self.conv1(x, edge_index).relu()
        out = self.conv2(h, edge_index)
        return (out, self.conv3(h, edge_index)) if self.is_variational else out


def recorded_gcn(weight: Tensor, bias: Tensor) -> GCNConv:
    conv = GCNConv(weight.size(0), weight.size(1)).double()
    conv.load_state_dict({"lin.weight": weight.t(), "bias": bias})
    return conv


def graph(values: Values) -> tuple[Tensor, Tensor]:
    return values["in.x"], values["in.edge_index"]


def parts(values: Values, prefix: str) -> dict[str, Tensor]:
    start = f"param.{prefix}"
    return {key.removeprefix(start): value for key, value in values.items() if key.startswith(start)}


def discriminator(values: Values) -> torch.nn.Module:
    network = torch.nn.Sequential(torch.nn.Linear(2, 5), torch.nn.ReLU(), torch.nn.Linear(5, 1)).double()
    network.load_state_dict(parts(values, "discriminator."))
    return network


def check(values: Values, **ours: Any) -> None:
    for name, value in ours.items():
        recorded = values.get(f"doc.{name}", values[f"out.{name}"])
        assert_golden(torch.as_tensor(value, dtype=recorded.dtype), recorded)


def jumping_knowledge(values: Values) -> None:
    mode = "lstm" if "param.att.bias" in values else "cat"
    model = JumpingKnowledge(mode, 4, 3).double()
    model.load_state_dict(parts(values, ""))
    check(values, out=model([values[f"in.xs.{k}"] for k in range(3)]))


def inner_product_decoder(values: Values) -> None:
    decoder, z = InnerProductDecoder(), values["in.z"]
    check(values, out=decoder(z, values["in.edge_index"]), all=decoder.forward_all(z))


def gae(values: Values) -> None:
    model = GAE(Encoder(values))
    z, negative = values["out.z"], values["in.neg_edge_index"]
    auc, ap = model.test(z, values["in.edge_index"][:, :5], negative[:, :6])
    check(
        values,
        z=model.encode(*graph(values)),
        decode_neg=model.decode(z, negative),
        recon_loss=model.recon_loss(z, values["in.edge_index"], negative),
        auc=auc,
        ap=ap,
    )


def split_edges(values: Values) -> None:
    data = SimpleNamespace(edge_index=values["in.data.edge_index"], num_nodes=6)
    data = GAE(torch.nn.Identity()).split_edges(data, 0.2, 0.3)
    positive = [getattr(data, f"{part}_pos_edge_index") for part in ("train", "val", "test")]
    counts = [edges.size(1) for edges in (*positive, data.val_neg_edge_index, data.test_neg_edge_index)]
    union = torch.cat(positive, dim=1)
    order = (union[0] * 6 + union[1]).argsort()
    check(values, counts=[*counts, int(data.train_neg_adj_mask.sum())], all_positive_sorted=union[:, order])


def noise_of(values: Values) -> Any:
    return mock.patch("torch.randn_like", return_value=values["in.noise"])


def vgae(values: Values) -> None:
    model = VGAE(Encoder(values)).eval()
    z, (mu, logvar) = model.encode(*graph(values)), model(*graph(values))
    check(values, z=z, mu=mu, logvar=logvar, kl_loss=model.kl_loss())
    check(values, kl_loss2=model.kl_loss(values["in.mu2"], values["in.logvar2"]))
    check(values, recon_loss=model.recon_loss(z, values["in.edge_index"], values["in.neg_edge_index"]))


def adversarial(values: Values) -> None:
    encoder = Encoder(values)
    model = (ARGVA if encoder.is_variational else ARGA)(encoder, discriminator(values)).eval()
    z = model.encode(*graph(values))
    with noise_of(values):
        check(values, z=z, reg_loss=model.reg_loss(z), discriminator_loss=model.discriminator_loss(z))
    check(values, recon_loss=model.recon_loss(z, values["in.edge_index"], values["in.neg_edge_index"]))
    if isinstance(model, ARGVA):
        check(values, kl_loss=model.kl_loss())


def deep_graph_infomax(values: Values) -> None:
    encoder = recorded_gcn(values["param.encoder.conv.weight"], values["param.encoder.conv.bias"])
    model = DeepGraphInfomax(
        4,
        encoder,
        lambda z, *_: torch.sigmoid(z.mean(dim=0)),
        lambda x, edge_index: (x[values["in.perm"]], edge_index),
    ).double()
    model.weight.data = values["param.weight"]
    pos_z, neg_z, summary = model(*graph(values))
    check(
        values,
        pos_z=pos_z,
        neg_z=neg_z,
        summary=summary,
        disc=model.discriminate(pos_z, summary),
        disc_logit=model.discriminate(neg_z, summary, sigmoid=False),
        loss=model.loss(pos_z, neg_z, summary),
    )


def re_net(values: Values) -> None:
    model = RENet(9, 3, 4, 4, dropout=0.3).double().eval()
    model.load_state_dict(parts(values, ""))
    events = Events(**{name: values[f"in.data.{name}"] for name in Events._fields})
    of_object, of_subject = model(events)
    check(values, log_prob_obj=of_object, log_prob_sub=of_subject)
    recorded = values["out.test"]
    torch.testing.assert_close(model.test(of_object, events.obj), recorded.float(), rtol=1e-6, atol=1e-6)


def pre_transform(values: Values) -> None:
    history = RENet.pre_transform(2)
    events = [
        history(SimpleNamespace(**dict(zip(("sub", "rel", "obj", "t"), row, strict=True))))
        for row in values["in.events"].tolist()
    ]
    names = ("h_sub", "h_sub_t", "h_obj", "h_obj_t")
    check(values, **{name: torch.cat([getattr(event, name) for event in events]) for name in names})
    check(values, **{f"n_{end}": [getattr(e, f"h_{end}").numel() for e in events] for end in ("sub", "obj")})


def data_parallel(values: Values, num_devices: int) -> None:
    cuts = cuts_of(values["in.num_nodes"], num_devices)
    check(
        values,
        device_of_graph=[device for device, (start, end) in enumerate(cuts) for _ in range(start, end)],
    )


def interpolated(values: Values, k: int) -> None:
    arguments = [values.get(f"in.{name}") for name in ("x", "pos_x", "pos_y", "batch_x", "batch_y")]
    check(values, out=knn_interpolate(*arguments, k))  # type: ignore[arg-type]


def signed_gcn(values: Values, lamb: float) -> None:
    """1.2.0 has one matrix for aggregates and own features side by side, and a bias always."""
    state, width = {}, values["in.x"].size(1)
    for key, value in parts(values, "").items():
        layer, _, kind = key.rpartition(".")
        if layer == "lin":
            state[key] = value
        elif kind == "bias":
            state[f"{layer}_r.bias"] = value
        else:
            own = width if layer.startswith("conv1.") else value.size(0)
            state[f"{layer}_l.weight"], state[f"{layer}_r.weight"] = value[:, :-own], value[:, -own:]
    num_layers = 1 + len({key.split(".")[1] for key in state if key.startswith("convs.")})
    model = SignedGCN(width, 6, num_layers, lamb).double()
    model.load_state_dict(state)
    pos, neg, none = (values[f"in.{kind}_edge_index"] for kind in ("pos", "neg", "none"))
    z = model(values["in.x"], pos, neg)
    nll = model.nll_loss(z, pos, neg, none_edge_index=none)
    friends = model.pos_embedding_loss(z, pos, others=values["in.k_pos"])
    foes = model.neg_embedding_loss(z, neg, others=values["in.k_neg"])
    assert_golden((z, model.discriminate(z, none)), (values["out.z"], values["out.logp"]))
    recorded = [values[f"out.{name}"] for name in ("nll", "pos_emb", "neg_emb", "loss")]
    assert_golden([nll, friends, foes, nll + model.lamb * (friends + foes)], recorded)
    assert_golden(
        [torch.tensor(value, dtype=torch.float64) for value in model.test(z, pos, neg)],
        [values["out.auc"], values["out.f1"]],
    )


def spectral_features(values: Values) -> None:
    """Of float32; vectors are known up to their signs, or up to a rotation where singular values are equal."""
    pos, neg = values["in.pos_edge_index"], values["in.neg_edge_index"]
    x = SignedGCN(3, 4, 1).create_spectral_features(pos, neg, 7)
    torch.testing.assert_close((x @ x.t()).double(), values["out.projector"], rtol=1e-5, atol=1e-5)
    edges = torch.cat([pos, neg], dim=1)
    torch.testing.assert_close(
        (signs_of(edges, pos.size(1), 7) @ x.double()).norm(dim=0),
        values["out.singular_values"],
        rtol=1e-5,
        atol=1e-5,
    )
    guessed = SignedGCN(3, 4, 1).create_spectral_features(pos, neg)
    assert torch.equal(guessed, x[: guessed.size(0)])


GOLDEN = {
    "ARGA_0": adversarial,
    "ARGVA_0": adversarial,
    "DataParallel_scatter_0": lambda values: data_parallel(values, 2),
    "DataParallel_scatter_2": lambda values: data_parallel(values, 3),
    "DeepGraphInfomax_0": deep_graph_infomax,
    "GAE_0": gae,
    "GAE_split_edges_0": split_edges,
    "InnerProductDecoder_0": inner_product_decoder,
    "JumpingKnowledge_0": jumping_knowledge,
    "JumpingKnowledge_2": jumping_knowledge,
    "RENet_0": re_net,
    "RENet_pre_transform_0": pre_transform,
    "SignedGCN_0": lambda values: signed_gcn(values, 5),
    "SignedGCN_2": lambda values: signed_gcn(values, 2),
    "SignedGCN_create_spectral_features_0": spectral_features,
    "VGAE_0": vgae,
    "knn_interpolate_0": lambda values: interpolated(values, 3),
    "knn_interpolate_2": lambda values: interpolated(values, 1),
}
