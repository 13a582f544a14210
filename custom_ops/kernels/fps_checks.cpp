#include "fps.h"

#include <limits>

#include "checker.h"

namespace geocompile {

Fps check_fps(const TensorInfo& src, double ratio, const std::optional<TensorInfo>& batch,
              const std::optional<TensorInfo>& start) {
  const Checker check("fps");
  check.values(src);
  check.require(src.rank == 2, "'src' must have shape [points, dimensions], got ", Checker::shape_of(src));
  check.require(src.size(0) < std::numeric_limits<int32_t>::max(), "'src' has ", src.size(0),
                " points, the most are 2147483646");
  check.require(static_cast<float>(ratio) > 0 && ratio <= 1, "'ratio' must be above 0 and at most 1, got ", ratio);
  if (batch) {
    check.index_vector(*batch);
    check.vector_of(*batch, src.size(0), "one per point");
  }
  if (start) {
    check.require(start->dtype == DType::kInt64, "'start' must be int64, got ", name_of(start->dtype));
    check.require(start->rank == 1, "'start' must have one dimension, got shape ", Checker::shape_of(*start));
  }
  return {"fps",       src.dtype,
          src.size(0), src.size(1),
          nullptr,     batch ? batch->dtype : DType::kInt64,
          nullptr,     start ? start->size(0) : 0,
          nullptr,     static_cast<float>(ratio)};
}

}  // namespace geocompile
