// Choosing nodes graph by graph: where the graphs of a sorted batch begin, the best nodes of each, the edges among
// them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "parallel.h"
#include "tensor_info.h"

namespace geocompile {

// batch[num_nodes], ascending, in [0, num_graphs); ptr[num_graphs + 1] is where each graph begins.
struct GraphPtr {
  DType dtype;
  int64_t num_nodes, num_graphs;
  const void* batch;
  void* ptr;
};

// perm: of each graph the ceil(ratio n) nodes (in float32), or for a ratio of at least 1 that many, but at most all, of
// the highest score; graph by graph, highest first. Ties go to the lowest node, NaN is above all else.
struct TopK {
  DType value, index;
  int64_t num_nodes, num_graphs;
  double ratio;
  const void* score;
  const void* ptr;
  int64_t* perm;
};

// out[:, u] = the places in perm of both ends of edge edges[u], for the edges that have them, in their order. A node
// that perm names twice has its first place.
struct FilterEdges {
  DType index;
  int64_t num_edges, num_kept, num_nodes;
  const void* edge_index;  // [2, num_edges]
  const int64_t* perm;     // [num_kept]
  void* out;               // [2, U]
  int64_t* edges;          // [U]
};

void check_graph_ptr(const TensorInfo& batch, const std::optional<TensorInfo>& like);
void check_topk(const TensorInfo& score, const TensorInfo& ptr, double ratio);
void check_filter_edges(const TensorInfo& edge_index, const TensorInfo& perm, const TensorInfo& like);

namespace cpu {

// The last graph's number + 1. Throws std::invalid_argument where the numbers fall, std::out_of_range for a negative
// or absurd one; op is named.
int64_t count_sorted_graphs(const char* op, DType dtype, const void* batch, int64_t num_nodes);
void graph_ptr(const GraphPtr& args);

// The size of perm, after checking ptr.
int64_t topk_size(const TopK& args);
size_t topk_workspace(const TopK& args);
void topk(const TopK& args, void* workspace, const Parallel& parallel);

// The number U of edges that are kept; the workspace then goes to filter_edges.
size_t filter_edges_workspace(const FilterEdges& args);
int64_t filter_edges_size(const FilterEdges& args, void* workspace, const Parallel& parallel);
void filter_edges(const FilterEdges& args, int64_t size, void* workspace, const Parallel& parallel);

}  // namespace cpu
}  // namespace geocompile
