// A row's channels are reduced in registers, tile by tile, while its edges stream by; nothing per edge is stored.
//
// Order of summation, the same for any number of threads: a row of at most kHeavyRow edges is summed edge by edge; a
// longer one is cut every kChunk edges from its own start, and the chunks' results are combined in order.
#include "../gather_segment_reduce.h"

#include <atomic>

#include "balance.h"
#include "simd.h"
#include "validate.h"

namespace geocompile::cpu::GEOCOMPILE_ISA {
namespace {

constexpr int64_t kHeavyRow = 8192;
constexpr int64_t kChunk = 4096;
constexpr int64_t kPrefetch = 8;  // edges ahead; measured best of 2..32 on power-law graphs of 500k and 2.3M edges
constexpr int kWidestTile = GEOCOMPILE_VECTOR_REGISTERS / 2;  // vectors; the rest hold loads and the weight

template <class T, class I>
struct Problem {
  const GatherSegmentReduce& args;
  const T* x = static_cast<const T*>(args.x);
  const I* rowptr = static_cast<const I*>(args.rowptr);
  const I* col = static_cast<const I*>(args.col);
  const T* weight = static_cast<const T*>(args.weight);
  const T* self_weight = static_cast<const T*>(args.self_weight);
  T* out = static_cast<T*>(args.out);
  int64_t channels = args.channels;

  const T* source(int64_t p) const { return x + (col ? static_cast<int64_t>(col[p]) : p) * channels; }
  int64_t degree(int64_t row) const { return rowptr[row + 1] - rowptr[row]; }
  bool is_heavy(int64_t row) const { return degree(row) > kHeavyRow; }
};

// Edges [begin, end) of one row; `limit` bounds the edges whose sources may be prefetched; self_row < 0: no self term.
struct Span {
  int64_t begin, end, limit, self_row;
};

template <class Op, int kBytes, int kCount, class T, class I>
inline void reduce_tile(const Problem<T, I>& p, const Span& span, int64_t channel, T divisor, T* out) {
  using V = typename Vector<T, kBytes>::type;
  constexpr int kLanes = kBytes / sizeof(T);
  V acc[kCount];
  for (int c = 0; c < kCount; ++c) acc[c] = splat<V>(Op::identity());
  const auto add = [&](const T* from, V factor) {
    for (int c = 0; c < kCount; ++c) acc[c] = Op::combine(acc[c], factor * load<V>(from + c * kLanes));
  };
  for (int64_t e = span.begin; e < span.end; ++e) {
    if (e + kPrefetch < span.limit) {
      const T* ahead = p.source(e + kPrefetch) + channel;
      for (int byte = 0; byte < kCount * kBytes; byte += 64)
        __builtin_prefetch(reinterpret_cast<const char*>(ahead) + byte);
    }
    const T* from = p.source(e) + channel;
    if (p.weight) {
      add(from, splat<V>(p.weight[e]));
    } else {
      for (int c = 0; c < kCount; ++c) acc[c] = Op::combine(acc[c], load<V>(from + c * kLanes));
    }
  }
  if (span.self_row >= 0) add(p.x + span.self_row * p.channels + channel, splat<V>(p.self_weight[span.self_row]));
  if (divisor != T(1))
    for (int c = 0; c < kCount; ++c) acc[c] = acc[c] / splat<V>(divisor);
  for (int c = 0; c < kCount; ++c) store(out + channel + c * kLanes, acc[c]);
}

// As many tiles of kCount vectors as fit from `channel`, then narrower ones; kCount halves, then the vector does.
template <class Op, int kBytes, int kCount, class T, class I>
inline void reduce_tiles(const Problem<T, I>& p, const Span& span, int64_t channel, T divisor, T* out) {
  constexpr int64_t kWidth = kCount * kBytes / sizeof(T);
  for (; channel + kWidth <= p.channels; channel += kWidth)
    reduce_tile<Op, kBytes, kCount>(p, span, channel, divisor, out);
  if (channel == p.channels) return;
  if constexpr (kCount > 1) {
    reduce_tiles<Op, kBytes, kCount / 2>(p, span, channel, divisor, out);
  } else if constexpr (kBytes > static_cast<int>(sizeof(T))) {
    reduce_tiles<Op, kBytes / 2, 1>(p, span, channel, divisor, out);
  }
}

template <class Op, class T, class I>
inline void reduce_span(const Problem<T, I>& p, const Span& span, T divisor, T* out) {
  reduce_tiles<Op, GEOCOMPILE_VECTOR_BYTES, kWidestTile>(p, span, 0, divisor, out);
}

template <class T, class I>
inline T divisor_of(const Problem<T, I>& p, int64_t row) {
  return p.args.reduce == Reduce::kMean ? static_cast<T>(p.degree(row) + (p.self_weight ? 1 : 0)) : T(1);
}

template <class Op, class T, class I>
void reduce_light_rows(const Problem<T, I>& p, int64_t begin, int64_t end) {
  const T empty = p.args.reduce == Reduce::kMul ? T(1) : T(0);
  const int64_t limit = p.rowptr[end];
  for (int64_t row = begin; row < end; ++row) {
    T* out = p.out + row * p.channels;
    if (p.degree(row) == 0 && !p.self_weight) {
      for (int64_t c = 0; c < p.channels; ++c) out[c] = empty;
    } else if (!p.is_heavy(row)) {
      const Span span{p.rowptr[row], p.rowptr[row + 1], limit, p.self_weight ? row : -1};
      reduce_span<Op>(p, span, divisor_of(p, row), out);
    }
  }
}

// Heavy rows in the workspace: their numbers, the first chunk of each, and a result for each chunk.
template <class T>
struct HeavyRows {
  int64_t most_rows, most_chunks;
  int64_t* rows;
  int64_t* first_chunk;
  T* partial;

  HeavyRows(int64_t num_edges, void* workspace)
      : most_rows(num_edges / (kHeavyRow + 1)),
        most_chunks(num_edges / kChunk + most_rows),
        rows(static_cast<int64_t*>(workspace)),
        first_chunk(rows + most_rows),
        partial(reinterpret_cast<T*>(first_chunk + most_rows + 1)) {}

  size_t bytes(int64_t channels) const {
    return most_rows == 0 ? 0 : sizeof(int64_t) * (2 * most_rows + 1) + sizeof(T) * most_chunks * channels;
  }
};

template <class Op, class T, class I>
void reduce_heavy_rows(const Problem<T, I>& p, HeavyRows<T> heavy, const Parallel& parallel) {
  int64_t count = 0, chunks = 0;
  for (int64_t row = 0; row < p.args.num_rows; ++row) {
    if (!p.is_heavy(row)) continue;
    heavy.rows[count] = row;
    heavy.first_chunk[count++] = chunks;
    chunks += (p.degree(row) + kChunk - 1) / kChunk;
  }
  heavy.first_chunk[count] = chunks;

  parallel(chunks, [&](int64_t chunk) {
    int64_t h = 0;
    while (heavy.first_chunk[h + 1] <= chunk) ++h;
    const int64_t row_end = p.rowptr[heavy.rows[h] + 1];
    const int64_t begin = p.rowptr[heavy.rows[h]] + (chunk - heavy.first_chunk[h]) * kChunk;
    const int64_t end = begin + kChunk < row_end ? begin + kChunk : row_end;
    reduce_span<Op>(p, Span{begin, end, row_end, -1}, T(1), heavy.partial + chunk * p.channels);
  });

  parallel(count, [&](int64_t h) {
    const int64_t row = heavy.rows[h];
    T* out = p.out + row * p.channels;
    const T divisor = divisor_of(p, row);
    for (int64_t c = 0; c < p.channels; ++c) {
      T acc = heavy.partial[heavy.first_chunk[h] * p.channels + c];
      for (int64_t chunk = heavy.first_chunk[h] + 1; chunk < heavy.first_chunk[h + 1]; ++chunk)
        acc = Op::combine(acc, heavy.partial[chunk * p.channels + c]);
      if (p.self_weight) acc = Op::combine(acc, p.self_weight[row] * p.x[row * p.channels + c]);
      out[c] = acc / divisor;
    }
  });
}

template <class Op, class T, class I>
void run(const GatherSegmentReduce& args, void* workspace, const Parallel& parallel) {
  const Problem<T, I> p{args};
  check_rowptr(args.op, p.rowptr, args.num_rows, args.num_edges);
  if (p.col == nullptr && args.num_edges > args.num_sources)
    throw_bad_rowptr(args.op, p.rowptr, args.num_rows, args.num_sources);
  const int64_t tasks = task_count((args.num_edges + args.num_rows) * args.channels, parallel.threads());
  std::atomic<bool> bad{false};
  parallel(tasks, [&](int64_t task) {
    const int64_t begin = first_row(p.rowptr, args.num_rows, task, tasks);
    const int64_t end = first_row(p.rowptr, args.num_rows, task + 1, tasks);
    if (p.col && !all_below(p.col, p.rowptr[begin], p.rowptr[end], args.num_sources)) {
      bad = true;
    } else {
      reduce_light_rows<Op>(p, begin, end);
    }
  });
  if (bad) throw_bad_index(args.op, args.col_name, p.col, args.num_edges, args.num_sources);
  const HeavyRows<T> heavy(args.num_edges, workspace);
  if (heavy.most_rows > 0) reduce_heavy_rows<Op>(p, heavy, parallel);
}

template <class T, class I>
void run_reduce(const GatherSegmentReduce& args, void* workspace, const Parallel& parallel) {
  switch (args.reduce) {
    case Reduce::kSum:
    case Reduce::kMean: return run<Add<T>, T, I>(args, workspace, parallel);
    case Reduce::kMax: return run<Maximum<T>, T, I>(args, workspace, parallel);
    case Reduce::kMin: return run<Minimum<T>, T, I>(args, workspace, parallel);
    case Reduce::kMul: return run<Multiply<T>, T, I>(args, workspace, parallel);
  }
}

}  // namespace

size_t gather_segment_reduce_workspace(const GatherSegmentReduce& args) {
  return args.value == DType::kFloat32 ? HeavyRows<float>(args.num_edges, nullptr).bytes(args.channels)
                                       : HeavyRows<double>(args.num_edges, nullptr).bytes(args.channels);
}

void gather_segment_reduce(const GatherSegmentReduce& args, void* workspace, const Parallel& parallel) {
  const bool narrow = args.index == DType::kInt32;
  if (args.value == DType::kFloat32) {
    narrow ? run_reduce<float, int32_t>(args, workspace, parallel)
           : run_reduce<float, int64_t>(args, workspace, parallel);
  } else {
    narrow ? run_reduce<double, int32_t>(args, workspace, parallel)
           : run_reduce<double, int64_t>(args, workspace, parallel);
  }
}

}  // namespace geocompile::cpu::GEOCOMPILE_ISA
