// Each row's softmax in one pass over its terms: a row that fits a block is read once and written once.
#include "../../segment_softmax.h"

#include <cstring>

#include "../heavy_rows.h"
#include "../row_softmax.h"
#include "../rows.h"

namespace geocompile::cpu::GEOCOMPILE_ISA {
namespace {

constexpr int64_t kPrefetch = 16;  // terms ahead, where they do not stand in order

template <class T>
struct Problem {
  const SegmentSoftmax& args;
  Rows rows{args.graph};
  const T* src = static_cast<const T*>(args.src);
  T* out = static_cast<T*>(args.out);
  int64_t channels = args.channels;
};

// The terms of one row for one group of channels: into a block, and back from it.
template <class T, class B>
struct Terms {
  using A = typename B::A;
  const Problem<T>& p;
  int64_t first;  // place of the row's first term
  int64_t channel;
  int64_t count;  // of channels
  int64_t limit;  // bounds the places whose terms may be prefetched

  // A row in order, with all its channels in the group, is one piece of memory.
  bool is_one_piece() const { return !p.rows.col && p.channels == B::kGroup; }
  int64_t at(int64_t term) const { return p.rows.source(first + term) * p.channels + channel; }

  void load_terms(B& block, int64_t begin, int64_t end) const {
    if (!is_one_piece()) {
      for (int64_t t = begin; t < end; ++t) {
        if (first + t + kPrefetch < limit) {
          __builtin_prefetch(p.src + at(t + kPrefetch));
          __builtin_prefetch(p.out + at(t + kPrefetch), 1);
        }
        block.put(t - begin, load_some<typename B::Group>(p.src + at(t), count));
      }
      return;
    }
    const T* from = p.src + (first + begin) * B::kGroup;
    const int64_t values = (end - begin) * B::kGroup;
    int64_t i = 0;
    for (; i + B::kLanes <= values; i += B::kLanes) store(block.values + i, load<typename B::V>(from + i));
    for (; i < values; i += B::kGroup) store(block.values + i, load<typename B::Group>(from + i));
  }

  void store_terms(const B& block, int64_t begin, int64_t end) const {
    if (!is_one_piece()) {
      for (int64_t t = begin; t < end; ++t) store_some(p.out + at(t), block.get(t - begin), count);
      return;
    }
    T* to = p.out + (first + begin) * B::kGroup;
    const int64_t values = (end - begin) * B::kGroup;
    int64_t i = 0;
    for (; i + B::kLanes <= values; i += B::kLanes) store(to + i, load<typename B::V>(block.values + i));
    for (; i < values; i += B::kGroup) store(to + i, load<typename B::Group>(block.values + i));
  }
};

// Calls body(terms, load, use) for each group of channels of a row.
template <int kLast, class T, class Body>
inline void for_terms(const Problem<T>& p, int64_t row, int64_t limit, const Body& body) {
  for_groups<Sum<T>, kLast>(p.channels, [&](auto group, int64_t channel, int64_t count) {
    using B = Block<Sum<T>, decltype(group)::value>;
    const Terms<T, B> terms{p, p.rows.begin(row), channel, count, limit};
    body(
        terms, [&](B& block, int64_t begin, int64_t end) { terms.load_terms(block, begin, end); },
        [&](const B& block, int64_t begin, int64_t end) { terms.store_terms(block, begin, end); });
  });
}

template <class T, class B>
B block_of(const Terms<T, B>&);

template <int kLast, class T>
void heavy_rows(const Problem<T>& p, void* workspace, const Parallel& parallel) {
  const CsrGraph& graph = p.args.graph;
  const int64_t width = 2 * p.channels;
  const HeavyRows<Sum<T>> heavy(p.rows, graph.num_rows, graph.num_edges, width, workspace);
  const auto last = [&](int64_t row, int64_t end) { return end < p.rows.degree(row) ? end : p.rows.degree(row); };
  heavy.for_each_chunk(parallel, [&](int64_t row, int64_t begin, int64_t end, Sum<T>* partial) {
    for_terms<kLast>(p, row, p.rows.end(row), [&](const auto& terms, const auto& load, const auto&) {
      using B = decltype(block_of(terms));
      Sum<T>* maximum = partial + terms.channel;
      save_state<B>(reduce_terms<B>(begin, last(row, end), load), maximum, maximum + p.channels, terms.count);
    });
  });
  heavy.for_each_row(
      parallel, [&](int64_t, Sum<T>* partials, int64_t chunks) { merge_chunks(partials, chunks, width, p.channels); });
  heavy.for_each_chunk(parallel, [&](int64_t row, int64_t begin, int64_t end, Sum<T>* partial) {
    for_terms<kLast>(p, row, p.rows.end(row), [&](const auto& terms, const auto& load, const auto& use) {
      using B = decltype(block_of(terms));
      Sum<T>* maximum = partial + terms.channel;
      weigh_terms<B>(begin, last(row, end), saved_state<B>(maximum, maximum + p.channels, terms.count), load, use);
    });
  });
}

// What no place of perm names is 0.
void clear(const SegmentSoftmax& args, size_t element, const Parallel& parallel) {
  const int64_t rows = args.graph.num_sources, tasks = task_count(rows * args.channels, parallel.threads());
  const size_t row = element * args.channels;
  for_pieces(rows, tasks, parallel, [&](int64_t, int64_t begin, int64_t end) {
    std::memset(static_cast<char*>(args.out) + begin * row, 0, (end - begin) * row);
  });
}

template <int kLast, class T>
void run(const SegmentSoftmax& args, void* workspace, const Parallel& parallel) {
  const Problem<T> p{args};
  if (args.graph.col) clear(args, sizeof(T), parallel);
  // An exp counts for about eight multiply-adds.
  for_blocks_of_rows(args.op, "perm", args.graph, 8 * args.channels, parallel, [&](int64_t begin, int64_t end) {
    const int64_t limit = p.rows.begin(end);
    for (int64_t row = begin; row < end; ++row) {
      if (p.rows.degree(row) > kHeavyRow) continue;
      for_terms<kLast>(p, row, limit, [&](const auto& terms, const auto& load, const auto& use) {
        softmax_terms<decltype(block_of(terms))>(p.rows.degree(row), load, use);
      });
    }
  });
  if (args.graph.num_edges > kHeavyRow) heavy_rows<kLast>(p, workspace, parallel);
}

}  // namespace

size_t segment_softmax_workspace(const SegmentSoftmax& args) {
  return args.value == DType::kFloat64 ? HeavyRows<double>::bytes(args.graph.num_edges, 2 * args.channels)
                                       : HeavyRows<float>::bytes(args.graph.num_edges, 2 * args.channels);
}

void segment_softmax(const SegmentSoftmax& args, void* workspace, const Parallel& parallel) {
  with_value_type(args.value, [&](auto value) {
    using T = typename decltype(value)::type;
    with_group<kLanesOf<Sum<T>>>(args.channels % kLanesOf<Sum<T>>,
                                 [&](auto last) { run<decltype(last)::value, T>(args, workspace, parallel); });
  });
}

}  // namespace geocompile::cpu::GEOCOMPILE_ISA
