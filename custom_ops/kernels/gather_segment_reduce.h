// Fused gather -> weight -> reduce over compressed rows; no [edges, channels] tensor exists.
#pragma once

#include <cstddef>
#include <cstdint>

#include "csr_graph.h"
#include "parallel.h"
#include "reduce.h"
#include "stream.h"
#include "tensor_info.h"

namespace geocompile {

// out[i, f] = reduce over p in row i of weight[p, head(f)] * x[col[p], f], then, where self_weight is given, one more
// term self_weight[i, head(f)] * x[i, f]. A missing weight counts as 1. The channels are those of all heads, one head
// after the other: head(f) = f / (channels / heads). Halves are reduced in float32 and rounded once.
struct GatherSegmentReduce {
  const char* op;
  const char* col_name;  // what errors call col: "col" or "perm"
  Reduce reduce;
  DType value;  // of x, weight, self_weight and out
  CsrGraph graph;
  int64_t channels;
  int64_t heads;  // of the weights; divides channels, 1 for one weight per edge
  const void* x;
  const void* weight;
  const void* self_weight;
  void* out;
};

// arg[i, f]: the first p at which out[i, f] of a max or min is reached; num_edges for the self term, -1 if empty.
struct GatherSegmentArg {
  GatherSegmentReduce forward;  // with col; `out` is not used
  void* arg;                    // [num_rows, channels], of the index dtype
};

// out[p, h] = sum over the channels f of head h of a[i, f] * b[col[p], f], where p lies in row i: the gradient of a
// gather-sum's weight.
struct EdgeDot {
  const char* op;
  DType value;
  CsrGraph graph;
  int64_t channels;
  int64_t heads;
  const void* a;
  const void* b;
  void* out;
};

namespace cpu {

size_t gather_segment_reduce_workspace(const GatherSegmentReduce& args);
void gather_segment_reduce(const GatherSegmentReduce& args, void* workspace, const Parallel& parallel);
void gather_segment_arg(const GatherSegmentArg& args, const Parallel& parallel);
void edge_dot(const EdgeDot& args, const Parallel& parallel);

}  // namespace cpu

namespace cuda {

// Nothing is thrown for a bad index, as that would have to wait for the device; it is never used as an address either.
// A row of out is NaN if it reads a bad col or has bad bounds in rowptr; all are if rowptr does not span 0 to
// num_edges. The order of reduction depends on the shapes and dtypes only, and is not that of the CPU.
size_t gather_segment_reduce_workspace(const GatherSegmentReduce& args);
void gather_segment_reduce(const GatherSegmentReduce& args, void* workspace, Stream stream);

}  // namespace cuda
}  // namespace geocompile
