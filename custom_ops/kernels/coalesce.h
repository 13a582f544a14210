// Sorting of an edge list, and what is left of it when equal edges become one.
#pragma once

#include <cstddef>
#include <cstdint>

#include "parallel.h"
#include "tensor_info.h"

namespace geocompile {

struct Coalesce {
  const char* op;
  DType index;
  int64_t num_edges, num_nodes;
  const void* edge_index;  // [2, num_edges], nodes in [0, num_nodes)
};

// Throws std::invalid_argument; the pointers are still missing.
Coalesce check_coalesce(const TensorInfo& edge_index, const TensorInfo& like);

namespace cpu {

// First coalesce_sort, which leaves in the workspace what coalesce_fill needs, and returns the number of edges that
// differ; then coalesce_fill with an out [2, that], ptr [that + 1] and perm [num_edges]: sorted by row, then column;
// edge u stands for those at perm[ptr[u]] to perm[ptr[u + 1] - 1], in their order.
size_t coalesce_workspace(const Coalesce& args, int64_t threads);
int64_t coalesce_sort(const Coalesce& args, void* workspace, const Parallel& parallel);
void coalesce_fill(const Coalesce& args, void* workspace, int64_t num_unique, void* out, void* ptr, void* perm,
                   const Parallel& parallel);

}  // namespace cpu
}  // namespace geocompile
