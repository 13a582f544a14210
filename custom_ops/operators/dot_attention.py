"""Dot-product attention over the edges of a graph: its coefficients, and the sums that they weight, fused."""

import torch
from torch import Tensor

from geocompile.custom_ops.operators.csr import row_of_each_edge
from geocompile.custom_ops.operators.halves import in_float32, widened
from geocompile.custom_ops.operators.library import same_device
from geocompile.custom_ops.operators.softmax import softmax_of_rows
from geocompile.custom_ops.registry import Operator, register


def dot_coefficients(
    query: Tensor,
    key: Tensor,
    rowptr: Tensor,
    col: Tensor,
    scale: float = 1.0,
    edge_query: Tensor | None = None,
    edge: Tensor | None = None,
) -> Tensor:
    """Attention coefficients of scaled dot products, the softmax of scores over the edges of each row.

    ``score[p] = scale * (<query[i], key[col[p]]> + <edge_query[i], edge[p]>)`` for p in row i, for each head. For
    training with dropout: drop some of them and hand them to `gather_segment_reduce` as weights per head.

    Args:
        query: ``[num_rows, heads, channels]`` float32, float64, float16 or bfloat16 (halves are computed in float32).
        key: ``[num_sources, heads, channels]``, dtype of `query`.
        rowptr: ``[num_rows + 1]`` int64 or int32, from `csr_from_coo`.
        col: ``[num_edges]``, dtype of `rowptr`, the source of each edge in row order, below num_sources.
        scale: What the products are multiplied by, often ``channels ** -0.5``.
        edge_query: ``[num_rows, heads, edge_channels]``, dtype of `query`; given with `edge`, or None.
        edge: ``[num_edges, edge_channels]``, dtype of `query`, features of the edges in row order, or None.

    Returns:
        ``[num_edges, heads]`` in row order, dtype of `query`.

    Raises:
        ValueError: For a wrong dtype or shape.
        IndexError: For a `rowptr` or `col` that points outside.

    Source: Vaswani et al., "Attention is all you need" (2017); over the edges of a graph: Shi et al., "Masked label
    prediction" (2021).
    """
    return torch.ops.geocompile.dot_coefficients(  # type: ignore[no-any-return]
        query, key, rowptr, col, scale, edge_query, edge
    )


def dot_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    rowptr: Tensor,
    col: Tensor,
    scale: float = 1.0,
    edge_query: Tensor | None = None,
    edge: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Dot-product attention over edges: ``out[i] = sum_p alpha[p] value[col[p]]`` for p in row i, for each head.

    ``alpha`` is that of `dot_coefficients`, and with `edge` there is also ``edge_out[i] = sum_p alpha[p] edge[p]``.
    Nothing is stored per edge. A row without edges gives 0. The order of summation is fixed: the same input gives the
    same bits for any number of threads.

    Keys and values with a linear share of edge features, as in PyG's ``TransformerConv``, need no tensor per edge and
    channel: with ``edge_query[i] = W^T query[i]`` the scores are those of ``key[j] + W edge[p]``, and
    ``out[i] + W edge_out[i]`` is the sum of ``value[j] + W edge[p]``.

    Args:
        query: ``[num_rows, heads, channels]`` float32, float64, float16 or bfloat16 (halves are computed in float32).
        key: ``[num_sources, heads, channels]``, dtype of `query`.
        value: ``[num_sources, heads, value_channels]``, dtype of `query`.
        rowptr: ``[num_rows + 1]`` int64 or int32, from `csr_from_coo`.
        col: ``[num_edges]``, dtype of `rowptr`, the source of each edge in row order, below num_sources.
        scale: What the products are multiplied by, often ``channels ** -0.5``.
        edge_query: ``[num_rows, heads, edge_channels]``, dtype of `query`; given with `edge`, or None.
        edge: ``[num_edges, edge_channels]``, dtype of `query`, features of the edges in row order, or None.

    Returns:
        ``out [num_rows, heads, value_channels]`` and ``edge_out [num_rows, heads, edge_channels]`` (no channels
        without `edge`), dtype of `query`.

    Raises:
        ValueError: For a wrong dtype or shape.
        IndexError: For a `rowptr` or `col` that points outside.

    Source: Vaswani et al., "Attention is all you need" (2017); over the edges of a graph: Shi et al., "Masked label
    prediction" (2021), PyG's ``TransformerConv``.
    """
    return torch.ops.geocompile.dot_attention(  # type: ignore[no-any-return]
        query, key, value, rowptr, col, scale, edge_query, edge
    )


def cosine_attention(x: Tensor, rowptr: Tensor, col: Tensor, beta: Tensor | float = 1.0) -> Tensor:
    """Attention by cosine similarity: ``out[i] = sum_p alpha[p] x[col[p]]``, p in row i.

    ``alpha`` is the softmax over the row of ``beta * cos(x[i], x[col[p]])``; the cosine with a zero vector is 0,
    and so is its derivative.

    Args:
        x: ``[num_nodes, channels]`` or ``[num_nodes, heads, channels]`` float32, float64, float16 or bfloat16 (halves
            are computed in float32, their gradients too).
        rowptr: ``[num_rows + 1]`` int64 or int32, from `csr_from_coo`; rows behind those of the nodes attend as zero
            vectors.
        col: ``[num_edges]``, dtype of `rowptr`, the source of each edge in row order, below num_nodes.
        beta: A number, or a tensor of one element or one per head (a parameter).

    Returns:
        The shape and dtype of `x`, but for num_rows in place of num_nodes.

    Raises:
        ValueError: For a wrong dtype or shape.
        IndexError: For a `rowptr` or `col` that points outside.

    Source: Thekumparampil et al., "Attention-based graph neural network for semi-supervised learning" (2018), PyG's
    ``AGNNConv``.
    """
    _check_cosine(x, beta)
    nodes = x.unsqueeze(1) if x.dim() == 2 else x
    # In a half a norm overflows, what bounds it from below would be 0, and gradients of small vectors are subnormal.
    wide = widened(nodes)
    norm = torch.linalg.vector_norm(wide, dim=2, keepdim=True)
    # Infinitely long, a zero vector has the direction 0 and the derivative 0.
    direction = wide / norm.clamp_min(1e-12).masked_fill(norm == 0, torch.inf)
    scaled = direction * widened(beta).view(-1, 1) if isinstance(beta, Tensor) else direction * beta
    num_more = rowptr.size(0) - 1 - x.size(0)
    if num_more > 0:
        scaled = torch.nn.functional.pad(scaled, [0, 0, 0, 0, 0, num_more])
    out, _ = dot_attention(scaled, direction, wide, rowptr, col)
    out = out.to(x.dtype)
    return out.squeeze(1) if x.dim() == 2 else out


def _check_cosine(x: Tensor, beta: Tensor | float) -> None:
    if not x.is_floating_point() or (x.dim() != 2 and x.dim() != 3):
        raise ValueError(
            "geocompile.cosine_attention: 'x' must be floats of shape [num_nodes, channels] or [num_nodes, heads, "
            f"channels], got {x.dtype} of shape {list(x.shape)}"
        )
    if isinstance(beta, Tensor):
        heads = x.size(1) if x.dim() == 3 else 1
        if beta.numel() != 1 and beta.numel() != heads:
            raise ValueError(
                "geocompile.cosine_attention: 'beta' must be a number, or a tensor of one element or one for each of "
                f"{heads} heads, got shape {list(beta.shape)}"
            )


@in_float32
def dot_coefficients_reference(
    query: Tensor,
    key: Tensor,
    rowptr: Tensor,
    col: Tensor,
    scale: float = 1.0,
    edge_query: Tensor | None = None,
    edge: Tensor | None = None,
) -> Tensor:
    """The meaning of `dot_coefficients`."""
    rows = row_of_each_edge(rowptr, col)
    scores = (query[rows] * key[col]).sum(2)
    if edge is not None and edge_query is not None:
        scores = scores + (edge_query[rows] * edge.unsqueeze(1)).sum(2)
    return softmax_of_rows(scores * scale, rows, query.size(0))


@in_float32
def dot_attention_reference(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    rowptr: Tensor,
    col: Tensor,
    scale: float = 1.0,
    edge_query: Tensor | None = None,
    edge: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """The meaning of `dot_attention`."""
    alpha = dot_coefficients_reference(query, key, rowptr, col, scale, edge_query, edge).unsqueeze(2)
    features = value.new_empty((col.size(0), 0)) if edge is None else edge
    rows = row_of_each_edge(rowptr, col)
    out = value.new_zeros((query.size(0), *value.shape[1:]))
    edge_out = value.new_zeros((*query.shape[:2], features.size(1)))
    return (
        out.index_add(0, rows, alpha * value[col]),
        edge_out.index_add(0, rows, alpha * features.unsqueeze(1)),
    )


def _fake_dot_coefficients(
    query: Tensor,
    key: Tensor,
    rowptr: Tensor,
    col: Tensor,
    scale: float = 1.0,
    edge_query: Tensor | None = None,
    edge: Tensor | None = None,
) -> Tensor:
    tensors = {
        "query": query,
        "key": key,
        "rowptr": rowptr,
        "col": col,
        "edge_query": edge_query,
        "edge": edge,
    }
    same_device("dot_coefficients", **tensors)
    return query.new_empty((col.size(0), query.size(1)))


def _fake_dot_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    rowptr: Tensor,
    col: Tensor,
    scale: float = 1.0,
    edge_query: Tensor | None = None,
    edge: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    tensors = {
        "query": query,
        "key": key,
        "rowptr": rowptr,
        "col": col,
        "edge_query": edge_query,
        "edge": edge,
    }
    same_device("dot_attention", value=value, **tensors)
    rows, heads = rowptr.size(0) - 1, query.size(1)
    edge_channels = 0 if edge is None else edge.size(1)
    return query.new_empty((rows, heads, value.size(2))), query.new_empty((rows, heads, edge_channels))


torch.library.register_fake("geocompile::dot_coefficients", _fake_dot_coefficients)
torch.library.register_fake("geocompile::dot_attention", _fake_dot_attention)
for _name in ("dot_coefficients", "dot_attention"):
    torch.library.register_autocast(f"geocompile::{_name}", "cpu", torch.float32)
_TYPES = ("DotCoefficients", "DotCoefficientsEdge")
register(Operator("dot_coefficients", dot_coefficients_reference, True, _TYPES, {"col": "key"}))
_TYPES = ("DotAttention", "DotAttentionEdge")
register(Operator("dot_attention", dot_attention_reference, True, _TYPES, {"col": "key"}))

from geocompile.custom_ops.operators import dot_attention_backward as dot_attention_backward  # noqa: E402
