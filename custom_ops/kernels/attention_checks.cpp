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

}  // namespace geocompile
