// The weights of Gaussian kernels at the pseudo-coordinates of edges.
#pragma once

#include <cstddef>
#include <cstdint>

#include "parallel.h"
#include "tensor_info.h"

namespace geocompile {

// out[e, k] = exp(-1/2 sum_d (pseudo[e, d] - mu[k, d])^2 / (1e-15 + sigma[k, d]^2)).
struct GaussianWeights {
  DType value;
  int64_t num_edges, kernels, dims;
  const void* pseudo;  // [num_edges, dims]
  const void* mu;      // [kernels, dims]
  const void* sigma;   // [kernels, dims]
  void* out;           // [num_edges, kernels]
};

// The arguments, their pointers still missing.
GaussianWeights check_gaussian_weights(const TensorInfo& pseudo, const TensorInfo& mu, const TensorInfo& sigma);

namespace cpu {

size_t gaussian_weights_workspace(const GaussianWeights& args, int64_t threads);
void gaussian_weights(const GaussianWeights& args, void* workspace, const Parallel& parallel);

}  // namespace cpu
}  // namespace geocompile
