// A row's channels are reduced in registers while its edges stream by; nothing per edge is stored.
//
// Order of reduction, a function of shapes and dtypes alone: slot s of a group takes the edges s, s + slots, ... of a
// row, and the slots are combined pairwise. A heavy row is cut into chunks first, see heavy_rows.cuh; a chunk's edges
// and then the chunks of the row are reduced in that same way.
#include "../gather_segment_reduce.h"
#include "heavy_rows.cuh"
#include "numbers.cuh"
#include "reductions.cuh"
#include "tiling.cuh"

namespace geocompile::cuda {
namespace {

constexpr int kBatch = 4;  // edges whose features a thread asks for before it uses the first

template <class T, class I>
struct Problem {
  Rows<I> rows;
  const I* col;
  const T* x;
  const T* weight;
  const T* self_weight;
  T* out;
  Sum<T>* partial;  // [slots, channels]: the results of heavy rows' chunks, NaN where there is none
  int64_t num_sources, channels, heads, head_channels;
  Tiling tiling;
  bool mean;
  Sum<T> empty;  // what a row without terms gets

  __device__ int64_t head(int64_t channel) const { return heads == 1 ? 0 : channel / head_channels; }
};

template <class T, int kWidth>
struct Term {
  Sum<T> factor;
  Pack<T, kWidth> value;
};

// A source out of range is not read: the term is NaN.
template <int kWidth, class T, class I>
__device__ inline Term<T, kWidth> term_of(const Problem<T, I>& p, int64_t source, const T* weight, int64_t channel) {
  Term<T, kWidth> term{Sum<T>(NAN), {}};
  if (is_below(source, p.num_sources)) {
    term.factor = weight ? widen(*weight) : Sum<T>(1);
    term.value = load<kWidth>(p.x + source * p.channels + channel);
  }
  return term;
}

template <class Op, class T, int kWidth>
__device__ inline void add_term(Sum<T> (&acc)[kWidth], const Term<T, kWidth>& term) {
#pragma unroll
  for (int i = 0; i < kWidth; ++i) acc[i] = Op::add_term(acc[i], term.factor, widen(term.value.at[i]));
}

template <class Op, int kWidth, class T, class I>
__device__ inline void add_edges(const Problem<T, I>& p, const Span& span, const Place& at, Sum<T> (&acc)[kWidth]) {
  const int64_t step = p.tiling.slots, head = p.head(at.channel);
  for (int64_t first = span.begin + at.slot; first < span.end; first += kBatch * step) {
    Term<T, kWidth> terms[kBatch];
#pragma unroll
    for (int b = 0; b < kBatch; ++b) {
      const int64_t e = first + b * step;
      int64_t source = -1;  // beyond the span: nothing is read
      if (e < span.end) source = p.col ? static_cast<int64_t>(p.col[e]) : e;
      terms[b] = term_of<kWidth>(p, source, p.weight ? p.weight + e * p.heads + head : nullptr, at.channel);
    }
#pragma unroll
    for (int b = 0; b < kBatch; ++b)
      if (first + b * step < span.end) add_term<Op, T>(acc, terms[b]);
  }
}

template <class Op, int kWidth, class T, class I>
__device__ inline void add_chunks(const Problem<T, I>& p, const Span& row, const Place& at, Sum<T> (&acc)[kWidth]) {
  for (int64_t place = row.begin + at.slot * kChunk; place < row.end; place += p.tiling.slots * kChunk) {
    const Sum<T>* partial = p.partial + slot_of(place, row.begin) * p.channels + at.channel;
#pragma unroll
    for (int i = 0; i < kWidth; ++i) acc[i] = Op::combine(acc[i], partial[i]);
  }
}

// The row's own term, the mean, what an empty row gets, and NaN where rowptr is no rowptr.
template <class Op, int kWidth, class T, class I>
__device__ inline void finish(const Problem<T, I>& p, const Span& row, const Place& at, Sum<T> (&acc)[kWidth]) {
  const int64_t terms = row.end - row.begin + (p.self_weight ? 1 : 0);
  if (p.self_weight) {
    const T* weight = p.self_weight + at.row * p.heads + p.head(at.channel);
    add_term<Op, T>(acc, term_of<kWidth>(p, at.row, weight, at.channel));
  }
  Pack<T, kWidth> result;
#pragma unroll
  for (int i = 0; i < kWidth; ++i) {
    const Sum<T> reduced = p.mean ? acc[i] / static_cast<Sum<T>>(terms) : acc[i];
    const Sum<T> defined = terms == 0 ? p.empty : reduced;
    narrow(row.valid ? defined : Sum<T>(NAN), result.at[i]);
  }
  store(p.out + at.row * p.channels + at.channel, result);
}

template <class Op, int kWidth, class T, class I>
__global__ void __launch_bounds__(kThreads) reduce_chunks(Problem<T, I> p, int64_t slots) {
  for_each_place<kWidth>(p.tiling, slots, p.channels, [&](const Place& at) {
    const Span chunk = at.active ? chunk_in(at.row, p.rows) : Span{0, 0, true};
    Sum<T> acc[kWidth];
    for (Sum<T>& value : acc) value = Op::identity();
    add_edges<Op>(p, chunk, at, acc);
    merge_slots<Op>(p.tiling, acc);
    if (at.slot != 0 || chunk.begin == chunk.end) return;
    for (int i = 0; i < kWidth; ++i) p.partial[at.row * p.channels + at.channel + i] = acc[i];
  });
}

template <class Op, int kWidth, class T, class I>
__global__ void __launch_bounds__(kThreads) reduce_rows(Problem<T, I> p) {
  const bool whole = p.rows.span_all_edges();
  for_each_place<kWidth>(p.tiling, p.rows.num_rows, p.channels, [&](const Place& at) {
    Span row = at.active ? p.rows.span(at.row) : Span{0, 0, true};
    row.valid = row.valid && whole;
    Sum<T> acc[kWidth];
    for (Sum<T>& value : acc) value = Op::identity();
    if (row.end - row.begin > kHeavyRow) {
      add_chunks<Op>(p, row, at, acc);
    } else {
      add_edges<Op>(p, row, at, acc);
    }
    merge_slots<Op>(p.tiling, acc);
    if (at.active && at.slot == 0) finish<Op>(p, row, at, acc);
  });
}

template <class Op, int kWidth, class T, class I>
void run(const GatherSegmentReduce& args, int natural_width, void* workspace, Stream stream) {
  const CsrGraph& g = args.graph;
  const Problem<T, I> p{{static_cast<const I*>(g.rowptr), g.num_rows, g.num_edges},
                        static_cast<const I*>(g.col),
                        static_cast<const T*>(args.x),
                        static_cast<const T*>(args.weight),
                        static_cast<const T*>(args.self_weight),
                        static_cast<T*>(args.out),
                        static_cast<Sum<T>*>(workspace),
                        g.num_sources,
                        args.channels,
                        args.heads,
                        args.channels / args.heads,
                        tiling_of(args.channels, natural_width, kWidth),
                        args.reduce == Reduce::kMean,
                        args.reduce == Reduce::kMul ? Sum<T>(1) : Sum<T>(0)};
  const int64_t slots = count_slots(g.num_edges), threads_per_row = p.tiling.tiles * p.tiling.group();
  if (slots > 0) {
    const size_t bytes = gather_segment_reduce_workspace(args);
    check(args.op, cudaMemsetAsync(workspace, 0xff, bytes, stream));  // NaN, whatever the type
    launch(args.op, reduce_chunks<Op, kWidth, T, I>, slots * threads_per_row, stream, p, slots);
  }
  launch(args.op, reduce_rows<Op, kWidth, T, I>, g.num_rows * threads_per_row, stream, p);
}

template <int kWidth, class T, class I>
void run_reduce(const GatherSegmentReduce& args, int natural_width, void* workspace, Stream stream) {
  using S = Sum<T>;
  switch (args.reduce) {
    case Reduce::kSum:
    case Reduce::kMean: return run<Add<S>, kWidth, T, I>(args, natural_width, workspace, stream);
    case Reduce::kMax: return run<Maximum<S>, kWidth, T, I>(args, natural_width, workspace, stream);
    case Reduce::kMin: return run<Minimum<S>, kWidth, T, I>(args, natural_width, workspace, stream);
    case Reduce::kMul: return run<Multiply<S>, kWidth, T, I>(args, natural_width, workspace, stream);
  }
}

// A thread's channels must belong to one head, and are read at once only where they lie on a multiple of their size.
template <class T, class I>
void run_widest(const GatherSegmentReduce& args, void* workspace, Stream stream) {
  const bool divides = args.channels / args.heads % kWidest<T> == 0;
  const bool aligned = is_aligned(args.x) && is_aligned(args.out);
  const int natural_width = divides ? kWidest<T> : 1;
  if (divides && aligned) {
    run_reduce<kWidest<T>, T, I>(args, natural_width, workspace, stream);
  } else {
    run_reduce<1, T, I>(args, natural_width, workspace, stream);
  }
}

}  // namespace

size_t gather_segment_reduce_workspace(const GatherSegmentReduce& args) {
  return size_of_sum(args.value) * count_slots(args.graph.num_edges) * args.channels;
}

void gather_segment_reduce(const GatherSegmentReduce& args, void* workspace, Stream stream) {
  if (args.graph.num_rows == 0 || args.channels == 0) return;
  with_value_type(args.value, [&](auto value) {
    with_index_type(args.graph.index, [&](auto index) {
      run_widest<typename decltype(value)::type, typename decltype(index)::type>(args, workspace, stream);
    });
  });
}

}  // namespace geocompile::cuda
