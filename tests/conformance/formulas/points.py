"""EdgeConv, DynamicEdgeConv, PointConv, PPFConv, XConv, MetaLayer as they are written, node by node."""

import torch
from torch import Tensor, nn

from geocompile.layers import DynamicEdgeConv, EdgeConv, MetaLayer, PointConv, PPFConv, XConv
from tests.conformance.formulas import neighbours, reduced, stacked

Sides = Tensor | tuple[Tensor, Tensor]
Features = Tensor | tuple[Tensor | None, Tensor | None] | None


def sides(x: Sides, flow: str = "source_to_target") -> tuple[Tensor, Tensor]:
    """Who sends and who receives."""
    first, second = x if isinstance(x, tuple) else (x, x)
    return (first, second) if flow == "source_to_target" else (second, first)


def edge(conv: EdgeConv, x: Sides, edge_index: Tensor) -> Tensor:
    source, target = sides(x, conv.flow)
    found = [[j for _, j in neighbours(edge_index, conv.flow, node)] for node in range(target.size(0))]
    return of_differences(conv, source, target, found)


def of_differences(
    conv: EdgeConv | DynamicEdgeConv, source: Tensor, target: Tensor, found: list[list[int]]
) -> Tensor:
    like = conv.nn(target.new_zeros(2 * target.size(1)))
    rows = []
    for node, senders in enumerate(found):
        terms = [conv.nn(torch.cat([target[node], source[j] - target[node]])) for j in senders]
        rows.append(reduced(terms, conv.aggr, like))
    return stacked(rows, like.numel())


def dynamic_edge(
    conv: DynamicEdgeConv, x: Sides, batch: Tensor | tuple[Tensor, Tensor] | None = None
) -> Tensor:
    source, target = sides(x)
    graphs = (None, None) if batch is None else sides(batch)
    found = [nearest(source, target, node, conv.k, *graphs) for node in range(target.size(0))]
    return of_differences(conv, source, target, found)


def nearest(
    source: Tensor,
    target: Tensor,
    node: int,
    k: int,
    graph_of_source: Tensor | None = None,
    graph_of_target: Tensor | None = None,
) -> list[int]:
    """The k nearest of the same graph, nearest first, ties by number."""
    distance = [float((source[j] - target[node]).square().sum()) for j in range(source.size(0))]
    same = [
        j
        for j in range(source.size(0))
        if graph_of_source is None or int(graph_of_source[j]) == int(graph_of_target[node])  # type: ignore[index]
    ]
    return sorted(same, key=lambda j: (distance[j], j))[:k]


def senders_with_loop(conv: PointConv | PPFConv, pos: Sides, edge_index: Tensor, node: int) -> list[int]:
    """The neighbours of a node; itself once where loops are added, whatever the edges say."""
    source, target = sides(pos, conv.flow)
    senders = [j for _, j in neighbours(edge_index, conv.flow, node)]
    adds = not isinstance(pos, tuple) if conv.add_self_loops is None else conv.add_self_loops
    if not adds:
        return senders
    return [j for j in senders if j != node] + ([node] if node < min(source.size(0), target.size(0)) else [])


def sending(x: Features, flow: str) -> Tensor | None:
    if not isinstance(x, tuple):
        return x
    return x[0] if flow == "source_to_target" else x[1]


def reduced_points(conv: PointConv | PPFConv, messages: list[list[Tensor]], width: int) -> Tensor:
    """Both networks around the reduction; ``width`` is that of what the first is given."""
    local = conv.local_nn if conv.local_nn is not None else nn.Identity()
    like = local(torch.zeros(width, dtype=torch.float64))
    rows = [reduced([local(h) for h in terms], conv.aggr, like) for terms in messages]
    out = stacked(rows, like.numel())
    return out if conv.global_nn is None else conv.global_nn(out)  # type: ignore[no-any-return]


def point(conv: PointConv, x: Features, pos: Sides, edge_index: Tensor) -> Tensor:
    source, target = sides(pos, conv.flow)
    features = sending(x, conv.flow)
    if features is None:
        features = source.new_empty(source.size(0), 0)
    messages = [
        [torch.cat([features[j], source[j] - target[i]]) for j in senders_with_loop(conv, pos, edge_index, i)]
        for i in range(target.size(0))
    ]
    return reduced_points(conv, messages, features.size(1) + source.size(1))


def ppf(conv: PPFConv, x: Features, pos: Sides, norm: Sides, edge_index: Tensor) -> Tensor:
    (source, target), (sent, received) = sides(pos, conv.flow), sides(norm, conv.flow)
    features = sending(x, conv.flow)
    if features is None:
        features = source.new_empty(source.size(0), 0)
    messages = []
    for i in range(target.size(0)):
        terms = []
        for j in senders_with_loop(conv, pos, edge_index, i):
            d = source[j] - target[i]
            angles = [angle(received[i], d), angle(sent[j], d), angle(received[i], sent[j])]
            terms.append(torch.cat([features[j], torch.stack([d.square().sum().sqrt(), *angles])]))
        messages.append(terms)
    return reduced_points(conv, messages, features.size(1) + 4)


def angle(a: Tensor, b: Tensor) -> Tensor:
    """Twice the angle at the base of the triangle of both unit vectors; 0 of a zero vector."""
    if not a.any() or not b.any():
        return a.new_zeros(())
    a, b = a / a.square().sum().sqrt(), b / b.square().sum().sqrt()
    return 2 * torch.atan2((a - b).square().sum().sqrt(), (a + b).square().sum().sqrt())


def x_conv(conv: XConv, x: Tensor | None, pos: Tensor, batch: Tensor | None = None) -> Tensor:
    k = conv.kernel_size
    rows = []
    for node in range(pos.size(0)):
        found = nearest(pos, pos, node, k * conv.dilation, batch, batch)
        near = [found[min(place * conv.dilation, len(found) - 1)] for place in range(k)]
        where = pos[near] - pos[node]
        m = conv.mlp1
        h = normalised(m[5], elu(mapped(m[3], normalised(m[2], elu(mapped(m[0], where))))))
        if x is not None:
            h = torch.cat([h, x[near]], 1)
        matrix = transformation(conv.mlp2, where, k)
        y = (matrix.T if conv.transposed else matrix) @ h
        rows.append(mapped(conv.conv[2], depthwise(conv.conv[0], y.T)))
    return stacked(rows, conv.out_channels)


def transformation(m: nn.Sequential, where: Tensor, k: int) -> Tensor:
    t = normalised(m[2], elu(mapped(m[0], where.flatten()))).view(k, k)
    t = normalised(m[6], elu(depthwise(m[4], t))).view(k, k)
    return normalised(m[9], depthwise(m[8], t)).view(k, k)


def mapped(linear: nn.Linear, h: Tensor) -> Tensor:
    h = h @ linear.weight.T
    return h if linear.bias is None else h + linear.bias


def elu(h: Tensor) -> Tensor:
    return torch.where(h > 0, h, h.exp() - 1)


def normalised(norm: nn.BatchNorm1d, h: Tensor) -> Tensor:
    return (h - norm.running_mean) / (norm.running_var + norm.eps).sqrt() * norm.weight + norm.bias


def depthwise(conv: nn.Conv1d, rows: Tensor) -> Tensor:
    """Each row times the kernels of its group, ``[rows * depth]``."""
    depth = conv.out_channels // conv.groups
    terms = [rows[n // depth] @ conv.weight[n, 0] + conv.bias[n] for n in range(conv.out_channels)]
    return torch.stack(terms)


def meta(
    layer: MetaLayer,
    x: Tensor,
    edge_index: Tensor,
    edge_attr: Tensor | None = None,
    u: Tensor | None = None,
    batch: Tensor | None = None,
) -> tuple[Tensor | None, ...]:
    """Edges, then nodes, then graphs; each sees what the one before it made."""
    row, col = edge_index
    if layer.edge_model is not None:
        of_edges = (
            None if batch is None else torch.stack([batch[i] for i in row]) if row.numel() else batch[:0]
        )
        edge_attr = layer.edge_model(x[row], x[col], edge_attr, u, of_edges)
    if layer.node_model is not None:
        x = layer.node_model(x, edge_index, edge_attr, u, batch)
    if layer.global_model is not None:
        u = layer.global_model(x, edge_index, edge_attr, u, batch)
    return x, edge_attr, u
