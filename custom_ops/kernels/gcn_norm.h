// Symmetric normalisation of a graph with self-loops in static-shape form: loops live in a per-node term.
#pragma once

#include <cstddef>
#include <cstdint>

#include "parallel.h"
#include "tensor_info.h"

namespace geocompile {

struct GcnNorm {
  const char* op;
  DType value;
  DType index;
  int64_t num_rows;
  int64_t num_edges;
  double fill_value;
  bool add_self_loops;
  const void* rowptr;
  const void* col;
  const void* weight;  // [num_edges] in CSR order, or null: 1
  void* edge_weight;   // [num_edges]
  void* self_weight;   // [num_rows]
};

namespace cpu {

size_t gcn_norm_workspace(const GcnNorm& args);
void gcn_norm(const GcnNorm& args, void* workspace, const Parallel& parallel);

}  // namespace cpu
}  // namespace geocompile
