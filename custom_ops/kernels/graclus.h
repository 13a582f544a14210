// Greedy matching of the nodes of a graph (graclus).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "csr_graph.h"
#include "parallel.h"
#include "tensor_info.h"

namespace geocompile {

// weight [num_edges] in the order of the rows, or null: all are equal; order [num_visits] names the nodes to visit,
// each as often as it likes, or null: 0, 1, ...
struct Graclus {
  const char* op;
  CsrGraph graph;
  DType value;
  const void* weight;
  int64_t num_visits;
  const void* order;
  int64_t* out;  // [num_rows]
};

// Throws std::invalid_argument; the pointers are still missing.
Graclus check_graclus(const TensorInfo& rowptr, const TensorInfo& col, const std::optional<TensorInfo>& weight,
                      const std::optional<TensorInfo>& order);

namespace cpu {

// A node that is visited unmatched is matched with its heaviest unmatched neighbour, the first of equals; a weight that
// is NaN counts as -inf. out is the smaller number of each pair, of a node alone its own.
size_t graclus_workspace(const Graclus& args);
void graclus(const Graclus& args, void* workspace, const Parallel& parallel);

}  // namespace cpu
}  // namespace geocompile
