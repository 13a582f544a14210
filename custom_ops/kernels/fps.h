// Farthest point sampling of the clouds of a batch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "parallel.h"
#include "tensor_info.h"

namespace geocompile {

// src [num_points, dims]; batch [num_points], sorted, names the cloud of each point, null: there is one cloud;
// start [num_starts], the place within its cloud of each cloud's first point, null: 0.
struct Fps {
  const char* op;
  DType value;
  int64_t num_points, dims;
  const void* src;
  DType index;
  const void* batch;
  int64_t num_starts;
  const int64_t* start;
  float ratio;
};

// What the values of batch say.
struct FpsCount {
  int64_t num_clouds;   // with points
  int64_t largest;      // points of a cloud
  int64_t num_samples;  // of all clouds: ceil(ratio * points) of each, in float32, all points at the most
};

// Throws std::invalid_argument; the pointers are still missing.
Fps check_fps(const TensorInfo& src, double ratio, const std::optional<TensorInfo>& batch,
              const std::optional<TensorInfo>& start);

namespace cpu {

// Checks batch and start on the way.
FpsCount count_fps(const Fps& args);

// out [num_samples]: for each cloud its start, then again and again the point of the cloud whose squared distance to
// the nearest point taken so far is largest, the lowest of equals. Distances are summed in order of dimension and
// rounded after each operation, so that every processor takes the same points.
size_t fps_workspace(const Fps& args, const FpsCount& count, int64_t threads);
void fps(const Fps& args, const FpsCount& count, void* workspace, int64_t* out, const Parallel& parallel);

}  // namespace cpu
}  // namespace geocompile
