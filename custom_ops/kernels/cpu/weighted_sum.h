// Sums of source rows, weighted by a block of softmax values: tiles of channels stay in registers while terms stream
// by.
#pragma once

#include <cstdint>
#include <cstring>

#include "row_softmax.h"
#include "rows.h"

namespace geocompile::cpu::GEOCOMPILE_ISA {

constexpr int64_t kRowsPrefetch = 8;  // rows of x ahead, as in gather_segment_reduce
constexpr int64_t kSlab = 2048;       // channels that are summed at a time

template <class A>
using Lane = std::conditional_t<sizeof(A) == 4, int32_t, int64_t>;

// The head of each channel of a slab, counted from the first head of the group; one for all rows of a task.
template <class A>
class HeadOfChannel {
 public:
  const Lane<A>* of(int64_t slab, int64_t channels) {
    if (slab == slab_) return head_;
    slab_ = slab;
    int64_t head = slab / channels, left = channels - slab % channels;
    for (int64_t c = 0; c < kSlab; ++c, --left) {
      if (left == 0) {
        ++head;
        left = channels;
      }
      head_[c] = static_cast<Lane<A>>(head);
    }
    return head_;
  }

 private:
  int64_t slab_ = -1;
  Lane<A> head_[kSlab];
};

// Some terms of a row with their weights, and where the channels that they are summed into stand.
template <class T>
struct WeightedTerms {
  using A = Sum<T>;
  const Rows& rows;
  const T* x;          // of node 0, at the slab's first channel
  int64_t stride;      // channels of a node
  int64_t first, end;  // places of the edges
  int64_t self_row;    // or -1
  int64_t limit;       // bounds the edges whose sources may be prefetched
  const A* weights;    // [terms, group]
  int64_t group;
  const Lane<A>* head;  // of each channel of the slab
  A* sum;               // of the slab
};

// kOneHead: a vector lies within one head.
template <bool kOneHead, int kBytes, int kCount, class T>
static inline void sum_tile(const WeightedTerms<T>& terms, int64_t channel) {
  using A = Sum<T>;
  using V = typename Vector<A, kBytes>::type;
  using Lanes = typename Vector<Lane<A>, kBytes>::type;
  constexpr int kLanes = lanes_of<V>;
  V sum[kCount];
  Lanes lane[kCount];
  int64_t head[kCount];
  for (int c = 0; c < kCount; ++c) {
    sum[c] = V{};
    head[c] = terms.head[channel + c * kLanes];
    std::memcpy(&lane[c], terms.head + channel + c * kLanes, sizeof(Lanes));
    lane[c] = lane[c] - splat<Lanes>(terms.head[channel + c * kLanes]);
  }
  const auto add = [&](const T* from, const A* weights) {
    for (int c = 0; c < kCount; ++c) {
      V weight;
      if constexpr (kOneHead) {
        weight = splat<V>(weights[head[c]]);
      } else {
        weight = __builtin_shuffle(load<V>(weights + head[c]), lane[c]);
      }
      sum[c] = sum[c] + weight * load<V>(from + c * kLanes);
    }
  };
  const A* weights = terms.weights;
  for (int64_t p = terms.first; p < terms.end; ++p, weights += terms.group) {
    if (p + kRowsPrefetch < terms.limit) {
      const T* ahead = terms.x + terms.rows.source(p + kRowsPrefetch) * terms.stride + channel;
      for (int byte = 0; byte < kCount * kLanes * static_cast<int>(sizeof(T)); byte += 64)
        __builtin_prefetch(reinterpret_cast<const char*>(ahead) + byte);
    }
    add(terms.x + terms.rows.source(p) * terms.stride + channel, weights);
  }
  if (terms.self_row >= 0) add(terms.x + terms.self_row * terms.stride + channel, weights);
  for (int c = 0; c < kCount; ++c) {  // block by block: thousands of terms one by one would lose low bits
    A* to = terms.sum + channel + c * kLanes;
    store(to, load<V>(to) + sum[c]);
  }
}

// As many tiles of kCount vectors as fit from `channel`, then narrower ones; kCount halves, then the vector does.
template <bool kOneHead, int kBytes, int kCount, class T>
static inline void sum_tiles(const WeightedTerms<T>& terms, int64_t channel, int64_t channels) {
  constexpr int64_t kWidth = kCount * kBytes / sizeof(Sum<T>);
  for (; channel + kWidth <= channels; channel += kWidth) sum_tile<kOneHead, kBytes, kCount>(terms, channel);
  if (channel == channels) return;
  if constexpr (kCount > 1) {
    sum_tiles<kOneHead, kBytes, kCount / 2>(terms, channel, channels);
  } else if constexpr (kBytes > static_cast<int>(sizeof(Sum<T>))) {
    sum_tiles<kOneHead, kBytes / 2, 1>(terms, channel, channels);
  }
}

template <class T>
static void sum_terms(const WeightedTerms<T>& terms, int64_t channels, bool one_head) {
  constexpr int kMost = GEOCOMPILE_VECTOR_REGISTERS / 4;  // sums; as many lanes, and the rest for loads and weights
  one_head ? sum_tiles<true, GEOCOMPILE_VECTOR_BYTES, kMost>(terms, 0, channels)
           : sum_tiles<false, GEOCOMPILE_VECTOR_BYTES, kMost>(terms, 0, channels);
}

// `count` sums in the type of the values.
template <class A, class T>
static inline void store_sums(T* out, const A* sum, int64_t count) {
  int64_t c = 0;
  for (; c + kLanesOf<A> <= count; c += kLanesOf<A>) store(out + c, load<Widest<A>>(sum + c));
  for (; c < count; ++c) store_one(out + c, sum[c]);
}

}  // namespace geocompile::cpu::GEOCOMPILE_ISA
