// The number of graphs of a batch vector where nothing but its values says it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <stdexcept>

#include "errors.h"

namespace geocompile {

// Every graph is given room, so that a number far above the nodes' is a mistake: 64 graphs for each node may be named,
// and 2^26, half a gigabyte of places, in any case.
static inline int64_t graph_count(const char* op, int64_t largest, int64_t num_nodes) {
  constexpr int64_t kFew = int64_t{1} << 26, kForEachNode = 64, kMost = std::numeric_limits<int32_t>::max();
  const int64_t most = std::min(kMost, std::max(kFew, kForEachNode * std::min(num_nodes, kMost)));
  if (largest >= most)
    refuse<std::out_of_range>(op, "'batch' holds the graph number ", largest, ", the largest possible for ", num_nodes,
                              " nodes is ", most - 1, "; number the graphs 0, 1, ..., as `consecutive` does");
  return largest + 1;
}

}  // namespace geocompile
