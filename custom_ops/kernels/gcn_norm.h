// Symmetric normalisation of a graph with self-loops in static-shape form: loops live in a per-node term.
#pragma once

#include <cstddef>
#include <cstdint>

#include "csr_graph.h"
#include "parallel.h"
#include "tensor_info.h"

namespace geocompile {

struct GcnNorm {
  const char* op;
  DType value;
  CsrGraph graph;  // square: num_sources == num_rows
  double fill_value;
  bool add_self_loops;
  const void* weight;  // [num_edges] in CSR order, or null: 1
  void* edge_weight;   // [num_edges]
  void* self_weight;   // [num_rows]
};

namespace cpu {

size_t gcn_norm_workspace(const GcnNorm& args);
void gcn_norm(const GcnNorm& args, void* workspace, const Parallel& parallel);

}  // namespace cpu
}  // namespace geocompile
