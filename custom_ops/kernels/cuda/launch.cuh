// Starts kernels on the caller's stream; an error of the CUDA runtime becomes an exception that names the operator.
#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>

#include "../stream.h"

namespace geocompile::cuda {

constexpr int kWarp = 32;
constexpr int kThreads = 256;  // of a block

inline void check(const char* op, cudaError_t status) {
  if (status == cudaSuccess) return;
  cudaGetLastError();  // taken back: who asks next must not be told of our error
  throw std::runtime_error(std::string("geocompile.") + op + ": CUDA reports: " + cudaGetErrorString(status));
}

// Starts `kernel` with that many threads, or as many as a grid may have: kernels walk on in steps of thread_count().
template <class... Parameters, class... Arguments>
void launch(const char* op, void (*kernel)(Parameters...), int64_t threads, Stream stream, Arguments... arguments) {
  if (threads <= 0) return;
  const int64_t blocks = (threads - 1) / kThreads + 1;
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(static_cast<unsigned>(std::min<int64_t>(blocks, std::numeric_limits<int32_t>::max())));
  config.blockDim = dim3(kThreads);
  config.stream = stream;
  check(op, cudaLaunchKernelEx(&config, kernel, arguments...));
}

__device__ inline int64_t thread_index() { return static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; }
__device__ inline int64_t thread_count() { return static_cast<int64_t>(gridDim.x) * blockDim.x; }

}  // namespace geocompile::cuda
