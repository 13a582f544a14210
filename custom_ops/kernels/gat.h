// Attention of GAT: softmax of additive scores over each row, and the aggregation that it weights, fused.
#pragma once

#include <cstddef>
#include <cstdint>

#include "csr_graph.h"
#include "parallel.h"
#include "tensor_info.h"

namespace geocompile {

// score[p, h] = leaky_relu(source[col[p], h] + target[i, h] + edge[p, h]), p in row i, and alpha = softmax of the
// scores over the row. With self_loops (num_sources == num_rows) an edge from i to i has alpha 0, and a term of the
// row's own, last in the row, has the score leaky_relu(source[i, h] + target[i, h] + self_edge[i, h]).
struct GatAttention {
  const char* op;
  DType value;
  CsrGraph graph;
  int64_t heads;
  double negative_slope;
  bool self_loops;
  const void* source;     // [num_sources, heads]
  const void* target;     // [num_rows, heads]
  const void* edge;       // [num_edges, heads] or null: 0
  const void* self_edge;  // [num_rows, heads] or null: 0
};

struct GatCoefficients {
  GatAttention attention;
  void* alpha;       // [num_edges, heads]
  void* self_alpha;  // [num_rows, heads]; 0 without self_loops
};

// out[i, h] = sum over p in row i of alpha[p, h] x[col[p], h] + self_alpha[i, h] x[i, h]; no alpha is stored.
struct GatAggregate {
  GatAttention attention;
  int64_t channels;  // of one head
  const void* x;     // [num_sources, heads, channels]
  void* out;         // [num_rows, heads, channels]
};

namespace cpu {

size_t gat_coefficients_workspace(const GatCoefficients& args);
void gat_coefficients(const GatCoefficients& args, void* workspace, const Parallel& parallel);
size_t gat_aggregate_workspace(const GatAggregate& args);
void gat_aggregate(const GatAggregate& args, void* workspace, const Parallel& parallel);

}  // namespace cpu
}  // namespace geocompile
