#include "dense_batch.h"

#include <cmath>

#include "checker.h"

namespace geocompile {
namespace {

void check_elements(const Checker& check, const TensorInfo& t) {
  check.require(is_value(t.dtype) || is_index(t.dtype), "'", t.name,
                "' must be float32, float64, float16, bfloat16, int32 or int64, got ", name_of(t.dtype));
}

// A number that an integer element can hold as it is.
bool is_integer(double number, DType dtype) {
  const double limit = dtype == DType::kInt32 ? 0x1p31 : 0x1p63;
  return number == std::trunc(number) && number >= -limit && number < limit;  // NaN is none
}

}  // namespace

DenseBatch check_to_dense(const TensorInfo& x, const TensorInfo& ptr, const TensorInfo& slots, double fill) {
  const Checker check("to_dense");
  check_elements(check, x);
  check.require(x.rank >= 1, "'x' must have at least one dimension, got a scalar");
  check.require(!is_index(x.dtype) || is_integer(fill, x.dtype), "'fill_value' must be an ", name_of(x.dtype),
                " as 'x' is, got ", fill);
  check.ptr(ptr);
  check.require(slots.rank >= 1, "'slots' must have at least one dimension: its first one is the slots of a graph");
  const int64_t num_graphs = ptr.size(0) - 1, channels = x.row_size();
  // With the number of each slot, and the mask that says which have a node.
  const double number = 8.0 * slots.size(0), row = static_cast<double>(channels) * size_of(x.dtype);
  const double bytes = number + static_cast<double>(num_graphs) * slots.size(0) * (row + 1);
  check.fits(bytes, "a result of ", num_graphs, " graphs with ", slots.size(0), " slots for 'x' of shape ",
             Checker::shape_of(x));
  return {"to_dense", x.dtype, ptr.dtype, x.size(0), num_graphs, slots.size(0),
          channels,   fill,    nullptr,   nullptr,   nullptr};
}

DenseBatch check_from_dense(const TensorInfo& dense, const TensorInfo& ptr, const TensorInfo& like) {
  const Checker check("from_dense");
  check_elements(check, dense);
  check.ptr(ptr);
  check.require(dense.rank >= 2 && dense.size(0) == ptr.size(0) - 1, "'dense' must have shape [", ptr.size(0) - 1,
                ", slots, ...] (one row for each graph of 'ptr'), got ", Checker::shape_of(dense));
  check.require(like.rank >= 1, "'like' must have at least one dimension: its first one is the number of nodes");
  int64_t channels = 1;
  for (int64_t d = 2; d < dense.rank; ++d) channels *= dense.size(d);
  check.fits(static_cast<double>(like.size(0)) * channels * size_of(dense.dtype), "a result of ", like.size(0),
             " nodes for 'dense' of shape ", Checker::shape_of(dense));
  return {"from_dense", dense.dtype, ptr.dtype, like.size(0), dense.size(0), dense.size(1),
          channels,     0.0,         nullptr,   nullptr,      nullptr};
}

void check_slots(const TensorInfo& ptr, const TensorInfo& like) {
  const Checker check("slots");
  check.ptr(ptr);
  check.require(like.rank >= 1, "'like' must have at least one dimension: its first one is the number of nodes");
  check.fits(8.0 * like.size(0), "the slots of ", like.size(0), " nodes");
}

}  // namespace geocompile
