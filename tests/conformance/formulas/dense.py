"""DenseSAGEConv, dense_diff_pool as they are written, graph by graph and node by node."""

import torch
from torch import Tensor

from geocompile.layers import DenseSAGEConv


def sage(
    conv: DenseSAGEConv, x: Tensor, adj: Tensor, mask: Tensor | None = None, add_loop: bool = True
) -> Tensor:
    x, adj = (t.unsqueeze(0) if t.dim() == 2 else t for t in (x, adj))
    num_graphs, num_nodes = max(x.size(0), adj.size(0)), adj.size(1)
    out = torch.zeros(num_graphs, num_nodes, conv.out_channels, dtype=torch.float64)
    for b in range(num_graphs):
        features, matrix = x[b % x.size(0)], adj[b % adj.size(0)].clone()
        for i in range(num_nodes):
            if add_loop and conv.lin_root is None:
                matrix[i, i] = 1.0
            row = dense_node(conv, features, matrix[i], i)
            out[b, i] = row if mask is None or mask[b, i] else 0.0
    return out


def dense_node(conv: DenseSAGEConv, x: Tensor, weights: Tensor, node: int) -> Tensor:
    total = max(float(weights.sum()), conv.min_degree)
    mean = sum((weights[j] / total * x[j] for j in range(x.size(0)) if total), torch.zeros_like(x[0]))
    row = conv.lin_rel.weight @ mean
    for lin in (conv.lin_rel, conv.lin_root):
        if lin is not None and lin.bias is not None:
            row = row + lin.bias
    if conv.lin_root is not None:
        row = row + conv.lin_root.weight @ x[node]
    return row / row.norm().clamp(min=1e-12) if conv.normalize else row


def diff_pool(
    module: torch.nn.Module, x: Tensor, adj: Tensor, s: Tensor, mask: Tensor | None = None
) -> tuple[Tensor, ...]:
    x, adj, s = (t.unsqueeze(0) if t.dim() == 2 else t for t in (x, adj, s))
    num_graphs, num_nodes, num_clusters = s.shape
    out = x.new_zeros(num_graphs, num_clusters, x.size(2))
    out_adj = x.new_zeros(num_graphs, num_clusters, num_clusters)
    square, entropy = x.new_zeros(()), x.new_zeros(())
    for b in range(num_graphs):
        share = torch.stack([row.exp() / row.exp().sum() for row in s[b]]) if num_nodes else s[b]
        if mask is not None:
            share = share * mask[b].to(x.dtype).unsqueeze(1)
        for i in range(num_nodes):
            present = share[i][share[i] > 0]
            entropy = entropy - (present * present.log()).sum()
            for c in range(num_clusters):
                out[b, c] += share[i, c] * x[b, i]
            for j in range(num_nodes):
                out_adj[b] += adj[b, i, j] * torch.outer(share[i], share[j])
                square = square + (adj[b, i, j] - share[i] @ share[j]) ** 2
    divisor = adj.numel() if module.normalize else 1
    return out, out_adj, square.sqrt() / divisor, entropy / (num_graphs * num_nodes)
