"""RGCNConv, GMMConv, SplineConv, NNConv, CGConv, GINEConv as they are written, node by node and edge by edge."""

import itertools

import torch
from torch import Tensor

from geocompile.layers import CGConv, GINEConv, GMMConv, NNConv, RGCNConv, SplineConv
from tests.conformance.formulas import neighbours, reduced, stacked

Sides = Tensor | tuple[Tensor, Tensor | None]


def sides(x: Sides, flow: str) -> tuple[Tensor, Tensor | None]:
    """Who sends and who receives."""
    first, second = x if isinstance(x, tuple) else (x, x)
    return (first, second) if flow == "source_to_target" else (second, first)


def finished(rows: list[Tensor], conv: torch.nn.Module, root: Tensor | None, target: Tensor | None) -> Tensor:
    """With the term of the node itself, ``target @ root``, and the bias."""
    out = stacked(rows, conv.out_channels)
    if root is not None and target is not None:
        out = out + target @ root
    return out if conv.bias is None else out + conv.bias


def rgcn(
    conv: RGCNConv,
    x: Tensor | tuple[Tensor | None, Tensor] | None,
    edge_index: Tensor,
    edge_type: Tensor,
    edge_norm: Tensor | None = None,
) -> Tensor:
    """A node without features is a row of the identity."""
    first, second = x if isinstance(x, tuple) else (x, x)
    if conv.flow != "source_to_target":
        first, second = second, first
    source = one_hot(first, conv.source_channels)
    target = one_hot(second, source.size(1) if conv.root is None else conv.root.size(0))
    is_learned = first is None or not first.is_floating_point()
    rows = []
    for node in range(target.size(0)):
        row = torch.zeros(conv.out_channels, dtype=torch.float64)
        for relation in range(conv.num_relations):
            edges = neighbours(edge_index, conv.flow, node)
            terms = [(e, source[j]) for e, j in edges if int(edge_type[e]) == relation]
            matrix = relation_matrix(conv, relation)
            if is_learned:
                terms, matrix = [(e, h @ matrix) for e, h in terms], torch.eye(conv.out_channels).double()
            like = source.new_empty(matrix.size(0))
            if edge_norm is None:
                row = row + reduced([h for _, h in terms], conv.aggr, like) @ matrix
            else:
                aggr = "add" if conv.aggr == "mean" else conv.aggr
                row = row + reduced([edge_norm[e] * h for e, h in terms], aggr, like) @ matrix
        rows.append(row)
    return finished(rows, conv, conv.root, target)


def one_hot(x: Tensor | None, channels: int) -> Tensor:
    if x is None:
        return torch.eye(channels, dtype=torch.float64)
    return x if x.is_floating_point() else torch.eye(channels, dtype=torch.float64)[x.long()]


def relation_matrix(conv: RGCNConv, relation: int) -> Tensor:
    if conv.num_bases is not None:
        bases = [conv.comp[relation, b] * conv.weight[b] for b in range(conv.num_bases)]
        return torch.stack(bases).sum(0)
    if conv.num_blocks is not None:
        return torch.block_diag(*conv.weight[relation])
    return conv.weight[relation]


def gmm(
    conv: GMMConv,
    x: Sides,
    edge_index: Tensor,
    edge_attr: Tensor,
    size: tuple[int, int] | None = None,
) -> Tensor:
    source, target = sides(x, conv.flow)
    num_targets = target.size(0) if target is not None else size[1] if size else source.size(0)
    rows = []
    for node in range(num_targets):
        edges = neighbours(edge_index, conv.flow, node)
        terms = [gmm_message(conv, source[j], edge_attr[e]) for e, j in edges]
        rows.append(reduced(terms, conv.aggr, source.new_empty(conv.out_channels)))
    return finished(rows, conv, None if conv.root is None else conv.root.weight.T, target)


def gmm_message(conv: GMMConv, x: Tensor, e: Tensor) -> Tensor:
    """One Gaussian for all channels, or one for each pair of them; the columns of g are ordered accordingly."""
    out, kernels = conv.out_channels, conv.kernel_size
    message = torch.zeros(out, dtype=x.dtype)
    for m in range(out):
        for f, k in itertools.product(range(x.numel()), range(kernels)):
            own = (f, m, k) if conv.separate_gaussians else (k,)
            mu, sigma = conv.mu[own], conv.sigma[own]
            weight = torch.exp(-0.5 * ((e - mu) ** 2 / (1e-15 + sigma**2)).sum())
            column = m * kernels + k if conv.separate_gaussians else k * out + m
            share = weight * conv.g[f, column] * x[f] / (kernels if conv.kernel_average else 1)
            message = message + share * torch.eye(out, dtype=x.dtype)[m]
    return message


def spline(conv: SplineConv, x: Sides, edge_index: Tensor, pseudo: Tensor) -> Tensor:
    source, target = sides(x, conv.flow)
    rows = []
    for node in range(target.size(0)):
        edges = neighbours(edge_index, conv.flow, node)
        terms = [
            source[j]
            @ spline_matrix(conv.weight, conv.kernel_size, conv.is_open_spline, conv.degree, pseudo[e])
            for e, j in edges
        ]
        rows.append(reduced(terms, conv.aggr, source.new_empty(conv.out_channels)))
    return finished(rows, conv, None if conv.lin is None else conv.lin.weight.T, target)


def spline_matrix(
    weight: Tensor, kernel_size: Tensor, is_open: Tensor, degree: int, pseudo: Tensor
) -> Tensor:
    """Every kernel times the product of its B-splines, those far away being 0."""
    matrix = torch.zeros_like(weight[0])
    for number, kernel in enumerate(itertools.product(*(range(n) for n in kernel_size.flip(0).tolist()))):
        basis = torch.ones((), dtype=pseudo.dtype)
        for d, k in enumerate(reversed(kernel)):  # the first dimension runs fastest
            n = int(kernel_size[d])
            v = pseudo[d] * (n - degree * int(is_open[d]))
            # A circle: the spline's own interval, and the one a turn further on.
            basis = basis * sum(b_spline(v - k + degree + turn * n, degree) for turn in range(-1, 2))
        matrix = matrix + basis * weight[number]
    return matrix


def b_spline(v: Tensor, degree: int) -> Tensor:
    """The cardinal B-spline on [0, degree + 1), by the recursion of de Boor and Cox."""
    if degree == 0:
        return ((v >= 0) & (v < 1)).to(v.dtype)
    rising = v * b_spline(v, degree - 1)
    falling = (degree + 1 - v) * b_spline(v - 1, degree - 1)
    return (rising + falling) / degree


def nn(conv: NNConv, x: Sides, edge_index: Tensor, edge_attr: Tensor) -> Tensor:
    source, target = sides(x, conv.flow)
    matrices = conv.nn(edge_attr if edge_attr.dim() == 2 else edge_attr[:, None])
    rows = []
    for node in range(target.size(0)):
        edges = neighbours(edge_index, conv.flow, node)
        terms = [source[j] @ matrices[e].view(-1, conv.out_channels) for e, j in edges]
        rows.append(reduced(terms, conv.aggr, source.new_empty(conv.out_channels)))
    return finished(rows, conv, None if conv.lin is None else conv.lin.weight.T, target)


def cg(conv: CGConv, x: Sides, edge_index: Tensor, edge_attr: Tensor | None = None) -> Tensor:
    source, target = sides(x, conv.flow)
    rows = []
    for node in range(target.size(0)):
        terms = []
        for e, j in neighbours(edge_index, conv.flow, node):
            parts = [target[node], source[j]] + ([] if edge_attr is None else [edge_attr[e]])
            z = torch.cat(parts)
            terms.append(conv.lin_f(z).sigmoid() * (1 + conv.lin_s(z).exp()).log())
        rows.append(reduced(terms, conv.aggr, target[node]))
    out = stacked(rows, target.size(1))
    if conv.bn is not None:
        bn = conv.bn
        out = (out - bn.running_mean) / (bn.running_var + bn.eps).sqrt() * bn.weight + bn.bias
    return out + target


def gine(
    conv: GINEConv, x: Sides, edge_index: Tensor, edge_attr: Tensor, size: tuple[int, int] | None = None
) -> Tensor:
    source, target = sides(x, conv.flow)
    edges = edge_attr if conv.lin is None else edge_attr @ conv.lin.weight.T + conv.lin.bias
    rows = []
    for node in range(target.size(0)):
        incoming = neighbours(edge_index, conv.flow, node)
        terms = [(source[j] + edges[e]).clamp(min=0) for e, j in incoming]
        rows.append((1 + conv.eps) * target[node] + reduced(terms, conv.aggr, target[node]))
    return conv.nn(stacked(rows, target.size(1)))  # type: ignore[no-any-return]
