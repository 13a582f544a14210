#include "grouped_matmul.h"

#include "checker.h"

namespace geocompile {
namespace {

void check_matrix(const Checker& check, const TensorInfo& t, const char* shape) {
  check.values(t);
  check.require(t.rank == 2, "'", t.name, "' must have shape ", shape, ", got ", Checker::shape_of(t));
}

void check_group_ptr(const Checker& check, const TensorInfo& ptr) {
  check.index_vector(ptr);
  check.require(ptr.size(0) >= 1, "'ptr' must have at least one element (number of groups + 1), got shape [0]");
}

}  // namespace

RowGroups check_grouped_matmul(const TensorInfo& x, const TensorInfo& ptr, const TensorInfo& weight) {
  const Checker check("grouped_matmul");
  check_matrix(check, x, "[rows, in_channels]");
  check_group_ptr(check, ptr);
  check.same_dtype(x, weight);
  const int64_t num_groups = ptr.size(0) - 1;
  check.require(weight.rank == 3 && weight.size(0) == num_groups && weight.size(1) == x.size(1),
                "'weight' must have shape [", num_groups, ", ", x.size(1),
                ", out_channels] (one matrix for each group of 'ptr', one row of it for each channel of 'x'), got ",
                Checker::shape_of(weight));
  return {"grouped_matmul", x.dtype, ptr.dtype, x.size(0), num_groups, x.size(1), weight.size(2), nullptr};
}

RowGroups check_grouped_outer(const TensorInfo& x, const TensorInfo& grad, const TensorInfo& ptr) {
  const Checker check("grouped_outer");
  check_matrix(check, x, "[rows, in_channels]");
  check_matrix(check, grad, "[rows, out_channels]");
  check.same_dtype(x, grad);
  check.require(x.size(0) == grad.size(0), "'x' and 'grad' must have as many rows, got shapes ", Checker::shape_of(x),
                " and ", Checker::shape_of(grad));
  check_group_ptr(check, ptr);
  return {"grouped_outer", x.dtype, ptr.dtype, x.size(0), ptr.size(0) - 1, x.size(1), grad.size(1), nullptr};
}

}  // namespace geocompile
