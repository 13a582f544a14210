// A row's channels are reduced in registers, tile by tile, while its edges stream by; nothing per edge is stored.
//
// Order of summation, the same for any number of threads: a row of at most kHeavyRow edges is summed edge by edge; a
// longer one is cut into chunks, whose results are combined in order.
#include "../../gather_segment_reduce.h"

#include <algorithm>

#include "../factors.h"
#include "../heavy_rows.h"
#include "../rows.h"
#include "../simd.h"

namespace geocompile::cpu::GEOCOMPILE_ISA {
namespace {

// Of the rows to come, this much is asked for ahead of its use, in 8 rows at the least: measured best of 1 to 64 rows,
// for F from 16 to 256, on power-law graphs of 500k to 100M edges.
constexpr int64_t kPrefetchBytes = 2048, kPrefetchRows = 8;

// Rows of more than 8 vectors are reduced in tiles of this width, each a pass over the row's edges: a fifth faster at
// F=256 than one pass of 16 vectors, whose prefetches are more than a core can have under way.
constexpr int kTileBytes = 256;

template <class T>
struct Problem {
  const GatherSegmentReduce& args;
  Rows rows{args.graph};
  const T* x = static_cast<const T*>(args.x);
  const T* self_weight = static_cast<const T*>(args.self_weight);
  int64_t channels = args.channels;
  int64_t ahead = std::max<int64_t>(kPrefetchRows, kPrefetchBytes / sizeof(T) / std::max<int64_t>(channels, 16));

  // A call for each edge would cost narrow rows a quarter of their time.
  [[gnu::always_inline]] const T* source(int64_t p) const { return x + rows.source(p) * channels; }
  Weights<T> weights() const {
    return {static_cast<const T*>(args.weight), args.graph.num_edges, args.heads, channels};
  }
  Weights<T> self_weights() const { return {self_weight, args.graph.num_rows, args.heads, channels}; }
  Sum<T> divisor(int64_t row) const {
    return args.reduce == Reduce::kMean ? static_cast<Sum<T>>(rows.degree(row) + (self_weight ? 1 : 0)) : 1;
  }
};

// Edges [begin, end) of one row; `limit` bounds the edges whose sources may be prefetched; self_row < 0: no self term.
struct Span {
  int64_t begin, end, limit, self_row;
};

// Where a row's result goes: to the output, or as a chunk's share to the workspace.
template <class T>
struct Target {
  T* out;
  Sum<T>* partial;

  template <class V>
  void put(int64_t channel, V value) const {
    partial ? store(partial + channel, value) : store(out + channel, value);
  }
};

// Not inline: one copy serves rows of one tile and rows of many.
template <class Op, Mode kMode, int kBytes, int kCount, class T>
__attribute__((noinline)) void reduce_tile(const Problem<T>& p, const Span& span, int64_t channel, Sum<T> divisor,
                                           Target<T> target) {
  using V = typename Vector<Sum<T>, kBytes>::type;
  constexpr int kLanes = lanes_of<V>;
  V acc[kCount];
  for (V& value : acc) value = splat<V>(Op::identity());
  const auto add = [&](const T* from, int64_t at, const auto& factors) {
    for (int c = 0; c < kCount; ++c) acc[c] = Op::combine(acc[c], factors.times(at, c, load<V>(from + c * kLanes)));
  };
  const Factors<kMode, V, kCount, T> factors(p.weights(), channel);
  for (int64_t e = span.begin; e < span.end; ++e) {
    if (e + p.ahead < span.limit) {
      const T* ahead = p.source(e + p.ahead) + channel;
      for (int byte = 0; byte < kCount * kLanes * static_cast<int>(sizeof(T)); byte += 64)
        __builtin_prefetch(reinterpret_cast<const char*>(ahead) + byte);
    }
    add(p.source(e) + channel, e, factors);
  }
  if (span.self_row >= 0) {
    const T* from = p.x + span.self_row * p.channels + channel;
    p.args.heads == 1 ? add(from, span.self_row, Factors<Mode::kEdge, V, kCount, T>(p.self_weights(), channel))
                      : add(from, span.self_row, Factors<Mode::kMixed, V, kCount, T>(p.self_weights(), channel));
  }
  if (divisor != 1)
    for (int c = 0; c < kCount; ++c) acc[c] = acc[c] / splat<V>(divisor);
  for (int c = 0; c < kCount; ++c) target.put(channel + c * kLanes, acc[c]);
}

// As many tiles of kCount vectors as fit from `channel`, then narrower ones; kCount halves, then the vector does.
template <class Op, Mode kMode, int kBytes, int kCount, class T>
void reduce_tiles(const Problem<T>& p, const Span& span, int64_t channel, Sum<T> divisor, Target<T> target) {
  constexpr int64_t kWidth = kCount * kBytes / sizeof(Sum<T>);
  for (; channel + kWidth <= p.channels; channel += kWidth)
    reduce_tile<Op, kMode, kBytes, kCount>(p, span, channel, divisor, target);
  if (channel == p.channels) return;
  if constexpr (kCount > 1) {
    reduce_tiles<Op, kMode, kBytes, kCount / 2>(p, span, channel, divisor, target);
  } else if constexpr (kBytes > static_cast<int>(sizeof(Sum<T>))) {
    reduce_tiles<Op, kMode, kBytes / 2, 1>(p, span, channel, divisor, target);
  }
}

template <class T>
using ReduceSpan = void (*)(const Problem<T>& p, const Span& span, int64_t channel, Sum<T> divisor, Target<T> target);

// The code for a row: where one tile is all of its channels that tile, which saves narrow rows the search for tiles.
template <class Op, Mode kMode, int kCount, class T>
ReduceSpan<T> code_for(int64_t channels) {
  constexpr int kBytes = GEOCOMPILE_VECTOR_BYTES;
  if (channels == kCount * kBytes / static_cast<int64_t>(sizeof(Sum<T>))) return reduce_tile<Op, kMode, kBytes, kCount>;
  if constexpr (kCount > 1) return code_for<Op, kMode, kCount / 2, T>(channels);
  return nullptr;
}

template <class Op, Mode kMode, class T>
ReduceSpan<T> code_for(int64_t channels) {
  constexpr bool kWorthCode = std::is_same_v<Op, Add<Sum<T>>> && kMode != Mode::kMixed;
  constexpr int kTile = kWorthCode ? kTileBytes / GEOCOMPILE_VECTOR_BYTES : 4;
  const ReduceSpan<T> one_tile = code_for<Op, kMode, kWorthCode ? 8 : 4, T>(channels);
  return one_tile ? one_tile : reduce_tiles<Op, kMode, GEOCOMPILE_VECTOR_BYTES, kTile, T>;
}

template <class Op, Mode kMode, class T>
void reduce_light_rows(const Problem<T>& p, int64_t begin, int64_t end) {
  const Sum<T> empty = p.args.reduce == Reduce::kMul ? 1 : 0;
  const int64_t limit = p.rows.begin(end);
  const ReduceSpan<T> reduce_span = code_for<Op, kMode, T>(p.channels);
  for (int64_t row = begin; row < end; ++row) {
    T* out = static_cast<T*>(p.args.out) + row * p.channels;
    if (p.rows.degree(row) == 0 && !p.self_weight) {
      for (int64_t c = 0; c < p.channels; ++c) store_one(out + c, empty);
    } else if (p.rows.degree(row) <= kHeavyRow) {
      const Span span{p.rows.begin(row), p.rows.end(row), limit, p.self_weight ? row : -1};
      reduce_span(p, span, 0, p.divisor(row), Target<T>{out, nullptr});
    }
  }
}

// Light rows whose channels are one vector: calls, and branches on the dtype of the indices, would cost them a third of
// their time. The same sums in the same order.
template <class Op, Mode kMode, class I, class T>
void reduce_rows_of_a_vector(const Problem<T>& p, int64_t begin, int64_t end) {
  using V = typename Vector<Sum<T>, GEOCOMPILE_VECTOR_BYTES>::type;
  constexpr int64_t kLanes = lanes_of<V>;
  const I* rowptr = static_cast<const I*>(p.args.graph.rowptr);
  const I* col = static_cast<const I*>(p.args.graph.col);
  const T* weight = static_cast<const T*>(p.args.weight);
  const V empty = splat<V>(static_cast<Sum<T>>(p.args.reduce == Reduce::kMul ? 1 : 0));
  const int64_t last = static_cast<int64_t>(rowptr[end]) - 1;
  int64_t e = rowptr[begin];
  for (int64_t row = begin; row < end; ++row) {
    const int64_t degree = rowptr[row + 1] - e, stop = rowptr[row + 1];
    if (degree > kHeavyRow) {
      e = stop;
      continue;
    }
    V acc = splat<V>(Op::identity());
    for (; e < stop; ++e) {
      __builtin_prefetch(p.x + col[std::min(e + p.ahead, last)] * kLanes);
      V value = load<V>(p.x + col[e] * kLanes);
      if constexpr (kMode == Mode::kEdge) value = splat<V>(load_one(weight + e)) * value;
      acc = Op::combine(acc, value);
    }
    if (p.args.reduce == Reduce::kMean && degree > 1) acc = acc / splat<V>(static_cast<Sum<T>>(degree));
    store(static_cast<T*>(p.args.out) + row * kLanes, degree ? acc : empty);
  }
}

template <class Op, Mode kMode, class T>
void reduce_heavy_rows(const Problem<T>& p, void* workspace, const Parallel& parallel) {
  const CsrGraph& graph = p.args.graph;
  const HeavyRows<Sum<T>> heavy(p.rows, graph.num_rows, graph.num_edges, p.channels, workspace);
  const ReduceSpan<T> reduce_span = code_for<Op, kMode, T>(p.channels);
  heavy.for_each_chunk(parallel, [&](int64_t row, int64_t begin, int64_t end, Sum<T>* partial) {
    const int64_t start = p.rows.begin(row), stop = p.rows.end(row);
    const Span span{start + begin, start + end < stop ? start + end : stop, stop, -1};
    reduce_span(p, span, 0, 1, Target<T>{nullptr, partial});
  });
  heavy.for_each_row(parallel, [&](int64_t row, const Sum<T>* partials, int64_t chunks) {
    T* out = static_cast<T*>(p.args.out) + row * p.channels;
    for (int64_t c = 0; c < p.channels; ++c) {
      Sum<T> acc = partials[c];
      for (int64_t chunk = 1; chunk < chunks; ++chunk) acc = Op::combine(acc, partials[chunk * p.channels + c]);
      if (p.self_weight) acc = Op::combine(acc, p.self_weights().of(row, c) * load_one(p.x + row * p.channels + c));
      store_one(out + c, acc / p.divisor(row));
    }
  });
}

template <class Op, Mode kMode, class T>
void run(const GatherSegmentReduce& args, void* workspace, const Parallel& parallel) {
  const Problem<T> p{args};
  const bool is_vector = args.channels * sizeof(Sum<T>) == GEOCOMPILE_VECTOR_BYTES && args.graph.col && !p.self_weight;
  for_blocks_of_rows(args.op, args.col_name, args.graph, args.channels, parallel, [&](int64_t begin, int64_t end) {
    if constexpr (kMode == Mode::kNone || kMode == Mode::kEdge) {
      if (is_vector && args.graph.index == DType::kInt32)
        return reduce_rows_of_a_vector<Op, kMode, int32_t>(p, begin, end);
      if (is_vector) return reduce_rows_of_a_vector<Op, kMode, int64_t>(p, begin, end);
    }
    reduce_light_rows<Op, kMode>(p, begin, end);
  });
  if (args.graph.num_edges > kHeavyRow) reduce_heavy_rows<Op, kMode>(p, workspace, parallel);
}

template <class Op, class T>
void run_mode(const GatherSegmentReduce& args, void* workspace, const Parallel& parallel) {
  if (!args.weight) return run<Op, Mode::kNone, T>(args, workspace, parallel);
  if (args.heads == 1) return run<Op, Mode::kEdge, T>(args, workspace, parallel);
  if constexpr (std::is_same_v<Op, Add<Sum<T>>>) {  // the reduction of attention: worth a form of its own
    constexpr int64_t kLanes = GEOCOMPILE_VECTOR_BYTES / sizeof(Sum<T>);
    if (args.channels / args.heads % kLanes == 0) return run<Op, Mode::kHead, T>(args, workspace, parallel);
  }
  run<Op, Mode::kMixed, T>(args, workspace, parallel);
}

template <class T>
void run_reduce(const GatherSegmentReduce& args, void* workspace, const Parallel& parallel) {
  switch (args.reduce) {
    case Reduce::kSum:
    case Reduce::kMean: return run_mode<Add<Sum<T>>, T>(args, workspace, parallel);
    case Reduce::kMax: return run_mode<Maximum<Sum<T>>, T>(args, workspace, parallel);
    case Reduce::kMin: return run_mode<Minimum<Sum<T>>, T>(args, workspace, parallel);
    case Reduce::kMul: return run_mode<Multiply<Sum<T>>, T>(args, workspace, parallel);
  }
}

}  // namespace

size_t gather_segment_reduce_workspace(const GatherSegmentReduce& args) {
  return args.value == DType::kFloat64 ? HeavyRows<double>::bytes(args.graph.num_edges, args.channels)
                                       : HeavyRows<float>::bytes(args.graph.num_edges, args.channels);
}

void gather_segment_reduce(const GatherSegmentReduce& args, void* workspace, const Parallel& parallel) {
  with_value_type(args.value,
                  [&](auto value) { run_reduce<typename decltype(value)::type>(args, workspace, parallel); });
}

}  // namespace geocompile::cpu::GEOCOMPILE_ISA
