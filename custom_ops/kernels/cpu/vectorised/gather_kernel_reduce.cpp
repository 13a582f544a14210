// A row's sums, one for each kernel, are held in registers (dense weights) or in the first-level cache (a few active
// kernels per edge) while its edges stream by; each result is written once.
//
// Order of summation, the same for any number of threads: a row of at most kHeavyRow edges is summed edge by edge; a
// longer one is cut into chunks, whose results are added in order.
#include "../../gather_kernel_reduce.h"

#include "../kernel_rows.h"

namespace geocompile::cpu::GEOCOMPILE_ISA {
namespace {

template <class T>
struct Problem {
  const GatherKernelReduce& args;
  ActiveKernels<T> active{args.edges};
  Rows rows{args.edges.graph};
  const T* x = static_cast<const T*>(args.x);
  int64_t channels = args.edges.channels, num_kernels = args.edges.num_kernels;
  int64_t ahead = edges_ahead(channels * sizeof(T));

  [[gnu::always_inline]] const T* source(int64_t p) const { return x + rows.source(p) * channels; }
  void prefetch(const KernelSpan& span, int64_t p) const {
    if (p + ahead < span.limit) prefetch_bytes(source(p + ahead), channels * sizeof(T));
  }
  Sum<T> mean_divisor(int64_t row) const {
    return args.reduce == KernelReduce::kMean ? std::max<Sum<T>>(1, static_cast<Sum<T>>(rows.degree(row))) : 1;
  }

  // Of one row: to the output, or for a part of a heavy row to its partial sums.
  template <class V>
  void put(const KernelSpan& span, Sum<T>* partial, int64_t kernel, int64_t channel, V value, Sum<T> divisor) const {
    const int64_t at = kernel * channels + channel;
    if (partial) return store(partial + at, value);
    store(static_cast<T*>(args.out) + span.row * num_kernels * channels + at,
          divisor == 1 ? value : value / splat<V>(divisor));
  }
};

// --- dense weights ---------------------------------------------------------------------------------------------------

constexpr int kTileKernels = 4, kTileVectors = GEOCOMPILE_VECTOR_REGISTERS / 8;  // half of the registers are sums

// kKernels kernels by kCount vectors of channels.
template <int kBytes, int kCount, int kKernels, class T>
__attribute__((noinline)) void dense_tile(const Problem<T>& p, const KernelSpan& span, int64_t channel, int64_t kernel,
                                          Sum<T>* partial) {
  using V = typename Vector<Sum<T>, kBytes>::type;
  constexpr int kLanes = lanes_of<V>;
  V sums[kKernels][kCount] = {};
  const bool is_first = channel == 0 && kernel == 0;  // later tiles of the row find its sources in the cache
  const T* weights = p.active.weights + kernel;
  for (int64_t e = span.begin; e < span.end; ++e) {
    if (is_first) p.prefetch(span, e);
    const T* from = p.source(e) + channel;
    V x[kCount];
    for (int c = 0; c < kCount; ++c) x[c] = load<V>(from + c * kLanes);
    for (int k = 0; k < kKernels; ++k) {
      const V weight = splat<V>(load_one(weights + e * p.num_kernels + k));
      for (int c = 0; c < kCount; ++c) sums[k][c] += weight * x[c];
    }
  }
  const Sum<T> divisor = p.mean_divisor(span.row);
  for (int k = 0; k < kKernels; ++k)
    for (int c = 0; c < kCount; ++c) p.put(span, partial, kernel + k, channel + c * kLanes, sums[k][c], divisor);
}

// As many tiles of kKernels kernels as fit from `kernel`, then one of those that are left.
template <int kBytes, int kCount, int kKernels, class T>
void dense_kernels(const Problem<T>& p, const KernelSpan& span, int64_t channel, int64_t kernel, Sum<T>* partial) {
  for (; kernel + kKernels <= p.num_kernels; kernel += kKernels)
    dense_tile<kBytes, kCount, kKernels>(p, span, channel, kernel, partial);
  if constexpr (kKernels > 1)
    if (kernel < p.num_kernels) dense_kernels<kBytes, kCount, kKernels - 1>(p, span, channel, kernel, partial);
}

// As many tiles of kCount vectors as fit from `channel`, then narrower ones; kCount halves, then the vector does.
template <int kBytes, int kCount, class T>
void dense_row(const Problem<T>& p, const KernelSpan& span, int64_t channel, Sum<T>* partial) {
  constexpr int64_t kWidth = kCount * kBytes / sizeof(Sum<T>);
  for (; channel + kWidth <= p.channels; channel += kWidth)
    dense_kernels<kBytes, kCount, kTileKernels>(p, span, channel, 0, partial);
  if (channel == p.channels) return;
  if constexpr (kCount > 1) {
    dense_row<kBytes, kCount / 2>(p, span, channel, partial);
  } else if constexpr (kBytes > static_cast<int>(sizeof(Sum<T>))) {
    dense_row<kBytes / 2, 1>(p, span, channel, partial);
  }
}

// --- a few active kernels per edge -----------------------------------------------------------------------------------

constexpr int64_t kBlock = 64;    // kernels whose sums are held at once,
constexpr int kBlockBytes = 256;  // of so many bytes of channels each: 16 KiB, half of a small first-level cache

// Kernels [first, first + count) of a row, and what their sums are divided by.
template <class T>
struct KernelBlock {
  int64_t first, count;
  Sum<T> divisors[kBlock];
};

template <class T>
void set_divisors(const Problem<T>& p, int64_t row, KernelBlock<T>& block) {
  if (p.args.reduce != KernelReduce::kMeanPerKernel)
    return std::fill_n(block.divisors, block.count, p.mean_divisor(row)), void();
  int64_t terms[kBlock] = {};
  for (int64_t e = p.rows.begin(row); e < p.rows.end(row); ++e)
    for (int64_t s = 0; s < p.active.per_edge; ++s) {
      const uint64_t k = static_cast<uint64_t>(p.active.kernel(e, s) - block.first);
      if (k < static_cast<uint64_t>(block.count)) ++terms[k];
    }
  for (int64_t k = 0; k < block.count; ++k) block.divisors[k] = static_cast<Sum<T>>(std::max<int64_t>(terms[k], 1));
}

template <int kBytes, int kCount, class T>
__attribute__((noinline)) void sparse_tile(const Problem<T>& p, const KernelSpan& span, int64_t channel,
                                           const KernelBlock<T>& block, Sum<T>* partial) {
  using V = typename Vector<Sum<T>, kBytes>::type;
  constexpr int kLanes = lanes_of<V>, kWidth = kCount * kLanes;
  alignas(64) Sum<T> sums[kBlock * kWidth];
  std::fill_n(sums, block.count * kWidth, Sum<T>(0));
  const bool is_first = channel == 0 && block.first == 0;
  for (int64_t e = span.begin; e < span.end; ++e) {
    if (is_first) p.prefetch(span, e);
    const T* from = p.source(e) + channel;
    V x[kCount];
    for (int c = 0; c < kCount; ++c) x[c] = load<V>(from + c * kLanes);
    for (int64_t s = 0; s < p.active.per_edge; ++s) {
      const uint64_t k = static_cast<uint64_t>(p.active.kernel(e, s) - block.first);
      if (k >= static_cast<uint64_t>(block.count)) continue;
      const V weight = splat<V>(p.active.weight(e, s));
      Sum<T>* to = sums + k * kWidth;
      for (int c = 0; c < kCount; ++c) store(to + c * kLanes, load<V>(to + c * kLanes) + weight * x[c]);
    }
  }
  for (int64_t k = 0; k < block.count; ++k)
    for (int c = 0; c < kCount; ++c)
      p.put(span, partial, block.first + k, channel + c * kLanes, load<V>(sums + k * kWidth + c * kLanes),
            block.divisors[k]);
}

template <int kBytes, int kCount, class T>
void sparse_channels(const Problem<T>& p, const KernelSpan& span, int64_t channel, const KernelBlock<T>& block,
                     Sum<T>* partial) {
  constexpr int64_t kWidth = kCount * kBytes / sizeof(Sum<T>);
  for (; channel + kWidth <= p.channels; channel += kWidth)
    sparse_tile<kBytes, kCount>(p, span, channel, block, partial);
  if (channel == p.channels) return;
  if constexpr (kCount > 1) {
    sparse_channels<kBytes, kCount / 2>(p, span, channel, block, partial);
  } else if constexpr (kBytes > static_cast<int>(sizeof(Sum<T>))) {
    sparse_channels<kBytes / 2, 1>(p, span, channel, block, partial);
  }
}

// Calls body(block) for the kernels of a row, kBlock at a time.
template <class T, class Body>
void for_kernel_blocks(const Problem<T>& p, int64_t row, const Body& body) {
  KernelBlock<T> block;
  for (block.first = 0; block.first < p.num_kernels; block.first += kBlock) {
    block.count = std::min(kBlock, p.num_kernels - block.first);
    set_divisors(p, row, block);
    body(block);
  }
}

// --- all rows --------------------------------------------------------------------------------------------------------

template <class T>
void reduce_span(const Problem<T>& p, const KernelSpan& span, Sum<T>* partial) {
  constexpr int kBytes = GEOCOMPILE_VECTOR_BYTES;
  if (!p.args.edges.sparse) return dense_row<kBytes, kTileVectors>(p, span, 0, partial);
  for_kernel_blocks(p, span.row, [&](const KernelBlock<T>& block) {
    sparse_channels<kBytes, kBlockBytes / kBytes>(p, span, 0, block, partial);
  });
}

template <class T>
void write_heavy_row(const Problem<T>& p, int64_t row, const Sum<T>* sums) {
  T* out = static_cast<T*>(p.args.out) + row * p.num_kernels * p.channels;
  for_kernel_blocks(p, row, [&](const KernelBlock<T>& block) {
    for (int64_t k = 0; k < block.count; ++k)
      for (int64_t c = 0; c < p.channels; ++c) {
        const int64_t at = (block.first + k) * p.channels + c;
        store_one(out + at, sums[at] / block.divisors[k]);
      }
  });
}

template <class T>
void run(const GatherKernelReduce& args, void* workspace, const Parallel& parallel) {
  const Problem<T> p{args};
  reduce_kernel_rows<T>(
      args.edges, p.num_kernels * p.channels, workspace, parallel,
      [&](const KernelSpan& span, Sum<T>* partial) { reduce_span(p, span, partial); },
      [&](int64_t row, const Sum<T>* sums) { write_heavy_row(p, row, sums); });
}

}  // namespace

size_t gather_kernel_reduce_workspace(const GatherKernelReduce& args) {
  const int64_t width = args.edges.num_kernels * args.edges.channels;
  return args.edges.value == DType::kFloat64 ? HeavyRows<double>::bytes(args.edges.graph.num_edges, width)
                                             : HeavyRows<float>::bytes(args.edges.graph.num_edges, width);
}

void gather_kernel_reduce(const GatherKernelReduce& args, void* workspace, const Parallel& parallel) {
  with_value_type(args.edges.value,
                  [&](auto value) { run<typename decltype(value)::type>(args, workspace, parallel); });
}

}  // namespace geocompile::cpu::GEOCOMPILE_ISA
