"""Models as they are written: recurrent cells step by step, losses term by term, nearest points by sorting all."""

import math
from typing import Any

import torch
from torch import Tensor

from geocompile.layers import JumpingKnowledge, RENet, SignedGCN
from tests.conformance.formulas import stacked
from tests.conformance.formulas.neighbourhoods import gcn
from tests.conformance.formulas.stacks import signed


def encoded(encoder: Any, x: Tensor, edge_index: Tensor) -> Any:
    h = gcn(encoder.first, x, edge_index).tanh()
    second = gcn(encoder.second, h, edge_index)
    return second if encoder.third is None else (second, gcn(encoder.third, h, edge_index))


def auto_encoder(model: Any, x: Tensor, edge_index: Tensor) -> Any:
    return encoded(model.encoder, x, edge_index)


def mean_of(found: Any) -> Tensor:
    return found[0] if isinstance(found, tuple) else found  # type: ignore[no-any-return]


def sigmoid(value: float | Tensor) -> Tensor:
    return 1 / (1 + torch.exp(-torch.as_tensor(value)))


def products(z: Tensor, pairs: Tensor) -> Tensor:
    return stacked([sum(z[i, c] * z[j, c] for c in range(z.size(1))) for i, j in pairs.t().tolist()])  # type: ignore[misc]


def all_products(z: Tensor) -> Tensor:
    every = torch.cartesian_prod(torch.arange(z.size(0)), torch.arange(z.size(0))).t().reshape(2, -1)
    return products(z, every).view(z.size(0), z.size(0))


def embedding(around: Any, x: Tensor, edge_index: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    z = mean_of(encoded(around.model.encoder, x, edge_index))
    return z, sigmoid(products(z, edge_index)), sigmoid(all_products(z))


def decoding(around: Any, z: Tensor, edge_index: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    value = products(z, edge_index)
    return sigmoid(value), value, sigmoid(all_products(z))


def cross_entropy(positive: list[float], negative: list[float]) -> Tensor:
    """-mean log(p + 1e-15) - mean log(1 - q + 1e-15); of nothing NaN."""
    if not positive or not negative:
        return torch.tensor(math.nan, dtype=torch.float64)
    first = sum(math.log(p + 1e-15) for p in positive) / len(positive)
    second = sum(math.log(1 - q + 1e-15) for q in negative) / len(negative)
    return torch.tensor(-first - second, dtype=torch.float64)


def reconstruction(around: Any, x: Tensor, edge_index: Tensor, pairs: Tensor) -> Tensor:
    z = mean_of(encoded(around.model.encoder, x, edge_index))
    return cross_entropy(*(sigmoid(products(z, given)).tolist() for given in (edge_index, pairs)))


def divergence(around: Any, x: Tensor, edge_index: Tensor, logvar: Tensor) -> tuple[Tensor, Tensor]:
    mu, spread = encoded(around.model.encoder, 2 * x, edge_index)
    return tuple(_divergence(m, s, around.model.logstd) for m, s in ((mu, spread), (x, logvar)))  # type: ignore[return-value]


def _divergence(mu: Tensor, spread: Tensor, is_logstd: bool) -> Tensor:
    rows = []
    for node in range(mu.size(0)):
        terms = []
        for c in range(mu.size(1)):
            variance = math.exp(
                2 * min(float(spread[node, c]), 10.0) if is_logstd else float(spread[node, c])
            )
            terms.append(1 + math.log(variance) - float(mu[node, c]) ** 2 - variance)
        rows.append(sum(terms))
    return torch.tensor(-0.5 * sum(rows) / len(rows) if rows else math.nan, dtype=torch.float64)


def adversary(around: Any, z: Tensor) -> tuple[Tensor, Tensor]:
    with torch.random.fork_rng():
        torch.manual_seed(5)
        noise = torch.randn(z.shape, dtype=z.dtype)
    weight, bias = around.model.discriminator.weight[0], around.model.discriminator.bias
    real, fake = ([float(sigmoid((row * weight).sum() + bias[0])) for row in rows] for rows in (noise, z))
    regular = -sum(math.log(p + 1e-15) for p in fake) / len(fake) if fake else math.nan
    return torch.tensor(regular, dtype=torch.float64), cross_entropy(real, fake)


def deep_graph_infomax(model: Any, x: Tensor, edge_index: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    pos_z = encoded(model.encoder, x, edge_index)
    corrupted = torch.stack([x[-1 - k] for k in range(x.size(0))]) if x.size(0) else x
    total = sum(pos_z, torch.zeros(pos_z.size(1), dtype=x.dtype))
    return pos_z, encoded(model.encoder, corrupted, edge_index), sigmoid(total)


def infomax_loss(around: Any, x: Tensor, edge_index: Tensor) -> tuple[Tensor, Tensor]:
    pos_z, neg_z, summary = deep_graph_infomax(around.model, x, edge_index)
    scores = [
        stacked([sigmoid(torch.einsum("i,ij,j", row, around.model.weight, summary)) for row in z])
        for z in (pos_z, neg_z)
    ]
    return cross_entropy(*(score.tolist() for score in scores)), scores[1]


def jumping_knowledge(around: Any, x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    model: JumpingKnowledge = around.model
    rows = []
    for layers in zip(x, y, z, strict=True):
        if model.mode == "cat":
            rows.append(torch.cat(layers))
        elif model.mode == "max":
            rows.append(torch.stack([max(values) for values in zip(*layers, strict=True)]))
        else:
            rows.append(_attended(model, list(layers)))
    return stacked(rows, x.size(1) * (3 if model.mode == "cat" else 1))


def _attended(model: JumpingKnowledge, layers: list[Tensor]) -> Tensor:
    assert model.lstm is not None
    assert model.att is not None
    ahead = _lstm(model.lstm, "", layers)
    back = _lstm(model.lstm, "_reverse", layers[::-1])[::-1]
    scores = [
        torch.cat(both) @ model.att.weight[0] + model.att.bias[0] for both in zip(ahead, back, strict=True)
    ]
    exponentials = [torch.exp(score - max(scores)) for score in scores]
    return sum(e / sum(exponentials) * h for e, h in zip(exponentials, layers, strict=True))  # type: ignore[return-value]


def _lstm(lstm: Any, suffix: str, steps: list[Tensor]) -> list[Tensor]:
    of_input, of_state, bias, more_bias = (
        getattr(lstm, f"{name}_l0{suffix}") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )
    h = c = torch.zeros(lstm.hidden_size, dtype=torch.float64)
    states = []
    for x in steps:
        i, f, g, o = (of_input @ x + bias + of_state @ h + more_bias).chunk(4)
        c = sigmoid(f) * c + sigmoid(i) * g.tanh()
        h = sigmoid(o) * c.tanh()
        states.append(h)
    return states


def re_net(around: Any, **events: Tensor) -> tuple[Tensor, Tensor]:
    model: RENet = around.model
    results: tuple[list[Tensor], list[Tensor]] = ([], [])
    for event in range(events["sub"].size(0)):
        relation = model.rel[events["rel"][event]]
        for side, result in zip(("sub", "obj"), results, strict=True):
            own = model.ent[events[side][event]]
            steps = [
                torch.cat([own, _mean_met(model, events, side, event, t), relation])
                for t in range(model.seq_len)
            ]
            state = _gru(getattr(model, f"{side}_gru"), steps)
            last = getattr(model, f"{side}_lin")
            logits = last.weight @ torch.cat([own, state, relation])
            logits = logits if last.bias is None else logits + last.bias
            result.append(logits - torch.log(torch.exp(logits).sum()))
    return stacked(results[0], model.num_nodes), stacked(results[1], model.num_nodes)


def signed_gcn(model: SignedGCN, x: Tensor, pos_edge_index: Tensor, neg_edge_index: Tensor) -> Tensor:
    for conv in (model.conv1, *model.convs):
        x = signed(conv, x, pos_edge_index, neg_edge_index)
        x = torch.where(x > 0, x, 0.0)
    return x


def signed_losses(
    around: Any,
    x: Tensor,
    pos_edge_index: Tensor,
    neg_edge_index: Tensor,
    pairs: Tensor,
    pos_others: Tensor,
    neg_others: Tensor,
) -> tuple[Tensor, ...]:
    z = signed_gcn(around.model, x, pos_edge_index, neg_edge_index)
    chances = [_chances(around.model.lin, z, given) for given in (pos_edge_index, neg_edge_index, pairs)]
    kinds = [_mean([-math.log(float(row[k])) for row in rows]) for k, rows in enumerate(chances)]
    return (
        torch.tensor(sum(kinds) / 3, dtype=torch.float64),
        _triplets(z, pos_edge_index, pos_others, 1.0),
        _triplets(z, neg_edge_index, neg_others, -1.0),
        stacked([torch.log(row) for row in chances[2]], 3),
    )


def _chances(lin: Any, z: Tensor, pairs: Tensor) -> list[Tensor]:
    values = [torch.exp(lin.weight @ torch.cat([z[i], z[j]]) + lin.bias) for i, j in pairs.t().tolist()]
    return [value / value.sum() for value in values]


def _triplets(z: Tensor, edges: Tensor, others: Tensor, sign: float) -> Tensor:
    terms = []
    for (i, j), k in zip(edges.t().tolist(), others.tolist(), strict=True):
        near, far = sum((z[i] - z[j]) ** 2), sum((z[i] - z[k]) ** 2)
        terms.append(max(sign * float(near - far), 0.0))
    return torch.tensor(_mean(terms), dtype=torch.float64)


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else math.nan


def _mean_met(model: RENet, events: dict[str, Tensor], side: str, event: int, step: int) -> Tensor:
    met, at, whose = events[f"h_{side}"], events[f"h_{side}_t"], events[f"h_{side}_batch"]
    found = [model.ent[met[k]] for k in range(met.numel()) if at[k] == step and whose[k] == event]
    return torch.stack(found).mean(0) if found else torch.zeros_like(model.ent[0])


def _gru(gru: Any, steps: list[Tensor]) -> Tensor:
    for layer in range(gru.num_layers):
        h = torch.zeros(gru.hidden_size, dtype=torch.float64)
        states = []
        for x in steps:
            of_input, of_state = (getattr(gru, f"weight_{kind}_l{layer}") for kind in ("ih", "hh"))
            of_input, of_state = of_input @ x, of_state @ h
            if gru.bias:
                of_input = of_input + getattr(gru, f"bias_ih_l{layer}")
                of_state = of_state + getattr(gru, f"bias_hh_l{layer}")
            (ir, iz, inew), (hr, hz, hnew) = of_input.chunk(3), of_state.chunk(3)
            update = sigmoid(iz + hz)
            h = (1 - update) * torch.tanh(inew + sigmoid(ir + hr) * hnew) + update * h
            states.append(h)
        steps = states
    return h


def knn_interpolate(
    around: Any,
    x: Tensor,
    grid_x: Tensor,
    grid_y: Tensor,
    batch_x: Tensor | None = None,
    batch_y: Tensor | None = None,
) -> Tensor:
    rows = []
    for q, query in enumerate(grid_y.tolist()):
        near = []
        for p, point in enumerate(grid_x.tolist()):
            if batch_x is None or batch_y is None or batch_x[p] == batch_y[q]:
                near.append((sum((a - b) ** 2 for a, b in zip(point, query, strict=True)) / 64, p))
        near = sorted(near)[: around.k]
        weights = [1 / max(square, 1e-16) for square, _ in near]
        terms = [w / sum(weights) * x[p] for w, (_, p) in zip(weights, near, strict=True)]
        rows.append(torch.stack(terms).sum(0) if terms else torch.zeros(x.size(1), dtype=x.dtype))
    return stacked(rows, x.size(1))


def data_parallel(model: Any, data_list: list[Any]) -> Tensor:
    lin = model.module.lin
    return torch.stack([data.x.sum(0) @ lin.weight.T + lin.bias for data in data_list])
