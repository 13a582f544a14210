"""GCNConv, GraphConv, SAGEConv, GINConv, GATConv as they are written, node by node and term by term."""

from collections.abc import Callable

import torch
from torch import Tensor

from geocompile.layers import GATConv, GATv2Conv, GCNConv, GINConv, GraphConv, SAGEConv
from tests.conformance.formulas import neighbours, reduced, stacked

Formula = Callable[..., Tensor]


def gcn(conv: GCNConv, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None = None) -> Tensor:
    source, target = edge_index if conv.flow == "source_to_target" else edge_index.flip(0)
    doubled = conv.improved and not (conv.improved_needs_edge_weight and edge_weight is None)
    values = torch.ones(edge_index.size(1), dtype=x.dtype) if edge_weight is None else edge_weight
    edges = list(zip(source.tolist(), target.tolist(), values.tolist(), strict=True))
    if conv.add_self_loops:
        loops = {j: w for j, i, w in edges if i == j}
        edges = [edge for edge in edges if edge[0] != edge[1]]
        edges += [(i, i, loops.get(i, 2.0 if doubled else 1.0)) for i in range(x.size(0))]
    degree = torch.zeros(x.size(0), dtype=x.dtype)
    for _, i, w in edges:
        degree[i] += w
    scale = torch.where(degree > 0, degree.pow(-0.5), 0.0) if conv.normalize else torch.ones_like(degree)
    h = x @ conv.lin.weight.T
    rows = []
    for node in range(x.size(0)):
        terms = [scale[i] * w * scale[j] * h[j] for j, i, w in edges if i == node]
        rows.append(reduced(terms, conv.aggr, h.new_empty(h.size(1))))
    return with_bias(stacked(rows, conv.out_channels), conv.bias)


def graph(
    conv: GraphConv,
    x: Tensor | tuple[Tensor, Tensor | None],
    edge_index: Tensor,
    edge_weight: Tensor | None = None,
) -> Tensor:
    first, second = x if isinstance(x, tuple) else (x, x)
    source, target = (first, second) if conv.flow == "source_to_target" else (second, first)
    values = torch.ones(edge_index.size(1), dtype=torch.float64) if edge_weight is None else edge_weight
    rows = []
    for node in range(target.size(0)):
        sent = [values[e] * source[j] for e, j in neighbours(edge_index, conv.flow, node)]
        if conv.weight_after:
            row = conv.lin_rel.weight @ reduced(sent, conv.aggr, source.new_empty(source.size(1)))
        else:
            terms = [conv.lin_rel.weight @ h for h in sent]
            row = reduced(terms, conv.aggr, source.new_empty(conv.out_channels))
        rows.append(row + conv.lin_root.weight @ target[node])
    return with_bias(stacked(rows, conv.out_channels), conv.lin_rel.bias)


def sage(conv: SAGEConv, x: Tensor | tuple[Tensor, Tensor], edge_index: Tensor) -> Tensor:
    source, target = x if isinstance(x, tuple) else (x, x)
    h = source if conv.lin is None else (source @ conv.lin.weight.T + conv.lin.bias).relu()
    rows = []
    for node in range(target.size(0)):
        sending = [j for _, j in neighbours(edge_index, conv.flow, node)]
        if conv.add_self_loops:
            sending = [j for j in sending if j != node] + [node]
        row = conv.lin_l.weight @ reduced([h[j] for j in sending], conv.aggr, h.new_empty(h.size(1)))
        row = with_bias(row, conv.lin_l.bias)
        if conv.lin_r is not None:
            row = row + conv.lin_r.weight @ target[node]
        rows.append(row / row.norm().clamp(min=1e-12) if conv.normalize else row)
    return stacked(rows, conv.out_channels)


def gin(conv: GINConv, x: Tensor | tuple[Tensor, Tensor], edge_index: Tensor) -> Tensor:
    source, target = x if isinstance(x, tuple) else (x, x)
    rows = []
    for node in range(target.size(0)):
        terms = [source[j] for _, j in neighbours(edge_index, conv.flow, node)]
        rows.append((1 + conv.eps) * target[node] + reduced(terms, conv.aggr, target[node]))
    return conv.nn(stacked(rows, target.size(1)))  # type: ignore[no-any-return]


def gat(
    conv: GATConv, x: Tensor | tuple[Tensor, Tensor], edge_index: Tensor, edge_attr: Tensor | None = None
) -> Tensor:
    source, target = x if isinstance(x, tuple) else (x, x)
    is_pair = conv.lin is None
    h = source @ (conv.lin_src if is_pair else conv.lin).weight.T
    h = h.view(-1, conv.heads, conv.out_channels)
    own = (target @ (conv.lin_dst if is_pair else conv.lin).weight.T).view(-1, conv.heads, conv.out_channels)
    rows = []
    for node in range(target.size(0)):
        incoming = neighbours(edge_index, conv.flow, node)
        features = [None if edge_attr is None else edge_attr[e] for e, _ in incoming]
        terms = list(zip([j for _, j in incoming], features, strict=True))
        if conv.add_self_loops and node < source.size(0):
            terms = [term for term in terms if term[0] != node]
            terms.append((node, loop_features(conv, [f for _, f in terms], edge_attr)))
        rows.append(attended(conv, h, own[node], terms))
    out = stacked(rows, conv.heads, conv.out_channels)
    out = out.flatten(1) if conv.concat else out.mean(1)
    if conv.res is not None:
        out = out + target @ conv.res.weight.T
    return with_bias(out, conv.bias)


def loop_features(
    conv: GATConv | GATv2Conv, others: list[Tensor | None], edge_attr: Tensor | None
) -> Tensor | None:
    if edge_attr is None:
        return None
    if isinstance(conv.fill_value, str):
        found = [other for other in others if other is not None]
        return reduced(found, conv.fill_value, edge_attr.new_empty(edge_attr.size(1)))
    return torch.as_tensor(conv.fill_value, dtype=edge_attr.dtype).expand(edge_attr.size(1))


def attended(conv: GATConv, h: Tensor, own: Tensor, terms: list[tuple[int, Tensor | None]]) -> Tensor:
    if not terms:
        return torch.zeros_like(own)
    scores = []
    for j, feature in terms:
        score = (conv.att_dst[0] * own).sum(-1) + (conv.att_src[0] * h[j]).sum(-1)
        if feature is not None and conv.lin_edge is not None:
            projected = (conv.lin_edge.weight @ feature).view(conv.heads, conv.out_channels)
            score = score + (conv.att_edge[0] * projected).sum(-1)
        scores.append(torch.where(score > 0, score, conv.negative_slope * score))
    alpha = torch.stack(scores).softmax(0)
    return (alpha.unsqueeze(-1) * torch.stack([h[j] for j, _ in terms])).sum(0)


def with_bias(out: Tensor, bias: Tensor | None) -> Tensor:
    return out if bias is None else out + bias


def of_each(formula: Formula) -> Formula:
    """The formula on each of the features that are stacked in front of the nodes."""

    def stacked_formula(conv: torch.nn.Module, x: Tensor, edge_index: Tensor) -> Tensor:
        return torch.stack([formula(conv, part, edge_index) for part in x])

    return stacked_formula


def with_zeros(formula: Formula) -> Formula:
    """The formula where receiving nodes have no features: as with zeros, which no linear map turns into something."""

    def sized_formula(
        conv: torch.nn.Module, x: tuple[Tensor, None], edge_index: Tensor, size: tuple[int, int]
    ) -> Tensor:
        in_channels = getattr(conv, "in_channels", None)  # GINConv has none
        channels = in_channels[1] if isinstance(in_channels, tuple) else x[0].size(1)
        return formula(conv, (x[0], x[0].new_zeros(size[1], channels)), edge_index)

    return sized_formula
