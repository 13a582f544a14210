// Fused gather -> weight -> reduce over compressed rows; no [edges, channels] tensor exists.
#pragma once

#include <cstddef>
#include <cstdint>

#include "parallel.h"
#include "reduce.h"
#include "tensor_info.h"

namespace geocompile {

// out[i, f] = reduce over p in [rowptr[i], rowptr[i + 1]) of weight[p] * x[col[p], f], then, where self_weight is
// given, one more term self_weight[i] * x[i, f]. A missing weight counts as 1, a missing col as col[p] = p.
struct GatherSegmentReduce {
  const char* op;
  const char* col_name;  // what errors call col: "col" or "perm"
  Reduce reduce;
  DType value;
  DType index;
  int64_t num_rows;
  int64_t num_sources;
  int64_t num_edges;
  int64_t channels;
  const void* x;
  const void* rowptr;
  const void* col;
  const void* weight;
  const void* self_weight;
  void* out;
};

// arg[i, f]: the first p at which out[i, f] of a max or min is reached; num_edges for the self term, -1 if empty.
struct GatherSegmentArg {
  GatherSegmentReduce forward;  // with col; `out` is not used
  void* arg;                    // [num_rows, channels], of the index dtype
};

// out[p] = sum over f of a[i, f] * b[col[p], f], where p lies in row i: the gradient of a gather-sum's weight.
struct EdgeDot {
  const char* op;
  DType value;
  DType index;
  int64_t num_rows;
  int64_t num_sources;
  int64_t num_edges;
  int64_t channels;
  const void* a;
  const void* b;
  const void* rowptr;
  const void* col;
  void* out;
};

namespace cpu {

size_t gather_segment_reduce_workspace(const GatherSegmentReduce& args);
void gather_segment_reduce(const GatherSegmentReduce& args, void* workspace, const Parallel& parallel);
void gather_segment_arg(const GatherSegmentArg& args, const Parallel& parallel);
void edge_dot(const EdgeDot& args, const Parallel& parallel);

}  // namespace cpu
}  // namespace geocompile
