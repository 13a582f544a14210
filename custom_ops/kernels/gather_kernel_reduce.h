// Aggregation into one sum per row and kernel; no [edges, channels] tensor exists.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>

#include "csr_graph.h"
#include "parallel.h"
#include "tensor_info.h"

namespace geocompile {

enum class KernelReduce : int32_t { kSum, kMean, kMeanPerKernel };

inline KernelReduce kernel_reduce_of(const std::string& op, const std::string& name, bool sparse) {
  if (name == "sum") return KernelReduce::kSum;
  if (name == "mean") return KernelReduce::kMean;
  if (sparse && name == "mean_per_kernel") return KernelReduce::kMeanPerKernel;
  throw std::invalid_argument("geocompile." + op + ": reduce must be 'sum'" +
                              (sparse ? ", 'mean' or 'mean_per_kernel'" : " or 'mean'") + ", got '" + name + "'");
}

// A graph whose edges have weights for kernels 0 to num_kernels - 1: for all of them, in order, or (sparse) for
// num_active ones, which `kernel` names; it is not trusted. A missing weight counts as 1.
struct KernelEdges {
  const char* op;
  DType value;  // of weights and features
  CsrGraph graph;
  int64_t channels;
  int64_t num_kernels;
  bool sparse;
  int64_t num_active;  // num_kernels unless sparse
  const void* weight;  // [num_edges, num_active]
  const void* kernel;  // [num_edges, num_active], of the index dtype; if sparse
};

// out[i, k, :] = sum over p in row i, s with kernel[p, s] == k, of weight[p, s] * x[col[p], :], divided by the number
// of edges of row i (kMean) or of the terms of that sum (kMeanPerKernel). Halves are summed in float32 and rounded
// once.
struct GatherKernelReduce {
  KernelEdges edges;
  KernelReduce reduce;
  const void* x;  // [num_sources, channels]
  void* out;      // [num_rows, num_kernels, channels]
};

// out[i, :] = sum over p in row i and s of weight[p, s] * x[col[p], kernel[p, s], :]: the gradient of the above's
// features, over the transposed graph.
struct KernelContract {
  KernelEdges edges;
  const void* x;  // [num_sources, num_kernels, channels]
  void* out;      // [num_rows, channels]
};

// out[p, s] = sum over the channels of a[i, kernel[p, s], :] * b[col[p], :], where p lies in row i: the gradient of its
// weights. `edges.weight` is not used.
struct KernelDot {
  KernelEdges edges;
  const void* a;  // [num_rows, num_kernels, channels]
  const void* b;  // [num_sources, channels]
  void* out;      // [num_edges, num_active]
};

namespace cpu {

size_t gather_kernel_reduce_workspace(const GatherKernelReduce& args);
void gather_kernel_reduce(const GatherKernelReduce& args, void* workspace, const Parallel& parallel);
size_t kernel_contract_workspace(const KernelContract& args);
void kernel_contract(const KernelContract& args, void* workspace, const Parallel& parallel);
void kernel_dot(const KernelDot& args, const Parallel& parallel);

}  // namespace cpu
}  // namespace geocompile
