// Softmax over the terms of one row, block by block: the values of a block stand in a small buffer on the stack.
#pragma once

#include <cstdint>

#include "simd.h"
#include "simd_math.h"

namespace geocompile::cpu::GEOCOMPILE_ISA {

template <class A>
using Widest = typename Vector<A, GEOCOMPILE_VECTOR_BYTES>::type;

template <class A>
constexpr int kLanesOf = lanes_of<Widest<A>>;

// exp(value - maximum), and 1 where both are the same infinity.
template <class V>
static inline V exp_below(V value, V maximum) {
  return exp_of(value == maximum ? V{} : value - maximum);
}

// The maximum of values seen so far and the sum of their exp(value - maximum), lane by lane.
template <class V>
struct SoftmaxState {
  using A = std::decay_t<decltype(V{}[0])>;
  V maximum = splat<V>(-std::numeric_limits<A>::infinity());
  V sum = V{};

  void merge(const SoftmaxState& other) {
    const V both = Maximum<A>::combine(maximum, other.maximum);
    sum = sum * exp_below(maximum, both) + other.sum * exp_below(other.maximum, both);
    maximum = both;
  }

  // NaN where nothing is finite, as inf - inf is.
  V inverse() const { return splat<V>(A(1)) / (sum + (maximum - maximum)); }
};

// A group of kGroup channels, a divisor of the number of lanes, of several terms: channel c stands in every kGroup-th
// lane, so that a row of one channel fills vectors as well as one of sixteen.
template <class A_, int kGroup_>
struct Block {
  using A = A_;
  using V = Widest<A>;
  using Group = typename Vector<A, kGroup_ * sizeof(A)>::type;
  static constexpr int kGroup = kGroup_;
  static constexpr int kLanes = kLanesOf<A>;
  static constexpr int64_t kTerms = 1024 / kGroup;

  alignas(64) A values[1024 + kLanes];  // one vector more, so that any place can be read as one
  int64_t size = 0;                     // in use, a whole number of vectors

  void put(int64_t term, Group value) { store(values + term * kGroup, value); }
  Group get(int64_t term) const { return load<Group>(values + term * kGroup); }

  // To be called once `terms` were put: what fills the last vector does not count.
  void close(int64_t terms) {
    size = terms * kGroup;
    for (; size % kLanes != 0; ++size) values[size] = -std::numeric_limits<A>::infinity();
  }

  // Replaces each value by exp(value - maximum).
  SoftmaxState<V> reduce() {
    SoftmaxState<V> state;
    for (int64_t i = 0; i < size; i += kLanes) state.maximum = Maximum<A>::combine(state.maximum, load<V>(values + i));
    state.maximum = fold<Maximum<A>>(state.maximum);
    for (int64_t i = 0; i < size; i += kLanes) {
      const V e = exp_below(load<V>(values + i), state.maximum);
      store(values + i, e);
      state.sum = state.sum + e;
    }
    state.sum = fold<Add<A>>(state.sum);
    return state;
  }

  void scale(V factor) {
    for (int64_t i = 0; i < size; i += kLanes) store(values + i, load<V>(values + i) * factor);
  }

  void exponentiate(V maximum, V factor) {
    for (int64_t i = 0; i < size; i += kLanes) store(values + i, exp_below(load<V>(values + i), maximum) * factor);
  }

 private:
  // Combines the lanes of each channel; every lane gets the result.
  template <class Op>
  static V fold(V lanes) {
    using Lane = std::conditional_t<sizeof(A) == 4, int32_t, int64_t>;
    for (int distance = kGroup; distance < kLanes; distance *= 2) {
      typename Vector<Lane, sizeof(V)>::type other;
      for (int lane = 0; lane < kLanes; ++lane) other[lane] = lane ^ distance;
      lanes = Op::combine(lanes, __builtin_shuffle(lanes, other));
    }
    return lanes;
  }
};

// load(block, begin, end) puts the terms [begin, end) of a row into a block.
template <class B, class Load>
static inline SoftmaxState<typename B::V> reduce_terms(int64_t begin, int64_t end, const Load& load) {
  SoftmaxState<typename B::V> state;
  for (; begin < end; begin += B::kTerms) {
    const int64_t stop = begin + B::kTerms < end ? begin + B::kTerms : end;
    B block;
    load(block, begin, stop);
    block.close(stop - begin);
    state.merge(block.reduce());
  }
  return state;
}

// Calls use(block, begin, end) with the softmax of the terms [begin, end), block by block, given the row's state.
template <class B, class Load, class Use>
static inline void weigh_terms(int64_t begin, int64_t end, const SoftmaxState<typename B::V>& state, const Load& load,
                               const Use& use) {
  const auto factor = state.inverse();
  for (; begin < end; begin += B::kTerms) {
    const int64_t stop = begin + B::kTerms < end ? begin + B::kTerms : end;
    B block;
    load(block, begin, stop);
    block.close(stop - begin);
    block.exponentiate(state.maximum, factor);
    use(block, begin, stop);
  }
}

// Calls use(block, begin, end) with the softmax of a row's terms; each is loaded once if they fit a block.
template <class B, class Load, class Use>
static inline void softmax_terms(int64_t terms, const Load& load, const Use& use) {
  if (terms > B::kTerms) return weigh_terms<B>(0, terms, reduce_terms<B>(0, terms, load), load, use);
  B block;
  load(block, 0, terms);
  block.close(terms);
  block.scale(block.reduce().inverse());
  use(block, 0, terms);
}

// --- groups of channels ----------------------------------------------------------------------------------------------

// Calls body(integral_constant) with the least power of two, kMost at most, that holds the channels beyond the last
// whole kMost.
template <int kMost, class Body>
static inline void with_group(int64_t rest, const Body& body) {
  if constexpr (kMost > 1)
    if (rest <= kMost / 2) return with_group<kMost / 2>(rest, body);
  body(std::integral_constant<int, kMost>{});
}

// Calls body(integral_constant kGroup, first channel, number of channels) for each group of `channels`.
template <class A, int kLast, class Body>
static inline void for_groups(int64_t channels, const Body& body) {
  int64_t channel = 0;
  for (; channel + kLanesOf<A> <= channels; channel += kLanesOf<A>)
    body(std::integral_constant<int, kLanesOf<A>>{}, channel, int64_t{kLanesOf<A>});
  if (channel < channels) body(std::integral_constant<int, kLast>{}, channel, channels - channel);
}

// The first `count` values of a group from or to memory.
template <class Group, class T>
static inline Group load_some(const T* from, int64_t count) {
  if (count == lanes_of<Group>) return load<Group>(from);
  Group group{};
  for (int64_t lane = 0; lane < count; ++lane) group[lane] = load_one(from + lane);
  return group;
}

template <class Group, class T>
static inline void store_some(T* to, Group group, int64_t count) {
  if (count == lanes_of<Group>) return store(to, group);
  for (int64_t lane = 0; lane < count; ++lane) store_one(to + lane, group[lane]);
}

// --- the chunks of a heavy row: maximum and sum of each channel, one after the other --------------------------------

template <class B>
static inline void save_state(const SoftmaxState<typename B::V>& state, typename B::A* maximum, typename B::A* sum,
                              int64_t count) {
  for (int64_t c = 0; c < count; ++c) {
    maximum[c] = state.maximum[c];
    sum[c] = state.sum[c];
  }
}

template <class B>
static inline SoftmaxState<typename B::V> saved_state(const typename B::A* maximum, const typename B::A* sum,
                                                      int64_t count) {
  SoftmaxState<typename B::V> state;
  for (int lane = 0; lane < B::kLanes; ++lane) {
    const int64_t c = lane % B::kGroup;
    state.maximum[lane] = c < count ? maximum[c] : 0;
    state.sum[lane] = c < count ? sum[c] : 1;
  }
  return state;
}

// Combines the states of a row's chunks, each [2, channels] at the start of `width` values, and gives all the result.
template <class A>
static inline void merge_chunks(A* partials, int64_t chunks, int64_t width, int64_t channels) {
  using One = typename Vector<A, sizeof(A)>::type;
  for (int64_t c = 0; c < channels; ++c) {
    SoftmaxState<One> row;
    for (int64_t chunk = 0; chunk < chunks; ++chunk) {
      const A* partial = partials + chunk * width + c;
      row.merge({One{partial[0]}, One{partial[channels]}});
    }
    for (int64_t chunk = 0; chunk < chunks; ++chunk) {
      A* partial = partials + chunk * width + c;
      partial[0] = row.maximum[0];
      partial[channels] = row.sum[0];
    }
  }
}

}  // namespace geocompile::cpu::GEOCOMPILE_ISA
