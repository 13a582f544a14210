#include "checks.h"

#include "checker.h"

namespace geocompile {

void check_csr_from_coo(const TensorInfo& index, const TensorInfo& like, const std::optional<TensorInfo>& other) {
  Checker check("csr_from_coo");
  check.index_vector(index);
  check.require(like.rank >= 1, "'like' must have at least one dimension: its first one is the number of rows");
  check.fits(static_cast<double>(like.size(0)) * size_of(index.dtype), "a 'rowptr' of ", like.size(0), " rows");
  if (other) {
    check.index_vector(*other);
    check.same_dtype(index, *other);
    check.vector_of(*other, index.size(0), "as many as 'index'");
  }
}

void check_batch_ptr(const TensorInfo& batch) { Checker("batch_ptr").index_vector(batch); }

void check_segment_reduce(const TensorInfo& src, const TensorInfo& rowptr, const std::optional<TensorInfo>& perm) {
  Checker check("segment_reduce");
  check.values(src);
  check.rowptr(rowptr);
  if (perm) {
    check.index_vector(*perm);
    check.same_dtype(rowptr, *perm);
  }
}

void check_gather_segment_reduce(const char* op, const TensorInfo& x, const TensorInfo& rowptr, const TensorInfo& col,
                                 const std::optional<TensorInfo>& weight,
                                 const std::optional<TensorInfo>& self_weight) {
  Checker check(op);
  check.values(x);
  check.rowptr(rowptr);
  check.index_vector(col);
  check.same_dtype(rowptr, col);
  if (weight) check.weights(*weight, x, col.size(0), "one per edge");
  if (self_weight) {
    check.weights(*self_weight, x, rowptr.size(0) - 1, "one per row");
    if (weight)
      check.require(weight->rank == self_weight->rank,
                    "'weight' and 'self_weight' must both have heads or neither, got shapes ",
                    Checker::shape_of(*weight), " and ", Checker::shape_of(*self_weight));
    check.require(x.size(0) == rowptr.size(0) - 1, "'self_weight' needs a square graph, got ", x.size(0),
                  " rows of 'x' and ", rowptr.size(0) - 1, " rows of 'rowptr'");
  }
}

void check_edge_dot(const TensorInfo& a, const TensorInfo& b, const TensorInfo& rowptr, const TensorInfo& col,
                    bool per_head) {
  Checker check("edge_dot");
  check.values(a);
  check.values(b);
  check.same_dtype(a, b);
  check.rowptr(rowptr);
  check.index_vector(col);
  check.same_dtype(rowptr, col);
  check.require(a.size(0) == rowptr.size(0) - 1, "'a' must have one row per row of 'rowptr' (", rowptr.size(0) - 1,
                "), got shape ", Checker::shape_of(a));
  bool same_channels = a.rank == b.rank;
  for (int64_t d = 1; same_channels && d < a.rank; ++d) same_channels = a.size(d) == b.size(d);
  check.require(!per_head || a.rank >= 2, "'a' must have shape [rows, heads, ...], got ", Checker::shape_of(a));
  check.require(same_channels, "'a' and 'b' must have the same channels, got shapes ", Checker::shape_of(a), " and ",
                Checker::shape_of(b));
}

void check_gcn_norm(const TensorInfo& rowptr, const TensorInfo& col, const TensorInfo& like,
                    const std::optional<TensorInfo>& weight) {
  Checker check("gcn_norm");
  check.rowptr(rowptr);
  check.index_vector(col);
  check.same_dtype(rowptr, col);
  check.require(is_value(like.dtype),
                "'like' must be float32, float64, float16 or bfloat16 (it gives the result's dtype), got ",
                name_of(like.dtype));
  if (weight) {
    check.same_dtype(like, *weight);
    check.vector_of(*weight, col.size(0), "one per edge");
  }
}

}  // namespace geocompile
