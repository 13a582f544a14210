// What additive attention takes its leaky ReLU of, vector by vector, for the scores and for their gradients.
#pragma once

#include <cstdint>

#include "../edge_attention.h"
#include "rows.h"
#include "simd.h"

namespace geocompile::cpu::GEOCOMPILE_ISA {

template <class V>
static inline V slope_at(V z, V negative_slope) {
  using A = std::decay_t<decltype(V{}[0])>;
  return z > V{} ? splat<V>(A(1)) : negative_slope;
}

// z of one edge: target + source + edge_weight edge.
template <class T>
struct Preactivation {
  const T* target;
  const T* source;
  const T* edge;
  const Sum<T>* edge_weight;  // [edge_channels, stride]
  int64_t edge_channels, stride;

  template <class V>
  V at(int64_t channel) const {
    V z = load<V>(target + channel) + load<V>(source + channel);
    for (int64_t q = 0; q < edge_channels; ++q)
      z += splat<V>(load_one(edge + q)) * load<V>(edge_weight + q * stride + channel);
    return z;
  }
};

template <class T>
struct Preactivations {
  const AdditiveScores& args;
  Sum<T>* edge_weight;  // transposed, [edge_channels, heads, channels]
  Rows rows{args.graph};
  const T* target = static_cast<const T*>(args.target);
  const T* source = static_cast<const T*>(args.source);
  const T* edge = static_cast<const T*>(args.edge);
  int64_t stride = args.heads * args.channels;

  static size_t bytes(const AdditiveScores& args) {
    return sizeof(Sum<T>) * args.heads * args.channels * args.edge_channels;
  }

  // Vectors run over channels, so that these must stand next to each other.
  void transpose_edge_weight() const {
    const T* from = static_cast<const T*>(args.edge_weight);
    for (int64_t c = 0; c < stride; ++c)
      for (int64_t q = 0; q < args.edge_channels; ++q)
        edge_weight[q * stride + c] = load_one(from + c * args.edge_channels + q);
  }

  const T* source_of(int64_t p, int64_t channel) const { return source + rows.source(p) * stride + channel; }

  // Of the edge p in a row, from a channel on.
  Preactivation<T> of(int64_t row, int64_t p, int64_t channel) const {
    return {target + row * stride + channel, source_of(p, channel), edge + p * args.edge_channels,
            edge_weight + channel,           args.edge_channels,    stride};
  }
};

}  // namespace geocompile::cpu::GEOCOMPILE_ISA
