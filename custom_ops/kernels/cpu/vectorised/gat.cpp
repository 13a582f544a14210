// Attention coefficients of GAT, and the aggregation that they weight: scores of a row's terms in a block, their
// softmax in place, then the weighted sum of source rows in registers. A block is all that is ever stored of alpha.
#include "../../gat.h"

#include <algorithm>

#include "../heavy_rows.h"
#include "../row_softmax.h"
#include "../rows.h"
#include "../weighted_sum.h"

namespace geocompile::cpu::GEOCOMPILE_ISA {
namespace {

constexpr int64_t kScoresPrefetch = 16;  // scores ahead

template <class T>
struct Attention {
  const GatAttention& args;
  Rows rows{args.graph};
  const T* source = static_cast<const T*>(args.source);
  const T* target = static_cast<const T*>(args.target);
  const T* edge = static_cast<const T*>(args.edge);
  const T* self_edge = static_cast<const T*>(args.self_edge);
  int64_t heads = args.heads;

  // The edges of a row and, with self-loops, the row's own term, which comes last.
  int64_t terms(int64_t row) const { return rows.degree(row) + (args.self_loops ? 1 : 0); }
  bool is_left_out(int64_t row, int64_t p) const { return args.self_loops && rows.source(p) == row; }
};

// The scores of one row for one group of heads.
template <class T, class B>
struct Scores {
  using Group = typename B::Group;
  const Attention<T>& a;
  int64_t row;
  int64_t head;
  int64_t count;  // of heads
  int64_t limit;  // bounds the edges whose sources may be prefetched
  int64_t first = a.rows.begin(row), degree = a.rows.degree(row);
  Group target = load_some<Group>(a.target + row * a.heads + head, count);

  Group score(int64_t node, const T* edge, int64_t at) const {
    Group sum = load_some<Group>(a.source + node * a.heads + head, count) + target;
    if (edge) sum = sum + load_some<Group>(edge + at * a.heads + head, count);
    return sum > Group{} ? sum : sum * splat<Group>(static_cast<Sum<T>>(a.args.negative_slope));
  }

  void operator()(B& block, int64_t begin, int64_t end) const {
    const Group left_out = splat<Group>(-std::numeric_limits<Sum<T>>::infinity());
    const int64_t edges = std::min(end, degree);
    for (int64_t t = begin; t < edges; ++t) {
      const int64_t p = first + t, node = a.rows.source(p);
      if (p + kScoresPrefetch < limit)
        __builtin_prefetch(a.source + a.rows.source(p + kScoresPrefetch) * a.heads + head);
      block.put(t - begin, a.args.self_loops && node == row ? left_out : score(node, a.edge, p));
    }
    if (end > degree) block.put(degree - begin, score(row, a.self_edge, row));
  }
};

// Calls body(scores, first head of the group) for each group of heads of a row.
template <int kLast, class T, class Body>
inline void for_heads(const Attention<T>& a, int64_t row, int64_t limit, const Body& body) {
  for_groups<Sum<T>, kLast>(a.heads, [&](auto group, int64_t head, int64_t count) {
    using B = Block<Sum<T>, decltype(group)::value>;
    body(Scores<T, B>{a, row, head, count, limit});
  });
}

template <class T, class B>
B block_of(const Scores<T, B>&);

// Maximum and sum of each chunk of the heavy rows, combined: the first 2 * heads values of each chunk.
template <int kLast, class T>
void heavy_states(const Attention<T>& a, const HeavyRows<Sum<T>>& heavy, int64_t width, const Parallel& parallel) {
  heavy.for_each_chunk(parallel, [&](int64_t row, int64_t begin, int64_t end, Sum<T>* partial) {
    if (end >= a.rows.degree(row)) end = a.terms(row);
    for_heads<kLast>(a, row, a.rows.end(row), [&](const auto& scores) {
      using B = decltype(block_of(scores));
      Sum<T>* maximum = partial + scores.head;
      save_state<B>(reduce_terms<B>(begin, end, scores), maximum, maximum + a.heads, scores.count);
    });
  });
  heavy.for_each_row(
      parallel, [&](int64_t, Sum<T>* partials, int64_t chunks) { merge_chunks(partials, chunks, width, a.heads); });
}

// weigh_terms over a chunk of a heavy row.
template <class T, class B, class Use>
inline void weigh_chunk(const Scores<T, B>& scores, int64_t begin, int64_t end, const Sum<T>* partial, const Use& use) {
  if (end >= scores.degree) end = scores.a.terms(scores.row);
  const Sum<T>* maximum = partial + scores.head;
  weigh_terms<B>(begin, end, saved_state<B>(maximum, maximum + scores.a.heads, scores.count), scores, use);
}

// --- coefficients ----------------------------------------------------------------------------------------------------

template <class T, class B>
inline void store_coefficients(const GatCoefficients& args, const Scores<T, B>& s, const B& block, int64_t begin,
                               int64_t end) {
  T* alpha = static_cast<T*>(args.alpha) + s.first * s.a.heads + s.head;
  T* self_alpha = static_cast<T*>(args.self_alpha) + s.row * s.a.heads + s.head;
  for (int64_t t = begin; t < std::min(end, s.degree); ++t)
    store_some(alpha + t * s.a.heads, s.a.is_left_out(s.row, s.first + t) ? typename B::Group{} : block.get(t - begin),
               s.count);
  if (end > s.degree) store_some(self_alpha, block.get(s.degree - begin), s.count);
}

template <int kLast, class T>
void run_coefficients(const GatCoefficients& args, void* workspace, const Parallel& parallel) {
  const CsrGraph& graph = args.attention.graph;
  const Attention<T> a{args.attention};
  if (!a.args.self_loops) std::memset(args.self_alpha, 0, sizeof(T) * graph.num_rows * a.heads);
  for_blocks_of_rows(a.args.op, "col", graph, 8 * a.heads, parallel, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      if (a.rows.degree(row) > kHeavyRow) continue;
      for_heads<kLast>(a, row, a.rows.begin(end), [&](const auto& scores) {
        using B = decltype(block_of(scores));
        softmax_terms<B>(a.terms(row), scores, [&](const B& block, int64_t from, int64_t to) {
          store_coefficients(args, scores, block, from, to);
        });
      });
    }
  });
  if (graph.num_edges <= kHeavyRow) return;
  const int64_t width = 2 * a.heads;
  const HeavyRows<Sum<T>> heavy(a.rows, graph.num_rows, graph.num_edges, width, workspace);
  heavy_states<kLast>(a, heavy, width, parallel);
  heavy.for_each_chunk(parallel, [&](int64_t row, int64_t begin, int64_t end, const Sum<T>* partial) {
    for_heads<kLast>(a, row, a.rows.end(row), [&](const auto& scores) {
      using B = decltype(block_of(scores));
      weigh_chunk(scores, begin, end, partial,
                  [&](const B& block, int64_t from, int64_t to) { store_coefficients(args, scores, block, from, to); });
    });
  });
}

// --- aggregation -----------------------------------------------------------------------------------------------------

template <class T>
struct Aggregate {
  using A = Sum<T>;
  const GatAggregate& args;
  Attention<T> attention{args.attention};
  const T* x = static_cast<const T*>(args.x);
  int64_t stride = args.attention.heads * args.channels;

  // Adds the terms [begin, end) of a block to a slab of the group's channels.
  template <class B>
  void add(const Scores<T, B>& s, const B& block, int64_t begin, int64_t end, int64_t slab, int64_t channels,
           HeadOfChannel<A>& heads, A* sum) const {
    const bool one_head = s.count == 1 || args.channels % kLanesOf<A> == 0;
    sum_terms(WeightedTerms<T>{attention.rows, x + s.head * args.channels + slab, stride, s.first + begin,
                               s.first + std::min(end, s.degree), end > s.degree ? s.row : -1, s.limit, block.values,
                               B::kGroup, heads.of(slab, args.channels), sum},
              channels, one_head);
  }

  // Calls body(first channel, number of channels) for each slab of a group's channels.
  template <class Scores, class Body>
  void for_slabs(const Scores& scores, const Body& body) const {
    const int64_t channels = scores.count * args.channels;
    for (int64_t slab = 0; slab < channels; slab += kSlab) body(slab, std::min(kSlab, channels - slab));
  }

  // The scores of a row of more terms than a block holds are taken twice, the second time relative to their maximum. At
  // 200 terms and 8 heads that is at most 0.8 of 2.2 ms for 64 channels in all, and of 3.6 ms for 256 (half of what
  // gat_coefficients takes, 200,000 edges, 2 threads); a single pass that scales its sums down has not been tried. A
  // block holds 1,024 terms of one head: there is nothing to save.
  template <class Scores>
  void light_row(const Scores& scores, HeadOfChannel<A>& heads) const {
    using B = decltype(block_of(scores));
    T* out = static_cast<T*>(args.out) + scores.row * stride + scores.head * args.channels;
    for_slabs(scores, [&](int64_t slab, int64_t channels) {
      A sum[kSlab];
      std::fill(sum, sum + channels, A(0));
      softmax_terms<B>(attention.terms(scores.row), scores, [&](const B& block, int64_t begin, int64_t end) {
        add(scores, block, begin, end, slab, channels, heads, sum);
      });
      store_sums(out + slab, sum, channels);
    });
  }

  // A chunk's sums stand behind its maxima and sums of exponentials.
  int64_t width() const { return 2 * attention.heads + stride; }

  template <class Scores>
  void heavy_chunk(const Scores& scores, int64_t begin, int64_t end, A* partial) const {
    using B = decltype(block_of(scores));
    HeadOfChannel<A> heads;
    A* sums = partial + 2 * attention.heads + scores.head * args.channels;
    for_slabs(scores, [&](int64_t slab, int64_t channels) {
      std::fill(sums + slab, sums + slab + channels, A(0));
      weigh_chunk(scores, begin, end, partial, [&](const B& block, int64_t from, int64_t to) {
        add(scores, block, from, to, slab, channels, heads, sums + slab);
      });
    });
  }

  void heavy_row(int64_t row, A* partials, int64_t chunks) const {
    A* sums = partials + 2 * attention.heads;
    for (int64_t chunk = 1; chunk < chunks; ++chunk)
      for (int64_t c = 0; c < stride; ++c) sums[c] += sums[chunk * width() + c];
    store_sums(static_cast<T*>(args.out) + row * stride, sums, stride);
  }
};

template <int kLast, class T>
void run_aggregate(const GatAggregate& args, void* workspace, const Parallel& parallel) {
  const Aggregate<T> aggregate{args};
  const Attention<T>& a = aggregate.attention;
  const CsrGraph& graph = a.args.graph;
  const int64_t cost = aggregate.stride + 8 * a.heads;
  for_blocks_of_rows(a.args.op, "col", graph, cost, parallel, [&](int64_t begin, int64_t end) {
    HeadOfChannel<Sum<T>> heads;
    for (int64_t row = begin; row < end; ++row)
      if (a.rows.degree(row) <= kHeavyRow)
        for_heads<kLast>(a, row, a.rows.begin(end), [&](const auto& scores) { aggregate.light_row(scores, heads); });
  });
  if (graph.num_edges <= kHeavyRow) return;
  const HeavyRows<Sum<T>> heavy(a.rows, graph.num_rows, graph.num_edges, aggregate.width(), workspace);
  heavy_states<kLast>(a, heavy, aggregate.width(), parallel);
  heavy.for_each_chunk(parallel, [&](int64_t row, int64_t begin, int64_t end, Sum<T>* partial) {
    for_heads<kLast>(a, row, a.rows.end(row),
                     [&](const auto& scores) { aggregate.heavy_chunk(scores, begin, end, partial); });
  });
  heavy.for_each_row(
      parallel, [&](int64_t row, Sum<T>* partials, int64_t chunks) { aggregate.heavy_row(row, partials, chunks); });
}

// Calls body(Type<T>{}, integral_constant kLast) for a value type and the last group of the heads.
template <class Body>
void with_types(const GatAttention& args, const Body& body) {
  with_value_type(args.value, [&](auto value) {
    constexpr int kLanes = kLanesOf<Sum<typename decltype(value)::type>>;
    with_group<kLanes>(args.heads % kLanes, [&](auto last) { body(value, last); });
  });
}

size_t workspace_bytes(const GatAttention& args, int64_t width) {
  return args.value == DType::kFloat64 ? HeavyRows<double>::bytes(args.graph.num_edges, width)
                                       : HeavyRows<float>::bytes(args.graph.num_edges, width);
}

}  // namespace

size_t gat_coefficients_workspace(const GatCoefficients& args) {
  return workspace_bytes(args.attention, 2 * args.attention.heads);
}

void gat_coefficients(const GatCoefficients& args, void* workspace, const Parallel& parallel) {
  with_types(args.attention, [&](auto value, auto last) {
    run_coefficients<decltype(last)::value, typename decltype(value)::type>(args, workspace, parallel);
  });
}

size_t gat_aggregate_workspace(const GatAggregate& args) {
  return workspace_bytes(args.attention, (2 + args.channels) * args.attention.heads);
}

void gat_aggregate(const GatAggregate& args, void* workspace, const Parallel& parallel) {
  with_types(args.attention, [&](auto value, auto last) {
    run_aggregate<decltype(last)::value, typename decltype(value)::type>(args, workspace, parallel);
  });
}

}  // namespace geocompile::cpu::GEOCOMPILE_ISA
