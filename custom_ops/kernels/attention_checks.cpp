#include "checker.h"
#include "checks.h"

namespace geocompile {

void check_segment_softmax(const TensorInfo& src, const TensorInfo& rowptr, const std::optional<TensorInfo>& perm) {
  Checker check("segment_softmax");
  check.values(src);
  check.rowptr(rowptr);
  if (perm) {
    check.index_vector(*perm);
    check.same_dtype(rowptr, *perm);
  }
}

namespace {

// One value per head for each of `length` rows or edges.
void check_heads(const Checker& check, const TensorInfo& t, int64_t length, int64_t heads, const char* what) {
  check.require(t.rank == 2 && t.size(0) == length && t.size(1) == heads, "'", t.name, "' must have shape [", length,
                ", ", heads, "] (", what, ", heads), got ", Checker::shape_of(t));
}

}  // namespace

void check_gat_scores(const char* op, const GatInfo& in) {
  Checker check(op);
  check.rowptr(in.rowptr);
  check.index_vector(in.col);
  check.same_dtype(in.rowptr, in.col);
  check.values(in.source);
  check.require(in.source.rank == 2, "'source' must have shape [sources, heads], got ", Checker::shape_of(in.source));
  const int64_t num_rows = in.rowptr.size(0) - 1, heads = in.source.size(1);
  check.same_dtype(in.source, in.target);
  check_heads(check, in.target, num_rows, heads, "rows");
  if (in.edge) {
    check.same_dtype(in.source, *in.edge);
    check_heads(check, *in.edge, in.col.size(0), heads, "edges");
  }
  check.require(!in.self_edge || in.self_loops,
                "'self_edge' belongs to self-loops; pass self_loops=True or leave it out");
  check.require(!in.self_loops || in.source.size(0) == num_rows, "self_loops needs a square graph, got ",
                in.source.size(0), " rows of 'source' and ", num_rows, " rows of 'rowptr'");
  if (in.self_edge) {
    check.same_dtype(in.source, *in.self_edge);
    check_heads(check, *in.self_edge, num_rows, heads, "rows");
  }
}

void check_gat_aggregate(const TensorInfo& x, const GatInfo& in) {
  Checker check("gat_aggregate");
  check.values(x);
  check.require(x.rank == 3, "'x' must have shape [sources, heads, channels], got ", Checker::shape_of(x));
  check.same_dtype(x, in.source);
  check_gat_scores("gat_aggregate", in);
  check_heads(check, in.source, x.size(0), x.size(1), "as in 'x': sources");
}

namespace {

void check_graph(const Checker& check, const TensorInfo& rowptr, const TensorInfo& col) {
  check.rowptr(rowptr);
  check.index_vector(col);
  check.same_dtype(rowptr, col);
}

// [length, heads, any number of channels].
void check_per_head(const Checker& check, const TensorInfo& t, int64_t length, int64_t heads, const char* what) {
  check.require(t.rank == 3 && t.size(0) == length && t.size(1) == heads, "'", t.name, "' must have shape [", length,
                ", ", heads, ", channels] (", what, ", heads, channels), got ", Checker::shape_of(t));
}

// Features of the edges, [edges, channels].
int64_t edge_channels_of(const Checker& check, const TensorInfo& edge, int64_t num_edges) {
  check.require(edge.rank == 2 && edge.size(0) == num_edges, "'edge' must have shape [", num_edges,
                ", channels] (edges, channels), got ", Checker::shape_of(edge));
  return edge.size(1);
}

}  // namespace

void check_dot_scores(const char* op, const DotInfo& in) {
  Checker check(op);
  check.values(in.query);
  check.require(in.query.rank == 3, "'query' must have shape [rows, heads, channels], got ",
                Checker::shape_of(in.query));
  check.same_dtype(in.query, in.key);
  check_graph(check, in.rowptr, in.col);
  const int64_t num_rows = in.rowptr.size(0) - 1, heads = in.query.size(1), channels = in.query.size(2);
  check.require(in.query.size(0) == num_rows, "'query' must have one row per row of 'rowptr' (", num_rows,
                "), got shape ", Checker::shape_of(in.query));
  check.require(in.key.rank == 3 && in.key.size(1) == heads && in.key.size(2) == channels,
                "'key' must have shape [sources, ", heads, ", ", channels, "] (heads and channels of 'query'), got ",
                Checker::shape_of(in.key));
  check.require(in.edge.has_value() == in.edge_query.has_value(),
                "'edge' and 'edge_query' go together; pass both or neither");
  if (!in.edge) return;
  check.same_dtype(in.query, *in.edge);
  check.same_dtype(in.query, *in.edge_query);
  const int64_t edge_channels = edge_channels_of(check, *in.edge, in.col.size(0));
  check_per_head(check, *in.edge_query, num_rows, heads, "rows");
  check.require(in.edge_query->size(2) == edge_channels, "'edge_query' must have the channels of 'edge' (",
                edge_channels, "), got shape ", Checker::shape_of(*in.edge_query));
}

void check_additive_scores(const char* op, const AdditiveInfo& in) {
  Checker check(op);
  check.values(in.target);
  check.require(in.target.rank == 3, "'target' must have shape [rows, heads, channels], got ",
                Checker::shape_of(in.target));
  const int64_t heads = in.target.size(1), channels = in.target.size(2);
  check.same_dtype(in.target, in.source);
  check.require(in.source.rank == 3 && in.source.size(1) == heads && in.source.size(2) == channels,
                "'source' must have shape [sources, ", heads, ", ", channels,
                "] (heads and channels of 'target'), got ", Checker::shape_of(in.source));
  if (in.att) {
    check.same_dtype(in.target, *in.att);
    check.require(in.att->rank == 2 && in.att->size(0) == heads && in.att->size(1) == channels,
                  "'att' must have shape [", heads, ", ", channels, "] (heads, channels), got ",
                  Checker::shape_of(*in.att));
  }
  check.index_vector(in.col);
  if (in.rowptr) {
    check_graph(check, *in.rowptr, in.col);
    const int64_t num_rows = in.rowptr->size(0) - 1;
    check.require(in.target.size(0) == num_rows, "'target' must have one row per row of 'rowptr' (", num_rows,
                  "), got shape ", Checker::shape_of(in.target));
  }
  check.require(in.edge.has_value() == in.edge_weight.has_value(),
                "'edge' and 'edge_weight' go together; pass both or neither");
  if (!in.edge) return;
  check.same_dtype(in.target, *in.edge);
  check.same_dtype(in.target, *in.edge_weight);
  const int64_t edge_channels = edge_channels_of(check, *in.edge, in.col.size(0));
  const TensorInfo& weight = *in.edge_weight;
  check.require(
      weight.rank == 3 && weight.size(0) == heads && weight.size(1) == channels && weight.size(2) == edge_channels,
      "'edge_weight' must have shape [", heads, ", ", channels, ", ", edge_channels,
      "] (heads, channels, channels of 'edge'), got ", Checker::shape_of(weight));
}

namespace {

// Gradients are computed in the type of sums: halves are widened before.
void check_gradient(const Checker& check, const TensorInfo& weight, const AdditiveInfo& in) {
  check.require(!is_half(in.target.dtype), "'target' must be float32 or float64, got ", name_of(in.target.dtype));
  check.same_dtype(in.target, weight);
  check_heads(check, weight, in.col.size(0), in.target.size(1), "edges");
}

}  // namespace

void check_additive_sums(const TensorInfo& weight, const AdditiveInfo& in) {
  check_additive_scores("additive_sums", in);
  check_gradient(Checker("additive_sums"), weight, in);
}

void check_additive_edge_gradients(const TensorInfo& weight, const TensorInfo& row, const AdditiveInfo& in) {
  check_additive_scores("additive_edge_gradients", in);
  const Checker check("additive_edge_gradients");
  check_gradient(check, weight, in);
  check.index_vector(row);
  check.same_dtype(in.col, row);
  check.vector_of(row, in.col.size(0), "as many as 'col'");
}

void check_dot_attention(const TensorInfo& value, const DotInfo& in) {
  check_dot_scores("dot_attention", in);
  Checker check("dot_attention");
  check.same_dtype(in.query, value);
  check_per_head(check, value, in.key.size(0), in.key.size(1), "as in 'key': sources");
}

}  // namespace geocompile
