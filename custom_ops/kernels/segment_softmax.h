// Softmax within segments: of the scores of each row's edges.
#pragma once

#include <cstddef>
#include <cstdint>

#include "csr_graph.h"
#include "parallel.h"
#include "tensor_info.h"

namespace geocompile {

// out[e, f] = exp(src[e, f] - max) / sum of exp(src[q, f] - max), max and sum over the edges of e's row. graph.col is
// the place in src (and out) of each edge, or null: they stand in order. What no place names gets 0.
struct SegmentSoftmax {
  const char* op;
  DType value;
  CsrGraph graph;  // num_sources: rows of src
  int64_t channels;
  const void* src;
  void* out;
};

namespace cpu {

size_t segment_softmax_workspace(const SegmentSoftmax& args);
void segment_softmax(const SegmentSoftmax& args, void* workspace, const Parallel& parallel);

}  // namespace cpu
}  // namespace geocompile
