// Cut at the middle, by index, along the widest side: as deep as the logarithm whatever the points are. Points that are
// equal in a coordinate are cut by their index, so that of many equal points the lowest stand together.
#include "neighbour_tree.h"

#include <algorithm>
#include <limits>

#include "balance.h"
#include "simd.h"

namespace geocompile::cpu {
namespace {

using namespace GEOCOMPILE_ISA;

constexpr int64_t kSmallestTask = 4096;  // items

template <class T, int kDims>
struct Item {
  T at[kDims];
  int32_t index;
};

// Calls body(Type<S>{}, Type<Item>{}) with the element type of the points and the items' type.
template <class Body>
void with_items(const Neighbours& args, const Body& body) {
  with_value_type(args.value, [&](auto value) {
    using T = Sum<typename decltype(value)::type>;
    switch (tree_dims(args.dims)) {
      case 2: return body(value, Type<Item<T, 2>>{});
      case 3: return body(value, Type<Item<T, 3>>{});
      case 4: return body(value, Type<Item<T, 4>>{});
      case 8: return body(value, Type<Item<T, 8>>{});
      default: return body(value, Type<Item<T, kMostTreeDims>>{});
    }
  });
}

int64_t tasks_of(int64_t items, const Parallel& parallel) {
  return task_count(items, parallel.threads(), kSmallestTask);
}

// Where a part is cut: near its middle, at a multiple of the largest power of 16 that is smaller than it. All but the
// last group of each level are full then.
int64_t middle_of(const Part& part) {
  int64_t unit = kGroup;
  while (unit * kGroup < part.end - part.begin) unit *= kGroup;
  const int64_t units = (part.end - part.begin + unit - 1) / unit;
  return part.begin + (units + 1) / 2 * unit;
}

template <class T, int kDims>
int widest(const Item<T, kDims>* items, const Part& part) {
  T low[kDims], high[kDims];
  for (int d = 0; d < kDims; ++d) low[d] = high[d] = items[part.begin].at[d];
  for (int64_t i = part.begin + 1; i < part.end; ++i) {
    for (int d = 0; d < kDims; ++d) {
      low[d] = std::min(low[d], items[i].at[d]);
      high[d] = std::max(high[d], items[i].at[d]);
    }
  }
  int result = 0;
  for (int d = 1; d < kDims; ++d)
    if (high[d] - low[d] > high[result] - low[result]) result = d;
  return result;
}

template <class T, int kDims>
int64_t cut(Item<T, kDims>* items, const Part& part) {
  using I = Item<T, kDims>;
  const int64_t middle = middle_of(part);
  const int d = widest(items, part);
  std::nth_element(items + part.begin, items + middle, items + part.end, [d](const I& a, const I& b) {
    return a.at[d] < b.at[d] || (a.at[d] == b.at[d] && a.index < b.index);
  });
  return middle;
}

template <class T, int kDims>
void order_part(Item<T, kDims>* items, const Part& part, int64_t smallest) {
  if (part.end - part.begin <= smallest) return;
  const int64_t middle = cut(items, part);
  order_part(items, {part.begin, middle}, smallest);
  order_part(items, {middle, part.end}, smallest);
}

// --- boxes -----------------------------------------------------------------------------------------------------------

template <class T, int kDims>
struct Packed {
  T* groups;
  int32_t* places;
  T* boxes;
  int32_t* lowest;
  const Tree& tree;

  Packed(const TreeArrays& to, const Tree& tree)
      : groups(static_cast<T*>(to.groups)),
        places(to.places),
        boxes(static_cast<T*>(to.boxes)),
        lowest(to.lowest),
        tree(tree) {}

  T* corners(int64_t level, int64_t group) const { return boxes + (tree.boxes[level] + group) * 2 * kDims * kGroup; }

  // The points of a group, and the box around them in the level above. Where points are missing, infinite ones of the
  // highest index stand, which nobody wants.
  void pack_group(const Item<T, kDims>* items, int64_t count, int64_t group) const {
    constexpr T kInfinity = std::numeric_limits<T>::infinity();
    T* to = groups + (tree.first_item / kGroup + group) * kDims * kGroup;
    int32_t* place = places + tree.first_item + group * kGroup;
    T* low = corners(1, group / kGroup) + group % kGroup;
    T* high = low + kDims * kGroup;
    int32_t least = std::numeric_limits<int32_t>::max();
    for (int64_t i = 0; i < kGroup; ++i) {
      place[i] = i < count ? items[i].index : std::numeric_limits<int32_t>::max();
      least = std::min(least, place[i]);
    }
    for (int d = 0; d < kDims; ++d) {
      T lower = kInfinity, upper = -kInfinity;
      for (int64_t i = 0; i < kGroup; ++i) {
        to[d * kGroup + i] = i < count ? items[i].at[d] : kInfinity;
        if (i >= count) continue;
        lower = std::min(lower, items[i].at[d]);
        upper = std::max(upper, items[i].at[d]);
      }
      low[d * kGroup] = lower;
      high[d * kGroup] = upper;
    }
    lowest[(tree.boxes[1] + group / kGroup) * kGroup + group % kGroup] = least;
  }

  void pack_boxes(int64_t level, int64_t group) const {
    const T* low = corners(level, group);
    const T* high = low + kDims * kGroup;
    T* to = corners(level + 1, group / kGroup) + group % kGroup;
    for (int d = 0; d < kDims; ++d) {
      to[d * kGroup] = *std::min_element(low + d * kGroup, low + (d + 1) * kGroup);
      to[(kDims + d) * kGroup] = *std::max_element(high + d * kGroup, high + (d + 1) * kGroup);
    }
    const int32_t* from = lowest + (tree.boxes[level] + group) * kGroup;
    lowest[(tree.boxes[level + 1] + group / kGroup) * kGroup + group % kGroup] = *std::min_element(from, from + kGroup);
  }

  // The boxes that the last group of a level has room for and the level below has no groups for.
  void clear_rest(int64_t level, int64_t boxes_used) const {
    for (int64_t i = boxes_used % kGroup; i != 0 && i < kGroup; ++i) {
      T* low = corners(level, boxes_used / kGroup) + i;
      for (int d = 0; d < kDims; ++d) {
        low[d * kGroup] = std::numeric_limits<T>::infinity();
        low[(kDims + d) * kGroup] = -std::numeric_limits<T>::infinity();
      }
      lowest[(tree.boxes[level] + boxes_used / kGroup) * kGroup + i] = std::numeric_limits<int32_t>::max();
    }
  }
};

}  // namespace

size_t item_bytes(const Neighbours& args) {
  size_t bytes = 0;
  with_items(args, [&](auto, auto item) { bytes = sizeof(typename decltype(item)::type); });
  return bytes;
}

void copy_items(const Neighbours& args, const void* points, int64_t begin, int64_t end, void* items, int64_t to,
                const Parallel& parallel) {
  with_items(args, [&](auto value, auto item) {
    const auto* from = static_cast<const typename decltype(value)::type*>(points);
    auto* out = static_cast<typename decltype(item)::type*>(items) + to - begin;
    for_pieces(end - begin, tasks_of(end - begin, parallel), parallel, [&](int64_t, int64_t first, int64_t last) {
      for (int64_t i = begin + first; i < begin + last; ++i) {
        out[i] = {};
        for (int64_t d = 0; d < args.dims; ++d) out[i].at[d] = load_one(from + i * args.dims + d);
        out[i].index = static_cast<int32_t>(i);
      }
    });
  });
}

int64_t part_room(int64_t parts, int64_t threads) { return 2 * std::max(parts, 8 * threads); }

void order_items(const Neighbours& args, void* items, Part* parts, int64_t count, int64_t smallest,
                 const Parallel& parallel) {
  with_items(args, [&](auto, auto item) {
    auto* all = static_cast<typename decltype(item)::type*>(items);
    // Each round cuts every part in two, until there is one for each task.
    for (int round = 0; count < 4 * parallel.threads() && round < 8; ++round) {
      parallel(count, [&](int64_t p) {
        const Part part = parts[p];
        const bool whole = part.end - part.begin <= std::max(smallest, kSmallestTask);
        const int64_t middle = whole ? part.end : cut(all, part);
        parts[p] = {part.begin, middle};
        parts[count + p] = {middle, part.end};
      });
      count *= 2;
    }
    parallel(count, [&](int64_t p) {
      if (parts[p].begin < parts[p].end) order_part(all, parts[p], smallest);
    });
  });
}

void pack_tree(const Neighbours& args, const Cloud& cloud, const Tree& tree, const void* items, const TreeArrays& to,
               const Parallel& parallel) {
  with_items(args, [&](auto, auto item) {
    using I = typename decltype(item)::type;
    constexpr int kDims = sizeof(I{}.at) / sizeof(I{}.at[0]);
    using T = std::remove_reference_t<decltype(I{}.at[0])>;
    const Packed<T, kDims> packed(to, tree);
    const I* all = static_cast<const I*>(items) + tree.first_item;
    int64_t groups = groups_of(cloud.num_points);
    for_pieces(groups, tasks_of(groups, parallel), parallel, [&](int64_t, int64_t first, int64_t last) {
      for (int64_t g = first; g < last; ++g)
        packed.pack_group(all + g * kGroup, std::min(kGroup, cloud.num_points - g * kGroup), g);
    });
    for (int64_t level = 1;; ++level) {
      packed.clear_rest(level, groups);
      groups = groups_of(groups);
      if (level == tree.levels) break;
      for (int64_t g = 0; g < groups; ++g) packed.pack_boxes(level, g);
    }
  });
}

void list_items(const Neighbours& args, const void* items, int64_t begin, int64_t end, int32_t* order,
                const Parallel& parallel) {
  with_items(args, [&](auto, auto item) {
    const auto* from = static_cast<const typename decltype(item)::type*>(items) + begin;
    for_pieces(end - begin, tasks_of(end - begin, parallel), parallel, [&](int64_t, int64_t first, int64_t last) {
      for (int64_t i = first; i < last; ++i) order[i] = from[i].index;
    });
  });
}

}  // namespace geocompile::cpu
