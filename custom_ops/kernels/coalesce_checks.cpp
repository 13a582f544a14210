#include "coalesce.h"

#include "checker.h"

namespace geocompile {

Coalesce check_coalesce(const TensorInfo& edge_index, const TensorInfo& like) {
  const Checker check("coalesce");
  check.require(is_index(edge_index.dtype), "'edge_index' must be int64 or int32, got ", name_of(edge_index.dtype));
  check.require(edge_index.rank == 2 && edge_index.size(0) == 2, "'edge_index' must have shape [2, edges], got ",
                Checker::shape_of(edge_index));
  check.require(like.rank >= 1, "'like' must have at least one dimension: its first one is the number of nodes");
  constexpr int64_t kMost = int64_t{1} << 31;
  check.require(edge_index.size(1) < kMost && like.size(0) < kMost, "there may be 2147483647 edges and nodes, got ",
                edge_index.size(1), " and ", like.size(0));
  return {"coalesce", edge_index.dtype, edge_index.size(1), like.size(0), nullptr};
}

}  // namespace geocompile
