// Attention over the edges of each row, scores, softmax and weighted sum fused: nothing is stored per edge and channel.
#pragma once

#include <cstddef>
#include <cstdint>

#include "csr_graph.h"
#include "parallel.h"
#include "tensor_info.h"

namespace geocompile {

// score[p, h] = scale (<query[i, h], key[col[p], h]> + <edge_query[i, h], edge[p]>), p in row i; alpha is the softmax
// of the scores over the row.
struct DotScores {
  const char* op;
  DType value;
  CsrGraph graph;
  int64_t heads;
  int64_t channels;       // of one head of query and key
  int64_t edge_channels;  // 0 without edge
  double scale;
  const void* query;       // [num_rows, heads, channels]
  const void* key;         // [num_sources, heads, channels]
  const void* edge_query;  // [num_rows, heads, edge_channels] or null
  const void* edge;        // [num_edges, edge_channels] or null
};

struct DotCoefficients {
  DotScores scores;
  void* alpha;  // [num_edges, heads]
};

// out[i, h] = sum over p in row i of alpha[p, h] value[col[p], h], and edge_out[i, h] = that of alpha[p, h] edge[p].
struct DotAttention {
  DotScores scores;
  int64_t value_channels;  // of one head
  const void* value;       // [num_sources, heads, value_channels]
  void* out;               // [num_rows, heads, value_channels]
  void* edge_out;          // [num_rows, heads, edge_channels]
};

// score[p, h] = <att[h], leaky_relu(z[p, h])>, z[p, h] = target[i, h] + source[col[p], h] + edge_weight[h] edge[p], p
// in row i; alpha is the softmax of the scores over the row.
struct AdditiveScores {
  const char* op;
  DType value;
  CsrGraph graph;
  int64_t heads;
  int64_t channels;       // of one head
  int64_t edge_channels;  // 0 without edge
  double negative_slope;
  const void* target;       // [num_rows, heads, channels]
  const void* source;       // [num_sources, heads, channels]
  const void* att;          // [heads, channels]
  const void* edge;         // [num_edges, edge_channels] or null
  const void* edge_weight;  // [heads, channels, edge_channels] or null
};

struct AdditiveCoefficients {
  AdditiveScores scores;
  void* alpha;  // [num_edges, heads]
};

// out[i, h] = sum over p in row i of alpha[p, h] source[col[p], h].
struct AdditiveAttention {
  AdditiveScores scores;
  void* out;  // [num_rows, heads, channels]
};

// Sums over row i, for the gradients of the scores, which are not computed here: att is not read.
// slope_sum[i, h] = sum of weight[p, h] leaky_relu'(z[p, h]), value_sum[i, h] = that of weight[p, h] leaky_relu(z[p,
// h]).
struct AdditiveSums {
  AdditiveScores scores;
  const void* weight;  // [num_edges, heads]
  void* slope_sum;     // [num_rows, heads, channels]
  void* value_sum;     // [num_rows, heads, channels]
};

// With g[p, h] = weight[p, h] att[h] leaky_relu'(z[p, h]): grad_edge[p] = sum over h of edge_weight[h]^T g[p, h], and
// grad_weight[h] = sum over all edges of g[p, h] edge[p]^T.
struct AdditiveEdgeGradients {
  AdditiveScores scores;
  const void* row;     // [num_edges], of the index dtype: the row of each edge, in place of rowptr
  const void* weight;  // [num_edges, heads]
  void* grad_edge;     // [num_edges, edge_channels]
  void* grad_weight;   // [heads, channels, edge_channels]
};

namespace cpu {

size_t dot_coefficients_workspace(const DotCoefficients& args);
void dot_coefficients(const DotCoefficients& args, void* workspace, const Parallel& parallel);
size_t dot_attention_workspace(const DotAttention& args);
void dot_attention(const DotAttention& args, void* workspace, const Parallel& parallel);
size_t additive_coefficients_workspace(const AdditiveCoefficients& args);
void additive_coefficients(const AdditiveCoefficients& args, void* workspace, const Parallel& parallel);
size_t additive_attention_workspace(const AdditiveAttention& args);
void additive_attention(const AdditiveAttention& args, void* workspace, const Parallel& parallel);
size_t additive_sums_workspace(const AdditiveSums& args);
void additive_sums(const AdditiveSums& args, void* workspace, const Parallel& parallel);
size_t additive_edge_gradients_workspace(const AdditiveEdgeGradients& args);
void additive_edge_gradients(const AdditiveEdgeGradients& args, void* workspace, const Parallel& parallel);

}  // namespace cpu
}  // namespace geocompile
