// Dot products of several heads at once: the products of all heads stand in vectors, whose lanes are summed together.
#pragma once

#include <cstdint>
#include <cstring>

#include "simd.h"

namespace geocompile::cpu::GEOCOMPILE_ISA {

template <class V>
using LaneNumbers =
    typename Vector<std::conditional_t<sizeof(V{}[0]) == 4, int32_t, int64_t>, static_cast<int>(sizeof(V))>::type;

// Lanes with the bit `distance` come from b, the others from a; each has its partner at that distance added.
template <class V>
static inline V add_partners(V a, V b, int distance) {
  LaneNumbers<V> own{}, partner{};
  for (int lane = 0; lane < lanes_of<V>; ++lane) {
    const int from_b = lane & distance ? lanes_of<V> : 0;
    own[lane] = from_b + lane;
    partner[lane] = from_b + (lane ^ distance);
  }
  return __builtin_shuffle(a, b, own) + __builtin_shuffle(a, b, partner);
}

// In lane l a part of the sum of vectors[l % kCount]: the lanes of the same l % kCount hold all parts of it.
template <int kCount, class V>
static inline V sum_in_turn(const V* vectors) {
  if constexpr (kCount == 1) {
    return vectors[0];
  } else {
    return add_partners(sum_in_turn<kCount / 2>(vectors), sum_in_turn<kCount / 2>(vectors + kCount / 2), kCount / 2);
  }
}

// The sum of the lanes of vectors[l % kCount] in lane l.
template <int kCount, class V>
static inline V sums_of_lanes(const V* vectors) {
  V sums = sum_in_turn<kCount>(vectors);
  for (int distance = kCount; distance < lanes_of<V>; distance *= 2) sums = add_partners(sums, sums, distance);
  return sums;
}

// The products of two tensors' heads. In place of it stands whatever has at<V>(head, channel), a vector of products.
template <class T>
struct Products {
  const T* a;
  const T* b;
  int64_t a_step, b_step;  // from head to head

  template <class V>
  V at(int64_t head, int64_t channel) const {
    return load<V>(a + head * a_step + channel) * load<V>(b + head * b_step + channel);
  }
};

// to[h] = sum of the products of kHeads heads from `head` on; the channels are a multiple of the vector's lanes.
template <class A, int kBytes, int kHeads, class Products>
static inline void whole_dots(const Products& products, int64_t head, int64_t channels, A* to) {
  using V = typename Vector<A, kBytes>::type;
  V sums[kHeads];
  for (int h = 0; h < kHeads; ++h) {
    sums[h] = products.template at<V>(head + h, 0);
    for (int64_t c = lanes_of<V>; c < channels; c += lanes_of<V>) sums[h] += products.template at<V>(head + h, c);
  }
  const V all = sums_of_lanes<kHeads>(sums);
  std::memcpy(to, &all, kHeads * sizeof(A));
}

template <class A, int kBytes, class Products>
static inline A dot(const Products& products, int64_t head, int64_t begin, int64_t end) {
  using V = typename Vector<A, kBytes>::type;
  V lanes{};
  int64_t c = begin;
  for (; c + lanes_of<V> <= end; c += lanes_of<V>) lanes += products.template at<V>(head, c);
  A sum = c > begin ? sums_of_lanes<1>(&lanes)[0] : 0;
  if constexpr (kBytes > static_cast<int>(sizeof(A)))
    if (c < end) sum += dot<A, kBytes / 2>(products, head, c, end);
  return sum;
}

// to[h] = sum of the products of head h, for `heads` heads, kGroup at the most.
template <int kGroup, class A, class Products>
static inline void dots(const Products& products, int64_t channels, int64_t heads, A* to) {
  constexpr int kBytes = GEOCOMPILE_VECTOR_BYTES, kLanes = kBytes / static_cast<int>(sizeof(A));
  if (heads == kGroup && channels > 0 && channels % kLanes == 0)
    return whole_dots<A, kBytes, kGroup>(products, 0, channels, to);
  if constexpr (kLanes > 2) {
    constexpr int kAtOnce = kGroup < kLanes / 2 ? kGroup : kLanes / 2;
    if (heads == kGroup && channels > 0 && channels % (kLanes / 2) == 0) {
      for (int h = 0; h < kGroup; h += kAtOnce) whole_dots<A, kBytes / 2, kAtOnce>(products, h, channels, to + h);
      return;
    }
  }
  for (int64_t h = 0; h < heads; ++h) to[h] = dot<A, kBytes>(products, h, 0, channels);
}

}  // namespace geocompile::cpu::GEOCOMPILE_ISA
