// One cloud on its way through farthest point sampling: its points cut into leaves of neighbours.
#pragma once

#include <cstddef>
#include <cstdint>

#include "../tensor_info.h"

namespace geocompile::cpu {

constexpr int64_t kLeafPoints = 32;  // two vectors of floats where they are longest
constexpr int64_t kFanOut = 16;      // children of a node

// order lists the points of the leaves, kLeafPoints each, the last one's fewer; those of a leaf ascend, and leaves that
// are near in this order are near in space.
struct FpsCloud {
  DType value;  // float32 or float64
  int64_t dims, count, samples;
  const void* points;  // [count, dims]
  const int32_t* order;
  int64_t start;  // the first point taken
  int64_t first;  // added to every result
  int64_t* out;   // [samples]
  void* memory;   // tree_bytes of it
};

static inline int64_t leaves_of(int64_t points) { return (points + kLeafPoints - 1) / kLeafPoints; }

// The nodes above that many leaves: a root at the least.
static inline int64_t nodes_above(int64_t leaves) {
  int64_t nodes = 0;
  do {
    leaves = (leaves + kFanOut - 1) / kFanOut;
    nodes += leaves;
  } while (leaves > 1);
  return nodes;
}

// Leaves: coordinates, distances, indices. Nodes: boxes of the children, farthest distances, where these are. And a
// point.
static inline size_t tree_bytes(DType value, int64_t dims, int64_t points) {
  const int64_t element = value == DType::kFloat64 ? 8 : 4, leaves = leaves_of(points);
  const int64_t leaf = kLeafPoints * ((dims + 1) * element + 4), node = kFanOut * ((2 * dims + 1) * element + 4);
  return static_cast<size_t>(leaves * leaf + nodes_above(leaves) * node + dims * element);
}

void sample_cloud(const FpsCloud& cloud);

}  // namespace geocompile::cpu
