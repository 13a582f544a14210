// The gradients of kernel-weighted aggregation: a contraction over kernels and edges, and a dot product per weight.
#include "../../gather_kernel_reduce.h"
#include "../kernel_rows.h"

namespace geocompile::cpu::GEOCOMPILE_ISA {
namespace {

// --- features: sums over the edges and their kernels -----------------------------------------------------------------

template <class T>
struct Contraction {
  const KernelContract& args;
  ActiveKernels<T> active{args.edges};
  Rows rows{args.edges.graph};
  const T* x = static_cast<const T*>(args.x);
  int64_t channels = args.edges.channels, num_kernels = args.edges.num_kernels;
  int64_t ahead = edges_ahead(args.edges.num_active * channels * sizeof(T));

  [[gnu::always_inline]] const T* source(int64_t p) const { return x + rows.source(p) * num_kernels * channels; }
};

template <int kBytes, int kCount, class T>
__attribute__((noinline)) void contract_tile(const Contraction<T>& p, const KernelSpan& span, int64_t channel,
                                             Sum<T>* partial) {
  using V = typename Vector<Sum<T>, kBytes>::type;
  constexpr int kLanes = lanes_of<V>;
  V sums[kCount] = {};
  for (int64_t e = span.begin; e < span.end; ++e) {
    if (const int64_t next = e + p.ahead; next < span.limit)
      for (int64_t s = 0; s < p.active.per_edge; ++s)
        prefetch_bytes(p.source(next) + p.active.kernel(next, s) * p.channels + channel,
                       kCount * kLanes * static_cast<int>(sizeof(T)));
    const T* from = p.source(e) + channel;
    for (int64_t s = 0; s < p.active.per_edge; ++s) {
      const V weight = splat<V>(p.active.weight(e, s));
      const T* x = from + p.active.kernel(e, s) * p.channels;
      for (int c = 0; c < kCount; ++c) sums[c] += weight * load<V>(x + c * kLanes);
    }
  }
  T* out = static_cast<T*>(p.args.out) + span.row * p.channels;
  for (int c = 0; c < kCount; ++c)
    partial ? store(partial + channel + c * kLanes, sums[c]) : store(out + channel + c * kLanes, sums[c]);
}

template <int kBytes, int kCount, class T>
void contract_tiles(const Contraction<T>& p, const KernelSpan& span, int64_t channel, Sum<T>* partial) {
  constexpr int64_t kWidth = kCount * kBytes / sizeof(Sum<T>);
  for (; channel + kWidth <= p.channels; channel += kWidth) contract_tile<kBytes, kCount>(p, span, channel, partial);
  if (channel == p.channels) return;
  if constexpr (kCount > 1) {
    contract_tiles<kBytes, kCount / 2>(p, span, channel, partial);
  } else if constexpr (kBytes > static_cast<int>(sizeof(Sum<T>))) {
    contract_tiles<kBytes / 2, 1>(p, span, channel, partial);
  }
}

template <class T>
void run_contract(const KernelContract& args, void* workspace, const Parallel& parallel) {
  const Contraction<T> p{args};
  reduce_kernel_rows<T>(
      args.edges, p.channels, workspace, parallel,
      [&](const KernelSpan& span, Sum<T>* partial) {
        contract_tiles<GEOCOMPILE_VECTOR_BYTES, GEOCOMPILE_VECTOR_REGISTERS / 2>(p, span, 0, partial);
      },
      [&](int64_t row, const Sum<T>* sums) {
        T* out = static_cast<T*>(args.out) + row * p.channels;
        for (int64_t c = 0; c < p.channels; ++c) store_one(out + c, sums[c]);
      });
}

// --- weights: a dot product for each ---------------------------------------------------------------------------------

// Summed in 64 bytes of lanes, folded in halves: the order is the same for every width of vector.
template <class T>
[[gnu::always_inline]] inline Sum<T> dot(const T* a, const T* b, int64_t count) {
  using V = typename Vector<Sum<T>, GEOCOMPILE_VECTOR_BYTES>::type;
  constexpr int kLanes = lanes_of<V>, kVectors = 64 / GEOCOMPILE_VECTOR_BYTES, kWidth = kLanes * kVectors;
  V sums[kVectors] = {};
  int64_t c = 0;
  for (; c + kWidth <= count; c += kWidth)
    for (int v = 0; v < kVectors; ++v) sums[v] += load<V>(a + c + v * kLanes) * load<V>(b + c + v * kLanes);
  Sum<T> lanes[kWidth];
  for (int v = 0; v < kVectors; ++v) store(lanes + v * kLanes, sums[v]);
  for (int lane = 0; c < count; ++c, ++lane) lanes[lane] += load_one(a + c) * load_one(b + c);
  for (int width = kWidth / 2; width > 0; width /= 2)
    for (int lane = 0; lane < width; ++lane) lanes[lane] += lanes[lane + width];
  return lanes[0];
}

template <class T>
void run_dot(const KernelDot& args, const Parallel& parallel) {
  const KernelEdges& edges = args.edges;
  const Rows rows(edges.graph);
  const ActiveKernels<T> active{edges};
  const T* b = static_cast<const T*>(args.b);
  T* out = static_cast<T*>(args.out);
  const int64_t channels = edges.channels, ahead = edges_ahead(channels * sizeof(T));
  for_blocks_of_kernel_rows(edges, parallel, [&](int64_t begin, int64_t end) {
    const int64_t limit = rows.begin(end);
    for (int64_t row = begin; row < end; ++row) {
      const T* a = static_cast<const T*>(args.a) + row * edges.num_kernels * channels;
      for (int64_t p = rows.begin(row); p < rows.end(row); ++p) {
        if (p + ahead < limit) prefetch_bytes(b + rows.source(p + ahead) * channels, channels * sizeof(T));
        const T* source = b + rows.source(p) * channels;
        for (int64_t s = 0; s < active.per_edge; ++s)
          store_one(out + p * active.per_edge + s, dot(a + active.kernel(p, s) * channels, source, channels));
      }
    }
  });
}

}  // namespace

size_t kernel_contract_workspace(const KernelContract& args) {
  const KernelEdges& edges = args.edges;
  return edges.value == DType::kFloat64 ? HeavyRows<double>::bytes(edges.graph.num_edges, edges.channels)
                                        : HeavyRows<float>::bytes(edges.graph.num_edges, edges.channels);
}

void kernel_contract(const KernelContract& args, void* workspace, const Parallel& parallel) {
  with_value_type(args.edges.value,
                  [&](auto value) { run_contract<typename decltype(value)::type>(args, workspace, parallel); });
}

void kernel_dot(const KernelDot& args, const Parallel& parallel) {
  with_value_type(args.edges.value, [&](auto value) { run_dot<typename decltype(value)::type>(args, parallel); });
}

}  // namespace geocompile::cpu::GEOCOMPILE_ISA
