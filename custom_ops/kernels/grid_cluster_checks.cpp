#include "grid_cluster.h"

#include "checker.h"

namespace geocompile {
namespace {

void check_corner(const Checker& check, const TensorInfo& pos, const TensorInfo& t) {
  check.same_dtype(pos, t);
  check.vector_of(t, pos.size(1), "one per dimension of 'pos'");
}

}  // namespace

GridCluster check_grid_cluster(const TensorInfo& pos, const TensorInfo& size, const std::optional<TensorInfo>& start,
                               const std::optional<TensorInfo>& end, const std::optional<TensorInfo>& batch) {
  const Checker check("grid_cluster");
  check.values(pos);
  check.require(pos.rank == 2 && pos.size(1) > 0, "'pos' must have shape [points, dimensions], got ",
                Checker::shape_of(pos));
  check_corner(check, pos, size);
  if (start) check_corner(check, pos, *start);
  if (end) check_corner(check, pos, *end);
  if (batch) {
    check.index_vector(*batch);
    check.vector_of(*batch, pos.size(0), "one per point");
  }
  return {"grid_cluster", pos.dtype, pos.size(0),
          pos.size(1),    nullptr,   nullptr,
          nullptr,        nullptr,   batch ? batch->dtype : DType::kInt64,
          nullptr,        nullptr};
}

}  // namespace geocompile
