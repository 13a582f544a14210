// A batch of graphs as one dense tensor: a row of slots for each graph, its nodes in the first of them; and back.
#pragma once

#include <cstddef>
#include <cstdint>

#include "parallel.h"
#include "tensor_info.h"

namespace geocompile {

// Node i of graph g, the s-th of its nodes, is x[i] on one side and dense[g, s] on the other, if s < num_slots.
struct DenseBatch {
  const char* op;
  DType value, index;
  int64_t num_nodes, num_graphs, num_slots, channels;
  double fill;  // of the slots without a node
  const void* ptr;
  const void* from;
  void* to;
};

// The arguments, their pointers still missing.
DenseBatch check_to_dense(const TensorInfo& x, const TensorInfo& ptr, const TensorInfo& slots, double fill);
DenseBatch check_from_dense(const TensorInfo& dense, const TensorInfo& ptr, const TensorInfo& like);
void check_slots(const TensorInfo& ptr, const TensorInfo& like);

namespace cpu {

// The number of nodes of the largest graph.
int64_t largest_graph(DType index, const void* ptr, int64_t num_graphs, int64_t num_nodes);
void to_dense(const DenseBatch& args, const Parallel& parallel);
void from_dense(const DenseBatch& args, const Parallel& parallel);  // a node without a slot gets 0

}  // namespace cpu
}  // namespace geocompile
