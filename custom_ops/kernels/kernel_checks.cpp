#include "checker.h"
#include "checks.h"

namespace geocompile {
namespace {

void check_graph(const Checker& check, const TensorInfo& rowptr, const TensorInfo& col) {
  check.rowptr(rowptr);
  check.index_vector(col);
  check.same_dtype(rowptr, col);
}

// One kernel per edge, or a row of them.
void check_kernel(const Checker& check, const TensorInfo& kernel, const TensorInfo& rowptr, const TensorInfo& col) {
  check.require(is_index(kernel.dtype), "'kernel' must be int64 or int32, got ", name_of(kernel.dtype));
  check.same_dtype(rowptr, kernel);
  check.require((kernel.rank == 1 || kernel.rank == 2) && kernel.size(0) == col.size(0), "'kernel' must have shape [",
                col.size(0), "] or [", col.size(0), ", active] (one row per edge), got ", Checker::shape_of(kernel));
}

void check_weight(const Checker& check, const TensorInfo& weight, const TensorInfo& kernel, const TensorInfo& x) {
  check.same_dtype(x, weight);
  bool same = weight.rank == kernel.rank;
  for (int64_t d = 0; same && d < weight.rank; ++d) same = weight.size(d) == kernel.size(d);
  check.require(same, "'weight' must have the shape of 'kernel' ", Checker::shape_of(kernel), ", got ",
                Checker::shape_of(weight));
}

void check_rows_of_kernels(const Checker& check, const TensorInfo& t, const char* rows) {
  check.values(t);
  check.require(t.rank >= 2, "'", t.name, "' must have shape [", rows, ", kernels, ...], got ", Checker::shape_of(t));
}

}  // namespace

void check_gather_kernel_reduce(const TensorInfo& x, const TensorInfo& rowptr, const TensorInfo& col,
                                const TensorInfo& weight) {
  Checker check("gather_kernel_reduce");
  check.values(x);
  check_graph(check, rowptr, col);
  check.same_dtype(x, weight);
  check.require(weight.rank == 2 && weight.size(0) == col.size(0), "'weight' must have shape [", col.size(0),
                ", kernels] (one row per edge), got ", Checker::shape_of(weight));
}

void check_gather_sparse_kernel_reduce(const TensorInfo& x, const TensorInfo& rowptr, const TensorInfo& col,
                                       const std::optional<TensorInfo>& weight, const TensorInfo& kernel,
                                       const TensorInfo& like) {
  Checker check("gather_sparse_kernel_reduce");
  check.values(x);
  check_graph(check, rowptr, col);
  check_kernel(check, kernel, rowptr, col);
  if (weight) check_weight(check, *weight, kernel, x);
  check.require(like.rank >= 1, "'like' must have at least one dimension: its first one is the number of kernels");
  check.fits(static_cast<double>(rowptr.size(0) - 1) * like.size(0) * x.row_size() * size_of(x.dtype), "a result of ",
             rowptr.size(0) - 1, " rows with ", like.size(0), " kernels each for 'x' of shape ", Checker::shape_of(x));
}

void check_kernel_contract(const TensorInfo& x, const TensorInfo& rowptr, const TensorInfo& col,
                           const std::optional<TensorInfo>& weight, const std::optional<TensorInfo>& kernel) {
  Checker check("kernel_contract");
  check_rows_of_kernels(check, x, "sources");
  check_graph(check, rowptr, col);
  if (kernel) check_kernel(check, *kernel, rowptr, col);
  if (weight && kernel) check_weight(check, *weight, *kernel, x);
  if (weight && !kernel) {
    check.same_dtype(x, *weight);
    check.require(weight->rank == 2 && weight->size(0) == col.size(0) && weight->size(1) == x.size(1),
                  "'weight' must have shape [", col.size(0), ", ", x.size(1), "] (edges, kernels), got ",
                  Checker::shape_of(*weight));
  }
}

void check_kernel_dot(const TensorInfo& a, const TensorInfo& b, const TensorInfo& rowptr, const TensorInfo& col,
                      const std::optional<TensorInfo>& kernel) {
  Checker check("kernel_dot");
  check_rows_of_kernels(check, a, "rows");
  check.values(b);
  check.same_dtype(a, b);
  check_graph(check, rowptr, col);
  check.require(a.size(0) == rowptr.size(0) - 1, "'a' must have one row per row of 'rowptr' (", rowptr.size(0) - 1,
                "), got shape ", Checker::shape_of(a));
  bool same_channels = a.rank == b.rank + 1;
  for (int64_t d = 1; same_channels && d < b.rank; ++d) same_channels = a.size(d + 1) == b.size(d);
  check.require(same_channels,
                "'a' [rows, kernels, ...] and 'b' [sources, ...] must have the same channels, got shapes ",
                Checker::shape_of(a), " and ", Checker::shape_of(b));
  if (kernel) check_kernel(check, *kernel, rowptr, col);
}

}  // namespace geocompile
