// B-spline bases of edges: the weights of the kernels that are active at their pseudo-coordinates, and which these are.
#pragma once

#include <cstddef>
#include <cstdint>

#include "parallel.h"
#include "tensor_info.h"

namespace geocompile {

// Dimension d has kernel_size[d] kernels, numbered from dimension 0 on, and degree + 1 of them are active at each
// place, so that term s of an edge stands for one active kernel in each dimension, dimension 0 first.
struct SplineBasis {
  DType value;
  int64_t num_edges, dims, degree, terms;  // terms: (degree + 1)^dims
  const void* pseudo;                      // [num_edges, dims]
  const int64_t* kernel_size;              // [dims]
  const int64_t* is_open;                  // [dims]
  void* basis;                             // [num_edges, terms]
  int64_t* weight_index;                   // [num_edges, terms]
};

struct SplineBasisBackward {
  SplineBasis forward;  // without results
  const void* grad;     // [num_edges, terms]
  void* grad_pseudo;    // [num_edges, dims]
};

// The arguments, their pointers still missing.
SplineBasis check_spline_basis(const char* op, const TensorInfo& pseudo, const TensorInfo& kernel_size,
                               const TensorInfo& is_open_spline, int64_t degree);
void check_spline_grad(const TensorInfo& grad, const SplineBasis& args);

namespace cpu {

size_t spline_basis_workspace(const SplineBasis& args, int64_t threads);
void spline_basis(const SplineBasis& args, void* workspace, const Parallel& parallel);
void spline_basis_backward(const SplineBasisBackward& args, void* workspace, const Parallel& parallel);

}  // namespace cpu
}  // namespace geocompile
