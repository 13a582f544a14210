// kd-trees of clouds: their points in an order in which near ones stand together, and the boxes above.
#pragma once

#include <cstddef>
#include <cstdint>

#include "../parallel.h"
#include "neighbour_search.h"

namespace geocompile::cpu {

// A run of items of one cloud.
struct Part {
  int64_t begin, end;
};

// Points as a tree stores them: tree_dims(dims) coordinates in float or double, and their index.
size_t item_bytes(const Neighbours& args);

// Copies points (or queries) begin to end - 1 to the items from `to` on.
void copy_items(const Neighbours& args, const void* points, int64_t begin, int64_t end, void* items, int64_t to,
                const Parallel& parallel);
// Orders the items of the first `count` of `parts`, each a whole cloud, until they are in parts of `smallest`; there is
// room for part_room() of them.
void order_items(const Neighbours& args, void* items, Part* parts, int64_t count, int64_t smallest,
                 const Parallel& parallel);
int64_t part_room(int64_t parts, int64_t threads);

// The arrays of a search, still to be filled.
struct TreeArrays {
  void* groups;
  int32_t* places;
  void* boxes;
  int32_t* lowest;
};

// Packs ordered items into groups, and boxes above them.
void pack_tree(const Neighbours& args, const Cloud& cloud, const Tree& tree, const void* items, const TreeArrays& to,
               const Parallel& parallel);
// The indices of ordered items.
void list_items(const Neighbours& args, const void* items, int64_t begin, int64_t end, int32_t* order,
                const Parallel& parallel);

// The number of groups of 16 that `count` elements fill.
constexpr int64_t groups_of(int64_t count) { return (count + kGroup - 1) / kGroup; }

}  // namespace geocompile::cpu
