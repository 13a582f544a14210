// What the parts of a neighbour search hand to each other: clouds, packed points, trees, and where the found go.
#pragma once

#include <cstdint>

#include "../neighbours.h"

namespace geocompile::cpu {

constexpr int64_t kGroup = 16;  // points, or boxes, whose distances are computed together: a vector or a few
constexpr int64_t kMostTreeDims = 16;
constexpr int64_t kMostLevels = 8;  // 16^8 points
constexpr int64_t kTile = 32;       // queries that go through packed points together

// The number of coordinates that a point of a tree is stored with: a few, so that loops over them are unrolled. The
// rest are zeros, which change no distance.
constexpr int64_t tree_dims(int64_t dims) {
  for (const int64_t stored : {2, 3, 4, 8})
    if (dims <= stored) return stored;
  return kMostTreeDims;
}

// The points and queries of one graph.
struct Cloud {
  int64_t first_point, num_points;
  int64_t first_query, num_queries;
  int64_t first_out;  // place of the first pair; of k nearest only
  int64_t found;      // most neighbours of each query
  int64_t tree;       // -1: all points are compared
};

// Points in the order of a kd-tree, in groups of 16; above each 16 groups a group of their boxes, and so on up to one
// group. Group g of a level holds the boxes of the groups 16 g to 16 g + 15 below.
struct Tree {
  int64_t cloud;
  int64_t first_item;          // of its items; a multiple of kGroup
  int64_t levels;              // of boxes
  int64_t boxes[kMostLevels];  // first group of each level of boxes, from 1
};

// Where the neighbours of query q go: `stored` and counted, or at their place in the result.
struct Sink {
  int32_t* stored;  // [num_queries, stride], or null
  int64_t stride;
  int64_t* counts;         // [num_queries], or null: they go to the result
  const int64_t* offsets;  // null: each query of a cloud has cloud.found
  int64_t* queries;        // or null
  int64_t* points;
};

// Arrays of T, the type that distances are computed in.
struct NeighbourSearch {
  const Neighbours* args;
  const Cloud* clouds;
  int64_t num_clouds;
  const Tree* trees;
  const int32_t* order;   // the queries of clouds with a tree, near ones together
  const void* groups;     // [tree points / 16, tree_dims, 16]
  const int32_t* places;  // [tree points]: the index of each point
  const void* boxes;      // [., 2, tree_dims, 16]: lower corners, upper corners
  const int32_t* lowest;  // [., 16]: the lowest index in each box
  const void* packed;     // [num_points / 16, dims, 16]: points of clouds without a tree
  const void* norms;      // [num_points]; with cosine
  Sink sink;
};

// Bytes of scratch memory of a call of search_neighbours.
size_t search_scratch(const Neighbours& args);
int64_t tile_of(int64_t most);

// Finds the neighbours of the queries at the places begin to end - 1, counted cloud by cloud.
void search_neighbours(const NeighbourSearch& search, int64_t begin, int64_t end, void* scratch);

}  // namespace geocompile::cpu
