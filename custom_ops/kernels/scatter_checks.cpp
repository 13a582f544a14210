#include "scatter.h"

#include "checker.h"

namespace geocompile {
namespace {

bool same_shape(const TensorInfo& a, const TensorInfo& b) {
  bool same = a.rank == b.rank;
  for (int64_t d = 0; same && d < a.rank; ++d) same = a.size(d) == b.size(d);
  return same;
}

}  // namespace

Scatter check_scatter(const char* op, Reduce reduce, const TensorInfo& src, const TensorInfo& index,
                      const TensorInfo& like, int64_t dim) {
  const Checker check(op);
  check.require(is_value(src.dtype) || is_index(src.dtype),
                "'src' must be float32, float64, float16, bfloat16, int32 or int64, got ", name_of(src.dtype));
  check.require(src.rank >= 1, "'src' must have at least one dimension, got a scalar");
  check.require(dim >= -src.rank && dim < src.rank, "'dim' must be between ", -src.rank, " and ", src.rank - 1,
                " for 'src' of shape ", Checker::shape_of(src), ", got ", dim);
  if (dim < 0) dim += src.rank;
  check.require(is_index(index.dtype), "'index' must be int64 or int32, got ", name_of(index.dtype));
  const bool is_vector = index.rank == 1 && index.size(0) == src.size(dim);
  check.require(is_vector || same_shape(src, index), "'index' must have shape [", src.size(dim),
                "] (the size of 'src' in dimension ", dim, ") or the shape of 'src', ", Checker::shape_of(src),
                ", got ", Checker::shape_of(index));
  check.require(like.rank >= 1, "'like' must have at least one dimension: its first one is the number of rows");
  int64_t outer = 1, inner = 1;
  for (int64_t d = 0; d < dim; ++d) outer *= src.size(d);
  for (int64_t d = dim + 1; d < src.rank; ++d) inner *= src.size(d);
  const double bytes = static_cast<double>(outer) * inner * like.size(0) * size_of(src.dtype);
  check.fits(bytes, "a result of ", like.size(0), " rows in dimension ", dim, " for 'src' of shape ",
             Checker::shape_of(src));
  return {op,           reduce,     src.dtype, index.dtype, outer,   src.size(dim), inner,
          like.size(0), !is_vector, nullptr,   nullptr,     nullptr, nullptr};
}

Scatter check_scatter_arg(Reduce reduce, const TensorInfo& src, const TensorInfo& index, const TensorInfo& like,
                          int64_t dim) {
  Checker("scatter_arg")
      .require(reduce == Reduce::kMax || reduce == Reduce::kMin, "reduce must be 'max' or 'min', got '",
               name_of(reduce), "'");
  return check_scatter("scatter_arg", reduce, src, index, like, dim);
}

}  // namespace geocompile
