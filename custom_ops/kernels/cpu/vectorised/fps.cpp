// Greedy sampling over a tree of boxes. A node knows the largest distance, to what was taken, among the points of each
// child; a child whose box is at least as far from the new point as that cannot change, and is passed over. Rounding
// is monotone, and box and points go through the same operations, so nothing is missed: the samples are those of the
// plain search. A new point changes about as many points as each sample stands for, so that sampling n points takes
// n log n steps where there are few dimensions.
//
// Compiled without contraction into fused multiply-adds, which would round otherwise on other processors.
#include <limits>

#include "../fps_cloud.h"
#include "../simd.h"
#ifdef __SSE2__
#include <immintrin.h>
#endif

namespace geocompile::cpu::GEOCOMPILE_ISA {
namespace {

template <class T>
using Wide = typename Vector<T, GEOCOMPILE_VECTOR_BYTES>::type;

// A bit for each lane of a comparison's result.
template <class V, class M>
static inline uint32_t bits_of(M mask) {
#if defined(__AVX512F__)
  if constexpr (sizeof(V) == 64 && sizeof(mask[0]) == 4) return _mm512_movepi32_mask((__m512i)mask);
  if constexpr (sizeof(V) == 64 && sizeof(mask[0]) == 8) return _mm512_movepi64_mask((__m512i)mask);
#elif defined(__AVX2__)
  if constexpr (sizeof(V) == 32 && sizeof(mask[0]) == 4) return _mm256_movemask_ps((__m256)mask);
  if constexpr (sizeof(V) == 32 && sizeof(mask[0]) == 8) return _mm256_movemask_pd((__m256d)mask);
#elif defined(__SSE2__)
  if constexpr (sizeof(V) == 16 && sizeof(mask[0]) == 4) return _mm_movemask_ps((__m128)mask);
  if constexpr (sizeof(V) == 16 && sizeof(mask[0]) == 8) return _mm_movemask_pd((__m128d)mask);
#endif
  uint32_t bits = 0;
  for (int lane = 0; lane < lanes_of<V>; ++lane) bits |= (mask[lane] != 0 ? 1u : 0u) << lane;
  return bits;
}

template <class V>
static inline auto largest_lane(V values) {
  constexpr int lanes = lanes_of<V>;
  if constexpr (lanes == 1) {
    return values[0];
  } else {
    using Half = typename Vector<std::remove_reference_t<decltype(V{}[0])>, sizeof(V) / 2>::type;
    Half low, high;
    std::memcpy(&low, &values, sizeof(Half));
    std::memcpy(&high, reinterpret_cast<const char*>(&values) + sizeof(Half), sizeof(Half));
    return largest_lane<Half>(low > high ? low : high);
  }
}

// kDims: the number of dimensions where it is known, else 0.
template <class T, int kDims>
class Tree {
  using V = Wide<T>;
  static constexpr int kLanes = lanes_of<V>;
  static constexpr int kLeafVectors = kLeafPoints / kLanes, kNodeVectors = kFanOut / kLanes;

 public:
  explicit Tree(const FpsCloud& cloud) : cloud_(cloud), num_leaves_(leaves_of(cloud.count)) {
    leaves_ = static_cast<T*>(cloud.memory);
    nodes_ = leaves_ + num_leaves_ * leaf_size();
    point_ = nodes_ + nodes_above(num_leaves_) * node_size();
    indices_ = reinterpret_cast<int32_t*>(point_ + dims());
    where_ = indices_ + num_leaves_ * kLeafPoints;
    fill_leaves();
    fill_nodes();
  }

  void sample() {
    int64_t next = cloud_.start;
    for (int64_t s = 0; s < cloud_.samples; ++s) {
      cloud_.out[s] = cloud_.first + next;
      if (s + 1 < cloud_.samples) next = take(next);
    }
  }

 private:
  int64_t dims() const { return kDims ? kDims : cloud_.dims; }
  int64_t leaf_size() const { return (dims() + 1) * kLeafPoints; }
  int64_t node_size() const { return (2 * dims() + 1) * kFanOut; }
  T* leaf(int64_t i) const { return leaves_ + i * leaf_size(); }                   // coordinates, by dimension
  T* distances(int64_t i) const { return leaf(i) + dims() * kLeafPoints; }         // to what was taken
  T* node(int64_t i) const { return nodes_ + i * node_size(); }                    // lowest, then highest corners
  T* farthest(int64_t node_) const { return node(node_) + 2 * dims() * kFanOut; }  // distance in each child
  int32_t* where(int64_t node_) const { return where_ + node_ * kFanOut; }         // its point, the lowest
  int64_t points_in(int64_t leaf_) const {
    const int64_t left = cloud_.count - leaf_ * kLeafPoints;
    return left < kLeafPoints ? left : kLeafPoints;
  }

  // The point whose distance is largest after `taken` was taken.
  int64_t take(int64_t taken) {
    const T* from = static_cast<const T*>(cloud_.points) + taken * dims();
    for (int64_t d = 0; d < dims(); ++d) point_[d] = from[d];
    T distance = 0;
    int32_t place = 0;
    visit_node(num_levels_ - 1, 0, distance, place);
    return place;
  }

  // A node is numbered within its level; level 0 is above the leaves. Returns what its parent keeps of it.
  void visit_node(int level, int64_t number, T& distance, int32_t& place) {
    const int64_t at = level_begins_[level] + number;
    T* far = farthest(at);
    int32_t* place_of = where(at);
    for (uint32_t bits = children_to_visit(at); bits; bits &= bits - 1) {
      const int child = __builtin_ctz(bits);
      if (level == 0) {
        visit_leaf(number * kFanOut + child, far[child], place_of[child]);
      } else {
        visit_node(level - 1, number * kFanOut + child, far[child], place_of[child]);
      }
    }
    summarise(far, place_of, distance, place);
  }

  // Those whose box is nearer to the point than their farthest point is to what was taken.
  uint32_t children_to_visit(int64_t at) const {
    const T* low = node(at);
    const T* high = low + dims() * kFanOut;
    const T* far = farthest(at);
    uint32_t bits = 0;
    for (int v = 0; v < kNodeVectors; ++v) {
      V bound{};
      for (int64_t d = 0; d < dims(); ++d) {
        const V point = splat<V>(point_[d]);
        const V below = load<V>(low + d * kFanOut + v * kLanes) - point;
        const V above = point - load<V>(high + d * kFanOut + v * kLanes);
        const V outside = below > above ? below : above;
        const V gap = outside > 0 ? outside : V{};
        bound += gap * gap;
      }
      bits |= bits_of<V>(bound < load<V>(far + v * kLanes)) << (v * kLanes);
    }
    return bits;
  }

  void visit_leaf(int64_t number, T& distance, int32_t& place) {
    const T* coordinates = leaf(number);
    T* known = distances(number);
    V nearest[kLeafVectors], largest = splat<V>(T(-1));
    for (int v = 0; v < kLeafVectors; ++v) {
      V sum{};
      for (int64_t d = 0; d < dims(); ++d) {
        const V difference = load<V>(coordinates + d * kLeafPoints + v * kLanes) - splat<V>(point_[d]);
        sum += difference * difference;
      }
      const V before = load<V>(known + v * kLanes);
      nearest[v] = sum < before ? sum : before;
      store(known + v * kLanes, nearest[v]);
      largest = nearest[v] > largest ? nearest[v] : largest;
    }
    distance = largest_lane(largest);
    for (int v = 0; v < kLeafVectors; ++v) {
      if (const uint32_t bits = bits_of<V>(nearest[v] == splat<V>(distance))) {
        place = indices_[number * kLeafPoints + v * kLanes + __builtin_ctz(bits)];
        return;
      }
    }
  }

  // The farthest point of all children, the lowest of equals.
  void summarise(const T* far, const int32_t* place_of, T& distance, int32_t& place) const {
    V all[kNodeVectors], largest = all[0] = load<V>(far);
    for (int v = 1; v < kNodeVectors; ++v) {
      all[v] = load<V>(far + v * kLanes);
      largest = all[v] > largest ? all[v] : largest;
    }
    distance = largest_lane(largest);
    place = std::numeric_limits<int32_t>::max();
    for (int v = 0; v < kNodeVectors; ++v)
      for (uint32_t bits = bits_of<V>(all[v] == splat<V>(distance)); bits; bits &= bits - 1) {
        const int32_t found = place_of[v * kLanes + __builtin_ctz(bits)];
        place = found < place ? found : place;
      }
  }

  // --- building --------------------------------------------------------------------------------------------------

  // A place without a point is at distance -1, which nothing is below.
  void fill_leaves() {
    const T* points = static_cast<const T*>(cloud_.points);
    for (int64_t i = 0; i < num_leaves_; ++i) {
      const int32_t* order = cloud_.order + i * kLeafPoints;
      const int64_t count = points_in(i);
      for (int64_t p = 0; p < kLeafPoints; ++p) {
        const int32_t index = p < count ? order[p] : order[0];
        indices_[i * kLeafPoints + p] = index;
        distances(i)[p] = p < count ? std::numeric_limits<T>::infinity() : T(-1);
        for (int64_t d = 0; d < dims(); ++d) leaf(i)[d * kLeafPoints + p] = points[index * dims() + d];
      }
    }
  }

  void fill_nodes() {
    int64_t below = num_leaves_, begin = 0, begin_below = 0;
    do {
      const int64_t count = (below + kFanOut - 1) / kFanOut;
      for (int64_t i = 0; i < count * kFanOut; ++i) fill_child(begin + i / kFanOut, i % kFanOut, i, below, begin_below);
      level_begins_[num_levels_++] = begin;
      begin_below = begin;
      begin += count;
      below = count;
    } while (below > 1);
  }

  // Child `slot` of a node is leaf or node `number` of the level below, which has `below` of them.
  void fill_child(int64_t at, int64_t slot, int64_t number, int64_t below, int64_t begin_below) {
    const bool is_there = number < below, is_leaf = num_levels_ == 0;
    farthest(at)[slot] = is_there ? std::numeric_limits<T>::infinity() : T(-1);
    where(at)[slot] = std::numeric_limits<int32_t>::max();
    T* low = node(at) + slot;
    T* high = low + dims() * kFanOut;
    const int64_t child = begin_below + number;
    for (int64_t d = 0; d < dims(); ++d) {
      const T* lows = is_leaf ? leaf(number) + d * kLeafPoints : node(child) + d * kFanOut;
      const T* highs = is_leaf ? lows : lows + dims() * kFanOut;
      low[d * kFanOut] = high[d * kFanOut] = 0;
      if (is_there) span(lows, highs, is_leaf ? kLeafPoints : children_of(number), low[d * kFanOut], high[d * kFanOut]);
    }
    if (!is_there) return;
    if (is_leaf) {
      where(at)[slot] = indices_[number * kLeafPoints];
    } else {
      for (int64_t i = 0; i < kFanOut; ++i)
        where(at)[slot] = where(child)[i] < where(at)[slot] ? where(child)[i] : where(at)[slot];
    }
  }

  // Of a node of the level that was filled last.
  int64_t children_of(int64_t number) const {
    int64_t below = num_leaves_;
    for (int level = 1; level < num_levels_; ++level) below = (below + kFanOut - 1) / kFanOut;
    const int64_t left = below - number * kFanOut;
    return left < kFanOut ? left : kFanOut;
  }

  static void span(const T* lows, const T* highs, int64_t count, T& low, T& high) {
    low = lows[0];
    high = highs[0];
    for (int64_t i = 1; i < count; ++i) {
      low = lows[i] < low ? lows[i] : low;
      high = highs[i] > high ? highs[i] : high;
    }
  }

  const FpsCloud& cloud_;
  int64_t num_leaves_;
  T *leaves_, *nodes_, *point_;
  int32_t *indices_, *where_;
  int64_t level_begins_[16];
  int num_levels_ = 0;
};

template <class T>
void sample(const FpsCloud& cloud) {
  if (cloud.dims == 3) return Tree<T, 3>(cloud).sample();
  if (cloud.dims == 2) return Tree<T, 2>(cloud).sample();
  Tree<T, 0>(cloud).sample();
}

}  // namespace

void sample_cloud(const FpsCloud& cloud) {
  cloud.value == DType::kFloat64 ? sample<double>(cloud) : sample<float>(cloud);
}

}  // namespace geocompile::cpu::GEOCOMPILE_ISA
