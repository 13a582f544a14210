// What the gradients of a gather-reduce need beside a second one: where a maximum was reached, and a weight's share.
#include <limits>
#include <stdexcept>

#include "../../gather_segment_reduce.h"
#include "../factors.h"
#include "../rows.h"
#include "../simd.h"

namespace geocompile::cpu::GEOCOMPILE_ISA {
namespace {

// --- where a maximum was reached -------------------------------------------------------------------------------------

// The best values of one row so far and the number of the term that each came from, for kCount vectors of channels.
template <class Op, class V, int kCount>
struct Best {
  using Number = std::conditional_t<sizeof(V{}[0]) == 4, int32_t, int64_t>;
  using Numbers = typename Vector<Number, sizeof(V)>::type;
  V value[kCount];
  Numbers term[kCount];

  Best() {
    for (int c = 0; c < kCount; ++c) {
      value[c] = splat<V>(Op::identity());
      term[c] = splat<Numbers>(Number(-1));
    }
  }

  // A later term wins only if it is better, or the first NaN: ties go to the first. The first of all always wins.
  void offer(int c, V candidate, Number number) {
    const Numbers new_nan = (candidate != candidate) & (value[c] == value[c]);
    const Numbers better = (Op::combine(value[c], candidate) != value[c]) & (value[c] == value[c]);
    const Numbers wins = new_nan | better | (term[c] < 0);
    value[c] = wins ? candidate : value[c];
    term[c] = wins ? splat<Numbers>(number) : term[c];
  }
};

inline void put(const GatherSegmentArg& args, int64_t at, int64_t place) {
  args.forward.graph.index == DType::kInt32 ? static_cast<int32_t*>(args.arg)[at] = static_cast<int32_t>(place)
                                            : static_cast<int64_t*>(args.arg)[at] = place;
}

template <class Op, Mode kMode, int kBytes, int kCount, class T>
inline void arg_tile(const GatherSegmentArg& args, int64_t row, int64_t channel) {
  using V = typename Vector<Sum<T>, kBytes>::type;
  constexpr int kLanes = lanes_of<V>;
  const GatherSegmentReduce& f = args.forward;
  const T* x = static_cast<const T*>(f.x) + channel;
  const Rows rows(f.graph);
  const int64_t begin = rows.begin(row), end = rows.end(row);
  Best<Op, V, kCount> best;
  using Number = typename decltype(best)::Number;
  const Factors<kMode, V, kCount, T> factors({static_cast<const T*>(f.weight), f.graph.num_edges, f.heads, f.channels},
                                             channel);
  for (int64_t p = begin; p < end; ++p) {
    const T* from = x + rows.source(p) * f.channels;
    for (int c = 0; c < kCount; ++c)
      best.offer(c, factors.times(p, c, load<V>(from + c * kLanes)), static_cast<Number>(p - begin));
  }
  const auto own = [&](const auto& factors) {
    for (int c = 0; c < kCount; ++c)
      best.offer(c, factors.times(row, c, load<V>(x + row * f.channels + c * kLanes)),
                 static_cast<Number>(end - begin));
  };
  const Weights<T> self_weights{static_cast<const T*>(f.self_weight), f.graph.num_rows, f.heads, f.channels};
  if (f.self_weight)
    f.heads == 1 ? own(Factors<Mode::kEdge, V, kCount, T>(self_weights, channel))
                 : own(Factors<Mode::kMixed, V, kCount, T>(self_weights, channel));
  for (int c = 0; c < kCount; ++c)
    for (int lane = 0; lane < kLanes; ++lane) {
      const int64_t term = best.term[c][lane];
      put(args, row * f.channels + channel + c * kLanes + lane,
          term < 0              ? -1
          : begin + term == end ? f.graph.num_edges
                                : begin + term);
    }
}

template <class Op, Mode kMode, int kBytes, int kCount, class T>
inline void arg_tiles(const GatherSegmentArg& args, int64_t row, int64_t channel) {
  constexpr int64_t kWidth = kCount * kBytes / sizeof(Sum<T>);
  for (; channel + kWidth <= args.forward.channels; channel += kWidth)
    arg_tile<Op, kMode, kBytes, kCount, T>(args, row, channel);
  if (channel == args.forward.channels) return;
  if constexpr (kCount > 1) {
    arg_tiles<Op, kMode, kBytes, kCount / 2, T>(args, row, channel);
  } else if constexpr (kBytes > static_cast<int>(sizeof(Sum<T>))) {
    arg_tiles<Op, kMode, kBytes / 2, 1, T>(args, row, channel);
  }
}

template <class Op, Mode kMode, class T>
void run_arg(const GatherSegmentArg& args, const Parallel& parallel) {
  const GatherSegmentReduce& f = args.forward;
  if (f.graph.num_edges >= std::numeric_limits<int32_t>::max())  // terms are counted in the lanes of the values
    throw std::invalid_argument("geocompile.gather_segment_arg: at most 2147483646 edges are supported");
  for_blocks_of_rows(f.op, f.col_name, f.graph, f.channels, parallel, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) arg_tiles<Op, kMode, GEOCOMPILE_VECTOR_BYTES, 4, T>(args, row, 0);
  });
}

template <class Op, class T>
void run_arg_mode(const GatherSegmentArg& args, const Parallel& parallel) {
  if (!args.forward.weight) return run_arg<Op, Mode::kNone, T>(args, parallel);
  if (args.forward.heads == 1) return run_arg<Op, Mode::kEdge, T>(args, parallel);
  run_arg<Op, Mode::kMixed, T>(args, parallel);
}

// --- a weight's share ------------------------------------------------------------------------------------------------

template <class V>
inline auto sum_of_lanes(V lanes) {
  auto sum = lanes[0];
  for (int lane = 1; lane < lanes_of<V>; ++lane) sum += lanes[lane];
  return sum;
}

template <int kBytes, class T>
inline Sum<T> dot(const T* a, const T* b, int64_t count) {
  using V = typename Vector<Sum<T>, kBytes>::type;
  V lanes{};
  int64_t c = 0;
  for (; c + lanes_of<V> <= count; c += lanes_of<V>) lanes += load<V>(a + c) * load<V>(b + c);
  Sum<T> sum = c > 0 ? sum_of_lanes(lanes) : 0;
  if constexpr (kBytes > static_cast<int>(sizeof(Sum<T>)))
    if (c < count) sum += dot<kBytes / 2>(a + c, b + c, count - c);
  return sum;
}

template <class T>
void run_dot(const EdgeDot& args, const Parallel& parallel) {
  const Rows rows(args.graph);
  const int64_t head_size = args.channels / args.heads;
  for_blocks_of_rows(args.op, "col", args.graph, args.channels, parallel, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const T* a = static_cast<const T*>(args.a) + row * args.channels;
      for (int64_t p = rows.begin(row); p < rows.end(row); ++p) {
        const T* b = static_cast<const T*>(args.b) + rows.source(p) * args.channels;
        T* out = static_cast<T*>(args.out) + p * args.heads;
        for (int64_t h = 0; h < args.heads; ++h)
          store_one(out + h, dot<GEOCOMPILE_VECTOR_BYTES>(a + h * head_size, b + h * head_size, head_size));
      }
    }
  });
}

}  // namespace

void gather_segment_arg(const GatherSegmentArg& args, const Parallel& parallel) {
  with_value_type(args.forward.value, [&](auto value) {
    using T = typename decltype(value)::type;
    args.forward.reduce == Reduce::kMax ? run_arg_mode<Maximum<Sum<T>>, T>(args, parallel)
                                        : run_arg_mode<Minimum<Sum<T>>, T>(args, parallel);
  });
}

void edge_dot(const EdgeDot& args, const Parallel& parallel) {
  with_value_type(args.value, [&](auto value) { run_dot<typename decltype(value)::type>(args, parallel); });
}

}  // namespace geocompile::cpu::GEOCOMPILE_ISA
