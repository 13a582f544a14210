// The search itself: down a tree of boxes, or past all points, a group of 16 at a time.
//
// A box is at most as far as each point in it, in floating point too: both distances are made by the same operations in
// the same order, each of which is monotone. That needs products and sums that are rounded one by one, which is why
// this file is compiled without contraction to fused multiply-adds.
#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>

#include "../nearest_keys.h"
#include "../neighbour_search.h"

namespace geocompile::cpu::GEOCOMPILE_ISA {
namespace {

template <class T>
using Wide = typename Vector<T, GEOCOMPILE_VECTOR_BYTES>::type;
template <class T>
constexpr int64_t kWidth = lanes_of<Wide<T>>;
template <class T>
constexpr int64_t kVectors = kGroup / kWidth<T>;  // of a group

template <class T>
struct alignas(64) Distances {
  T of[kGroup];
};

// Bit i: distance i is at most the limit.
inline uint32_t at_most(const Distances<float>& d, float limit) {
  uint32_t mask = 0;
#if defined(__AVX512F__)
  mask = _mm512_cmp_ps_mask(_mm512_load_ps(d.of), _mm512_set1_ps(limit), _CMP_LE_OQ);
#elif defined(__AVX2__)
  for (int i = 0; i < 2; ++i)
    mask |= _mm256_movemask_ps(_mm256_cmp_ps(_mm256_load_ps(d.of + 8 * i), _mm256_set1_ps(limit), _CMP_LE_OQ)) << 8 * i;
#else
  for (int i = 0; i < kGroup; ++i) mask |= static_cast<uint32_t>(d.of[i] <= limit) << i;
#endif
  return mask;
}

inline uint32_t at_most(const Distances<double>& d, double limit) {
  uint32_t mask = 0;
  for (int i = 0; i < kGroup; ++i) mask |= static_cast<uint32_t>(d.of[i] <= limit) << i;
  return mask;
}

// --- trees -----------------------------------------------------------------------------------------------------------

template <class T, int kDims>
struct Descent {
  const T* groups;
  const int32_t* places;
  const T* boxes;
  const int32_t* lowest;
  const Tree* tree;
  T query[kDims];
  int32_t self;  // the place that is no neighbour, or -1
  Nearest<T> nearest;

  void visit_leaf(int64_t group) {
    const T* points = groups + group * kDims * kGroup;
    Distances<T> distances;
    for (int64_t v = 0; v < kGroup; v += kWidth<T>) {
      Wide<T> sum = {};
      for (int d = 0; d < kDims; ++d) {
        const Wide<T> difference = splat<Wide<T>>(query[d]) - load<Wide<T>>(points + d * kGroup + v);
        sum = d ? sum + difference * difference : difference * difference;
      }
      store(distances.of + v, sum);
    }
    const int32_t* place = places + group * kGroup;
    for (uint32_t near = at_most(distances, nearest.limit()); near; near &= near - 1) {
      const int lane = __builtin_ctz(near);
      if (place[lane] != self) nearest.offer(distances.of[lane], place[lane]);
    }
  }

  Distances<T> box_distances(int64_t group) const {
    const T* low = boxes + group * 2 * kDims * kGroup;
    const T* high = low + kDims * kGroup;
    Distances<T> distances;
    for (int64_t v = 0; v < kGroup; v += kWidth<T>) {
      Wide<T> sum = {};
      for (int d = 0; d < kDims; ++d) {
        const Wide<T> at = splat<Wide<T>>(query[d]);
        const Wide<T> below = load<Wide<T>>(low + d * kGroup + v) - at,
                      above = at - load<Wide<T>>(high + d * kGroup + v);
        const Wide<T> farther = below > above ? below : above;
        const Wide<T> outside = farther > 0 ? farther : Wide<T>{};
        sum = d ? sum + outside * outside : outside * outside;
      }
      store(distances.of + v, sum);
    }
    return distances;
  }

  // The nearest box first; boxes as far as the farthest that is kept may still hold a lower index.
  void visit(int64_t level, int64_t group) {
    if (level == 0) return visit_leaf(tree->first_item / kGroup + group);
    const int64_t at = tree->boxes[level] + group;
    const Distances<T> distances = box_distances(at);
    uint32_t left = (1u << kGroup) - 1;
    while (const uint32_t near = left & at_most(distances, nearest.limit())) {
      int lane = __builtin_ctz(near);
      for (uint32_t others = near & (near - 1); others; others &= others - 1) {
        const int other = __builtin_ctz(others);
        lane = distances.of[other] < distances.of[lane] ? other : lane;
      }
      left &= ~(1u << lane);
      if (nearest.wants(distances.of[lane], lowest[at * kGroup + lane])) visit(level - 1, group * kGroup + lane);
    }
  }
};

// --- results ---------------------------------------------------------------------------------------------------------

template <class T>
void emit(const Sink& sink, const Cloud& cloud, int64_t query, Nearest<T>& nearest) {
  const int64_t count = nearest.finish();
  if (sink.counts) {
    sink.counts[query] = count;
    if (!sink.stored) return;
    int32_t* to = sink.stored + query * sink.stride;
    for (int64_t i = 0; i < count; ++i) to[i] = nearest.place(i);
    return;
  }
  const int64_t at = sink.offsets ? sink.offsets[query] : cloud.first_out + (query - cloud.first_query) * cloud.found;
  const int64_t end = sink.offsets ? sink.offsets[query + 1] : at + cloud.found;
  for (int64_t i = 0; at + i < end; ++i) {
    sink.points[at + i] = i < count ? nearest.place(i) : 0;  // fewer: another thread changed the points meanwhile
    if (sink.queries) sink.queries[at + i] = query;
  }
}

template <class T>
T limit_of(const Neighbours& args) {
  constexpr T infinity = std::numeric_limits<T>::infinity();
  if (!args.within || args.radius > std::numeric_limits<T>::max()) return infinity;
  const T radius = static_cast<T>(args.radius);
  return radius * radius;
}

// Index 0 at the limit: what is exactly as far is not within. Else everything is wanted.
inline int32_t index_at_limit(const Neighbours& args) { return args.within ? 0 : std::numeric_limits<int32_t>::max(); }

template <class S, class T, int kDims>
void search_tree(const NeighbourSearch& search, const Cloud& cloud, int64_t begin, int64_t end, void* scratch) {
  const Neighbours& args = *search.args;
  Descent<T, kDims> descent;
  descent.groups = static_cast<const T*>(search.groups);
  descent.places = search.places;
  descent.boxes = static_cast<const T*>(search.boxes);
  descent.lowest = search.lowest;
  descent.tree = search.trees + cloud.tree;
  for (int d = 0; d < kDims; ++d) descent.query[d] = 0;
  for (int64_t p = begin; p < end; ++p) {
    const int64_t query = search.order[p];
    const S* coordinates = static_cast<const S*>(args.queries) + query * args.dims;
    for (int64_t d = 0; d < args.dims; ++d) descent.query[d] = load_one(coordinates + d);
    descent.self = args.skip_self ? static_cast<int32_t>(query) : -1;
    descent.nearest.start(static_cast<Key<T>*>(scratch), cloud.found, limit_of<T>(args), index_at_limit(args));
    descent.visit(descent.tree->levels, 0);
    emit(search.sink, cloud, query, descent.nearest);
  }
}

// --- all points ------------------------------------------------------------------------------------------------------

#if GEOCOMPILE_VECTOR_REGISTERS == 32
constexpr int kRows = 4;
template <class T>
constexpr int kColumns = 2 * kGroup / kWidth<T> > 4 ? kGroup / kWidth<T> : 2 * kGroup / kWidth<T>;
#else
constexpr int kRows = GEOCOMPILE_VECTOR_BYTES == 32 ? 4 : 2;
template <class T>
constexpr int kColumns = kGroup / kWidth<T>;
#endif
constexpr int64_t kPanelValues = 8192;  // of packed points that a tile of queries passes together: half a first cache

template <class S, class T>
struct AllPoints {
  const NeighbourSearch& search;
  const Neighbours& args;
  const Cloud& cloud;
  const T* packed = static_cast<const T*>(search.packed);
  const T* norms = static_cast<const T*>(search.norms);
  Nearest<T> nearest[kTile];
  T query_norms[kTile];

  static constexpr int64_t kGroups = kColumns<T> * kWidth<T> / kGroup;  // passed at a time

  AllPoints(const NeighbourSearch& search, const Cloud& cloud) : search(search), args(*search.args), cloud(cloud) {}

  // The queries first to first + count - 1, their coordinates in scratch.
  void run(int64_t first, int64_t count, T* coordinates, Key<T>* keys) {
    for (int64_t i = 0; i < count; ++i) {
      load_query(first + i, coordinates + i * args.dims, query_norms[i]);
      nearest[i].start(keys + i * key_slots(cloud.found), cloud.found, limit_of<T>(args), index_at_limit(args));
    }
    const int64_t begin = cloud.first_point / kGroup, end = (cloud.first_point + cloud.num_points - 1) / kGroup + 1;
    int64_t panel = kPanelValues / (kGroup * (args.dims + 1)) / kGroups * kGroups;
    panel = panel < kGroups ? kGroups : panel;
    for (int64_t from = begin; from < end; from += panel) {
      const int64_t to = from + panel < end ? from + panel : end;
      for (int64_t i = 0; i < count; i += kRows)
        for (int64_t group = from; group < to; group += kGroups)
          pass(first, i, count, coordinates, group, to - group < kGroups ? to - group : kGroups);
    }
    for (int64_t i = 0; i < count; ++i) emit(search.sink, cloud, first + i, nearest[i]);
  }

  void load_query(int64_t query, T* coordinates, T& norm) const {
    const S* from = static_cast<const S*>(args.queries) + query * args.dims;
    T squares = 0;
    for (int64_t d = 0; d < args.dims; ++d) {
      coordinates[d] = load_one(from + d);
      squares += coordinates[d] * coordinates[d];
    }
    norm = std::sqrt(squares);
  }

  // A few queries and a few groups of points, in registers; the last group of all is read twice where one is missing.
  void pass(int64_t first, int64_t row, int64_t count, const T* coordinates, int64_t group, int64_t groups) {
    const T* queries[kRows];
    for (int r = 0; r < kRows; ++r) queries[r] = coordinates + (row + r < count ? row + r : count - 1) * args.dims;
    const T* columns[kColumns<T>];
    for (int c = 0; c < kColumns<T>; ++c) {
      const int64_t g = c * kWidth<T> / kGroup;
      columns[c] = packed + (group + (g < groups ? g : 0)) * args.dims * kGroup + c * kWidth<T> % kGroup;
    }
    Wide<T> sums[kRows][kColumns<T>] = {};
    args.cosine ? products(queries, columns, sums) : squares(queries, columns, sums);
    for (int r = 0; r < kRows && row + r < count; ++r)
      for (int64_t g = 0; g < groups; ++g) offer(first, row + r, group + g, sums[r] + g * kVectors<T>);
  }

  void squares(const T* const* queries, const T* const* columns, Wide<T> (*sums)[kColumns<T>]) const {
    accumulate(queries, columns, sums, [](Wide<T> sum, Wide<T> a, Wide<T> b) {
      const Wide<T> difference = a - b;
      return sum + difference * difference;
    });
  }

  void products(const T* const* queries, const T* const* columns, Wide<T> (*sums)[kColumns<T>]) const {
    accumulate(queries, columns, sums, [](Wide<T> sum, Wide<T> a, Wide<T> b) { return sum + a * b; });
  }

  template <class Add>
  [[gnu::always_inline]] void accumulate(const T* const* queries, const T* const* columns, Wide<T> (*sums)[kColumns<T>],
                                         const Add& add) const {
    Wide<T> local[kRows][kColumns<T>] = {};
    for (int64_t d = 0; d < args.dims; ++d) {
      Wide<T> points[kColumns<T>];
#pragma GCC unroll 8
      for (int c = 0; c < kColumns<T>; ++c) points[c] = load<Wide<T>>(columns[c] + d * kGroup);
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r) {
        const Wide<T> query = splat<Wide<T>>(queries[r][d]);
#pragma GCC unroll 8
        for (int c = 0; c < kColumns<T>; ++c) local[r][c] = add(local[r][c], query, points[c]);
      }
    }
    for (int r = 0; r < kRows; ++r)
      for (int c = 0; c < kColumns<T>; ++c) sums[r][c] = local[r][c];
  }

  void offer(int64_t first, int64_t row, int64_t group, const Wide<T>* sums) {
    Distances<T> distances;
    for (int64_t v = 0; v < kVectors<T>; ++v)
      store(distances.of + v * kWidth<T>, args.cosine ? cosine_distance(sums[v], row, group, v) : sums[v]);
    const int64_t first_place = group * kGroup;
    uint32_t near = at_most(distances, nearest[row].limit()) & lanes_of_cloud(first_place);
    for (; near; near &= near - 1) {
      const int64_t lane = __builtin_ctz(near), place = first_place + lane;
      if (!args.skip_self || place != first + row) nearest[row].offer(distances.of[lane], static_cast<int32_t>(place));
    }
  }

  Wide<T> cosine_distance(Wide<T> product, int64_t row, int64_t group, int64_t v) const {
    const Wide<T> similarity =
        product / (splat<Wide<T>>(query_norms[row]) * load<Wide<T>>(norms + group * kGroup + v * kWidth<T>));
    return splat<Wide<T>>(T(1)) - (similarity == similarity ? similarity : Wide<T>{});
  }

  uint32_t lanes_of_cloud(int64_t first_place) const {
    const int64_t before = cloud.first_point - first_place, end = cloud.first_point + cloud.num_points - first_place;
    const uint32_t from = before > 0 ? ~0u << before : ~0u;
    return end < kGroup ? from & ((1u << end) - 1) : from;
  }
};

template <class S, class T>
void search_all(const NeighbourSearch& search, const Cloud& cloud, int64_t begin, int64_t end, void* scratch) {
  AllPoints<S, T> points(search, cloud);
  const int64_t tile = tile_of(cloud.found);
  auto* keys = static_cast<Key<T>*>(scratch);
  auto* coordinates = reinterpret_cast<T*>(keys + tile * key_slots(cloud.found));
  for (int64_t first = begin; first < end; first += tile)
    points.run(first, end - first < tile ? end - first : tile, coordinates, keys);
}

template <class S, class T>
void search_cloud(const NeighbourSearch& search, const Cloud& cloud, int64_t begin, int64_t end, void* scratch) {
  if (cloud.found == 0) {
    if (search.sink.counts) std::memset(search.sink.counts + begin, 0, (end - begin) * sizeof(int64_t));
    return;
  }
  if (cloud.tree < 0) return search_all<S, T>(search, cloud, begin, end, scratch);
  switch (tree_dims(search.args->dims)) {
    case 2: return search_tree<S, T, 2>(search, cloud, begin, end, scratch);
    case 3: return search_tree<S, T, 3>(search, cloud, begin, end, scratch);
    case 4: return search_tree<S, T, 4>(search, cloud, begin, end, scratch);
    case 8: return search_tree<S, T, 8>(search, cloud, begin, end, scratch);
    default: return search_tree<S, T, kMostTreeDims>(search, cloud, begin, end, scratch);
  }
}

int64_t cloud_at(const NeighbourSearch& search, int64_t query) {
  int64_t low = 0, high = search.num_clouds - 1;
  while (low < high) {
    const int64_t middle = low + (high - low + 1) / 2;
    if (search.clouds[middle].first_query <= query) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return low;
}

}  // namespace

void search_neighbours(const NeighbourSearch& search, int64_t begin, int64_t end, void* scratch) {
  with_value_type(search.args->value, [&](auto value) {
    using S = typename decltype(value)::type;
    for (int64_t c = cloud_at(search, begin); begin < end; ++c) {
      const Cloud& cloud = search.clouds[c];
      const int64_t cloud_end = cloud.first_query + cloud.num_queries, last = cloud_end < end ? cloud_end : end;
      search_cloud<S, Sum<S>>(search, cloud, begin, last, scratch);
      begin = last;
    }
  });
}

}  // namespace geocompile::cpu::GEOCOMPILE_ISA
