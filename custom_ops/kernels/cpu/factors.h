// The weights of edges (or of rows' own terms) as vectors over channels: none, one per edge, or one per edge and head.
#pragma once

#include <cstdint>

#include "simd.h"

namespace geocompile::cpu::GEOCOMPILE_ISA {

template <class T>
struct Weights {
  const T* values;  // [count, heads]
  int64_t count;
  int64_t heads;
  int64_t channels;  // of all heads

  Sum<T> of(int64_t at, int64_t channel) const { return load_one(values + at * heads + channel / (channels / heads)); }
};

// kHead: a vector lies within one head; kMixed: any number of heads, one included.
enum class Mode { kNone, kEdge, kHead, kMixed };

// Multiplies the kCount vectors of a tile of channels by their weights.
template <Mode kMode, class V, int kCount, class T>
class Factors {
  static constexpr int kLanes = lanes_of<V>;
  using Lane = std::conditional_t<sizeof(Sum<T>) == 4, int32_t, int64_t>;
  using Lanes = typename Vector<Lane, sizeof(V)>::type;

 public:
  Factors(const Weights<T>& weights, int64_t channel) : weights_(weights) {
    if constexpr (kMode == Mode::kHead || kMode == Mode::kMixed) {
      const int64_t head_size = weights.channels / weights.heads;
      int64_t head = channel / head_size, left = head_size - channel % head_size;  // channels of the head from here on
      for (int c = 0; c < kCount; ++c) {
        head_[c] = head;
        for (int lane = 0; lane < kLanes; ++lane) {
          if constexpr (kMode == Mode::kMixed) lane_[c][lane] = head - head_[c];
          if (--left == 0) {
            ++head;
            left = head_size;
          }
        }
      }
    }
  }

  V times(int64_t at, int c, V value) const {
    if constexpr (kMode == Mode::kNone) return value;
    if constexpr (kMode == Mode::kEdge) return splat<V>(load_one(weights_.values + at)) * value;
    if constexpr (kMode == Mode::kHead)
      return splat<V>(load_one(weights_.values + at * weights_.heads + head_[c])) * value;
    if constexpr (kMode == Mode::kMixed)
      return __builtin_shuffle(heads_from(at * weights_.heads + head_[c]), lane_[c]) * value;
  }

 private:
  // As many weights as there are lanes, of which fewer may exist.
  V heads_from(int64_t place) const {
    const int64_t left = weights_.count * weights_.heads - place;
    if (left >= kLanes) return load<V>(weights_.values + place);
    V result{};
    for (int64_t lane = 0; lane < left; ++lane) result[lane] = load_one(weights_.values + place + lane);
    return result;
  }

  const Weights<T> weights_;
  int64_t head_[kCount];
  Lanes lane_[kCount];
};

}  // namespace geocompile::cpu::GEOCOMPILE_ISA
