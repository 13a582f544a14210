// Numbers of the voxels that points fall into.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "parallel.h"
#include "tensor_info.h"

namespace geocompile {

// pos [num_points, dims]; size, and start and end if given, [dims]; batch [num_points] or null.
struct GridCluster {
  const char* op;
  DType value;
  int64_t num_points, dims;
  const void* pos;
  const void* size;
  const void* start;  // null: the least coordinates
  const void* end;    // null: the largest
  DType index;
  const void* batch;
  int64_t* out;  // [num_points]
};

// Throws std::invalid_argument; the pointers are still missing.
GridCluster check_grid_cluster(const TensorInfo& pos, const TensorInfo& size, const std::optional<TensorInfo>& start,
                               const std::optional<TensorInfo>& end, const std::optional<TensorInfo>& batch);

namespace cpu {

// out = sum over d of floor((pos_d - start_d) / size_d) * (voxels of the dimensions before d), toward zero rather than
// down, and batch * (voxels of all dimensions), where a dimension has (end_d - start_d) / size_d + 1 voxels.
// What int64 cannot number is refused.
size_t grid_cluster_workspace(const GridCluster& args, int64_t threads);
void grid_cluster(const GridCluster& args, void* workspace, const Parallel& parallel);

}  // namespace cpu
}  // namespace geocompile
