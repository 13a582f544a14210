// Neighbour search: the nearest points of each query's graph, exactly.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "parallel.h"
#include "tensor_info.h"

namespace geocompile {

// Of each query the nearest points of the same graph, nearest first, ties to the lower index. A distance is the squared
// Euclidean one, summed in the order of dimensions, or 1 - a.b / (|a| |b|); halves are computed in float32.
struct Neighbours {
  const char* op;
  const char* points_name;
  const char* queries_name;
  DType value;
  DType batch;  // of both batch vectors
  int64_t num_points, num_queries, dims;
  int64_t most;  // neighbours of a query
  bool within;   // only points closer than radius
  double radius;
  bool cosine;
  bool skip_self;  // query i is point i, which is no neighbour of itself
  bool all_found;  // a query without any neighbour is refused
  const void* points;
  const void* queries;
  const void* batch_of_points;  // both or neither; sorted
  const void* batch_of_queries;
};

// What the operators are handed: points x, queries y; `most` is k or max_num_neighbors.
struct NeighboursInfo {
  TensorInfo x, y;
  std::optional<TensorInfo> batch_x, batch_y;
};

// The search that these arguments ask for, its pointers still missing. Throw std::invalid_argument.
Neighbours check_knn(const NeighboursInfo& in, int64_t k, bool cosine, bool skip_self);
Neighbours check_radius(const NeighboursInfo& in, double r, int64_t max_num_neighbors, bool skip_self);
Neighbours check_nearest(const NeighboursInfo& in);  // for each point of x the nearest of y

namespace cpu {

// Call them in this order, with one workspace. Coordinates that are not finite and unsorted batch vectors are refused
// by the second: std::invalid_argument, negative graph numbers: std::out_of_range.
size_t neighbours_workspace(const Neighbours& args, int64_t threads);
int64_t count_neighbours(const Neighbours& args, void* workspace, const Parallel& parallel);
// queries[e] and points[e] of each pair, by query; queries may be null.
void write_neighbours(const Neighbours& args, void* workspace, int64_t* queries, int64_t* points,
                      const Parallel& parallel);

}  // namespace cpu
}  // namespace geocompile
