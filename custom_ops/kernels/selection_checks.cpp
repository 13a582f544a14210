#include "selection.h"

#include <cmath>
#include <limits>

#include "checker.h"

namespace geocompile {

void check_graph_ptr(const TensorInfo& batch, const std::optional<TensorInfo>& like) {
  Checker check("graph_ptr");
  check.index_vector(batch);
  if (!like) return;
  check.require(like->rank >= 1, "'like' must have at least one dimension: its first one is the number of graphs");
  check.fits(static_cast<double>(like->size(0)) * size_of(batch.dtype), "a 'ptr' of ", like->size(0), " graphs");
}

void check_topk(const TensorInfo& score, const TensorInfo& ptr, double ratio) {
  Checker check("topk");
  check.values(score);
  check.require(score.rank == 1, "'score' must have one dimension, got shape ", Checker::shape_of(score));
  check.ptr(ptr);
  check.require(std::isfinite(ratio) && ratio > 0,
                "'ratio' must be a share of the nodes between 0 and 1 or a number of nodes, got ", ratio);
}

void check_filter_edges(const TensorInfo& edge_index, const TensorInfo& perm, const TensorInfo& like) {
  Checker check("filter_edges");
  check.require(is_index(edge_index.dtype), "'edge_index' must be int64 or int32, got ", name_of(edge_index.dtype));
  check.require(edge_index.rank == 2 && edge_index.size(0) == 2, "'edge_index' must have shape [2, num_edges], got ",
                Checker::shape_of(edge_index));
  check.require(perm.dtype == DType::kInt64, "'perm' must be int64, as topk gives it, got ", name_of(perm.dtype));
  check.require(perm.rank == 1, "'perm' must have one dimension, got shape ", Checker::shape_of(perm));
  check.require(perm.size(0) < std::numeric_limits<int32_t>::max(), "'perm' must have less than 2^31 elements, got ",
                perm.size(0));
  check.require(like.rank >= 1, "'like' must have at least one dimension: its first one is the number of nodes");
  check.fits(4.0 * like.size(0), "a place for each of ", like.size(0), " nodes");
}

}  // namespace geocompile
