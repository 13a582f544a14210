// Edges under other numbers of their nodes.
#pragma once

#include <cstdint>

#include "parallel.h"
#include "tensor_info.h"

namespace geocompile {

// out[r, e] = number[edge_index[r, e]]
struct RenumberEdges {
  DType index;
  int64_t num_edges, num_nodes;
  const void* edge_index;  // [2, num_edges], nodes in [0, num_nodes)
  const void* number;      // [num_nodes], any values
  void* out;               // [2, num_edges]
};

// Throws std::invalid_argument; the pointers are still missing.
RenumberEdges check_renumber_edges(const TensorInfo& edge_index, const TensorInfo& number);

namespace cpu {

void renumber_edges(const RenumberEdges& args, const Parallel& parallel);

}  // namespace cpu
}  // namespace geocompile
