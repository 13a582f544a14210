// Rows in groups, each group with a matrix of its own: typed linear layers, and the gradient of their weights.
#pragma once

#include <cstddef>
#include <cstdint>

#include "parallel.h"
#include "tensor_info.h"

namespace geocompile {

// Group t holds the rows [ptr[t], ptr[t + 1]); every row stands in one group.
struct RowGroups {
  const char* op;
  DType value, index;
  int64_t num_rows, num_groups, in, out;  // in, out: columns of the two sides of a weight
  const void* ptr;
};

// out[i] = x[i] weight[t] for the rows i of group t; x [num_rows, in], weight [num_groups, in, out].
struct GroupedMatmul {
  RowGroups groups;
  const void *x, *weight;
  void* result;
};

// out[t] = the sum of x[i]^T grad[i] over the rows i of group t; grad [num_rows, out], result as a weight.
struct GroupedOuter {
  RowGroups groups;
  const void *x, *grad;
  void* result;
};

// What the arguments make of the groups; ptr is to be filled in. Wrong types and shapes: std::invalid_argument.
RowGroups check_grouped_matmul(const TensorInfo& x, const TensorInfo& ptr, const TensorInfo& weight);
RowGroups check_grouped_outer(const TensorInfo& x, const TensorInfo& grad, const TensorInfo& ptr);

namespace cpu {

size_t grouped_matmul_workspace(const GroupedMatmul& args, int64_t threads);
void grouped_matmul(const GroupedMatmul& args, void* workspace, const Parallel& parallel);
size_t grouped_outer_workspace(const GroupedOuter& args, int64_t threads);
void grouped_outer(const GroupedOuter& args, void* workspace, const Parallel& parallel);

}  // namespace cpu
}  // namespace geocompile
