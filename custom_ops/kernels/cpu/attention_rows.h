// Softmax of scores over the edges of each row, and the sums that it weights, for scores of any kind.
//
// A row is walked once, block by block: the weights of a block are relative to the largest score so far, and the sums
// so far are scaled down where a block brings a larger one. What the scores are, a problem P tells:
//
//   P::T, rows, graph, op, heads, cost            element type, the graph, multiply-adds per edge
//   put_scores(block, terms, begin, end)          the scores of the terms [begin, end) of a row
#pragma once

#include <algorithm>

#include "heavy_rows.h"
#include "row_softmax.h"
#include "rows.h"
#include "weighted_sum.h"

namespace geocompile::cpu::GEOCOMPILE_ISA {

// The edges of one row for one group of heads.
template <class P>
struct Terms {
  const P& problem;
  int64_t row;
  int64_t head;
  int64_t count;  // of heads
  int64_t limit;  // bounds the edges whose sources may be prefetched
  int64_t first = problem.rows.begin(row), degree = problem.rows.degree(row);
};

// Calls body(Type<Block>{}, terms) for each group of heads of a row.
template <int kLast, class P, class Body>
static inline void for_head_groups(const P& p, int64_t row, int64_t limit, const Body& body) {
  using A = Sum<typename P::T>;
  for_groups<A, kLast>(p.heads, [&](auto group, int64_t head, int64_t count) {
    body(Type<Block<A, decltype(group)::value>>{}, Terms<P>{p, row, head, count, limit});
  });
}

// A row of values that will be needed soon.
template <class T>
static inline void prefetch(const T* from, int64_t count) {
  for (int64_t c = 0; c < count; c += 64 / static_cast<int64_t>(sizeof(T))) __builtin_prefetch(from + c);
}

template <class P>
static inline auto scores_of(const Terms<P>& terms) {
  return [&terms](auto& block, int64_t begin, int64_t end) { terms.problem.put_scores(block, terms, begin, end); };
}

// --- coefficients ----------------------------------------------------------------------------------------------------

static inline size_t coefficients_workspace(DType value, const CsrGraph& graph, int64_t heads) {
  return value == DType::kFloat64 ? HeavyRows<double>::bytes(graph.num_edges, 2 * heads)
                                  : HeavyRows<float>::bytes(graph.num_edges, 2 * heads);
}

// alpha [num_edges, heads].
template <int kLast, class P, class T = typename P::T>
static void coefficients(const P& p, T* alpha, void* workspace, const Parallel& parallel) {
  using A = Sum<T>;
  const auto stored = [&](const Terms<P>& terms) {
    return [=](const auto& block, int64_t begin, int64_t end) {
      T* to = alpha + terms.first * p.heads + terms.head;
      for (int64_t t = begin; t < end; ++t) store_some(to + t * p.heads, block.get(t - begin), terms.count);
    };
  };
  for_blocks_of_rows(p.op, "col", p.graph, p.cost, parallel, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      if (p.rows.degree(row) > kHeavyRow) continue;
      for_head_groups<kLast>(p, row, p.rows.begin(end), [&](auto block, const Terms<P>& terms) {
        softmax_terms<typename decltype(block)::type>(terms.degree, scores_of(terms), stored(terms));
      });
    }
  });
  if (p.graph.num_edges <= kHeavyRow) return;
  const int64_t width = 2 * p.heads;
  const HeavyRows<A> heavy(p.rows, p.graph.num_rows, p.graph.num_edges, width, workspace);
  const auto last = [&](int64_t row, int64_t end) { return std::min(end, p.rows.degree(row)); };
  heavy.for_each_chunk(parallel, [&](int64_t row, int64_t begin, int64_t end, A* partial) {
    for_head_groups<kLast>(p, row, p.rows.end(row), [&](auto block, const Terms<P>& terms) {
      using B = typename decltype(block)::type;
      A* maximum = partial + terms.head;
      save_state<B>(reduce_terms<B>(begin, last(row, end), scores_of(terms)), maximum, maximum + p.heads, terms.count);
    });
  });
  heavy.for_each_row(parallel,
                     [&](int64_t, A* partials, int64_t chunks) { merge_chunks(partials, chunks, width, p.heads); });
  heavy.for_each_chunk(parallel, [&](int64_t row, int64_t begin, int64_t end, const A* partial) {
    for_head_groups<kLast>(p, row, p.rows.end(row), [&](auto block, const Terms<P>& terms) {
      using B = typename decltype(block)::type;
      const A* maximum = partial + terms.head;
      weigh_terms<B>(begin, last(row, end), saved_state<B>(maximum, maximum + p.heads, terms.count), scores_of(terms),
                     stored(terms));
    });
  });
}

// --- weighted sums ---------------------------------------------------------------------------------------------------

// What is summed over a row's edges with the weights alpha: rows of sources, and rows of the edges themselves.
template <class T>
struct Summands {
  const T* x;        // [num_sources, heads, channels]
  const T* edge;     // [num_edges, edge_channels], the same for all heads
  int64_t channels;  // of one head
  int64_t edge_channels;
  T* out;       // [num_rows, heads, channels]
  T* edge_out;  // [num_rows, heads, edge_channels]
};

// Calls body(lane of the head, begin, end) for the part of each head in the channels [first, first + count) of a
// group; begin and end count from `first`.
template <class Body>
static inline void for_heads_of(int64_t first, int64_t count, int64_t channels, const Body& body) {
  for (int64_t begin = 0; begin < count;) {
    const int64_t head = (first + begin) / channels;
    const int64_t end = std::min(count, (head + 1) * channels - first);
    body(head, begin, end);
    begin = end;
  }
}

template <class P>
class Attention {
  using T = typename P::T;
  using A = Sum<T>;

 public:
  Attention(const P& p, const Summands<T>& summands) : p_(p), s_(summands) {}

  size_t workspace() const { return HeavyRows<A>::bytes(p_.graph.num_edges, width()); }

  template <int kLast>
  void run(void* workspace, const Parallel& parallel) const {
    const int64_t cost = p_.cost + p_.heads * (s_.channels + s_.edge_channels);
    for_blocks_of_rows(p_.op, "col", p_.graph, cost, parallel, [&](int64_t begin, int64_t end) {
      Scratch scratch;
      for (int64_t row = begin; row < end; ++row) {
        const int64_t degree = p_.rows.degree(row);
        if (degree == 0) clear(row);
        if (degree == 0 || degree > kHeavyRow) continue;
        for_head_groups<kLast>(p_, row, p_.rows.begin(end), [&](auto block, const Terms<P>& terms) {
          light_row<typename decltype(block)::type>(terms, scratch);
        });
      }
    });
    if (p_.graph.num_edges > kHeavyRow) heavy_rows<kLast>(workspace, parallel);
  }

 private:
  // The channels of a group of heads that are summed at a time: of the sources' and of the edges', from `first` on.
  struct Pass {
    int64_t first, channels, edge_channels;
  };

  struct Scratch {
    HeadOfChannel<A> heads, one_head;
    A sum[kSlab], edge_sum[kSlab];
  };

  template <class Body>
  void for_passes(int64_t heads, const Body& body) const {
    const int64_t channels = heads * s_.channels, edge_channels = heads * s_.edge_channels;
    const auto part = [](int64_t all, int64_t first) { return std::clamp<int64_t>(all - first, 0, kSlab); };
    for (int64_t first = 0; first < std::max(channels, edge_channels); first += kSlab)
      body(Pass{first, part(channels, first), part(edge_channels, first)});
  }

  // Calls body(lane of the head, sums, count) for each head's part of both sums.
  template <class Body>
  void for_sums(const Pass& pass, Scratch& scratch, const Body& body) const {
    for_heads_of(pass.first, pass.channels, s_.channels,
                 [&](int64_t head, int64_t begin, int64_t end) { body(head, scratch.sum + begin, end - begin); });
    for_heads_of(pass.first, pass.edge_channels, s_.edge_channels,
                 [&](int64_t head, int64_t begin, int64_t end) { body(head, scratch.edge_sum + begin, end - begin); });
  }

  void clear(const Pass& pass, Scratch& scratch) const {
    std::fill(scratch.sum, scratch.sum + pass.channels, A(0));
    std::fill(scratch.edge_sum, scratch.edge_sum + pass.edge_channels, A(0));
  }

  template <class V>
  void scale(const Pass& pass, Scratch& scratch, V factors) const {
    for_sums(pass, scratch, [&](int64_t head, A* sum, int64_t count) {
      const A factor = factors[head];
      for (int64_t c = 0; c < count; ++c) sum[c] *= factor;
    });
  }

  // Sums the terms [begin, end), at least one, weighted by exp(score - maximum) of the state that is returned.
  template <class B>
  SoftmaxState<typename B::V> sum(const Terms<P>& terms, int64_t begin, int64_t end, const Pass& pass,
                                  Scratch& scratch) const {
    using V = typename B::V;
    clear(pass, scratch);
    SoftmaxState<V> state;
    for (int64_t from = begin; from < end; from += B::kTerms) {
      const int64_t to = std::min(end, from + B::kTerms);
      B block;
      p_.put_scores(block, terms, from, to);
      block.close(to - from);
      const SoftmaxState<V> of_block = block.reduce();
      if (from == begin) {
        state = of_block;
      } else {
        const V both = Maximum<A>::combine(state.maximum, of_block.maximum);
        const V before = exp_below(state.maximum, both), now = exp_below(of_block.maximum, both);
        scale(pass, scratch, before);
        block.scale(now);
        state = {both, state.sum * before + of_block.sum * now};
      }
      add(terms, block, from, to, pass, scratch);
    }
    return state;
  }

  template <class B>
  void add(const Terms<P>& terms, const B& block, int64_t begin, int64_t end, const Pass& pass,
           Scratch& scratch) const {
    const int64_t first = terms.first + begin, last = terms.first + end;
    if (pass.channels > 0) {
      const T* x = s_.x + terms.head * s_.channels + pass.first;
      const bool one_head = terms.count == 1 || s_.channels % kLanesOf<A> == 0;
      sum_terms(WeightedTerms<T>{p_.rows, x, p_.heads * s_.channels, first, last, -1, terms.limit, block.values,
                                 B::kGroup, scratch.heads.of(pass.first, s_.channels), scratch.sum},
                pass.channels, one_head);
    }
    for_heads_of(pass.first, pass.edge_channels, s_.edge_channels, [&](int64_t head, int64_t from, int64_t to) {
      const T* edge = s_.edge + (pass.first + from) % s_.edge_channels;
      sum_terms(WeightedTerms<T>{edges_, edge, s_.edge_channels, first, last, -1, 0, block.values + head, B::kGroup,
                                 scratch.one_head.of(0, kSlab), scratch.edge_sum + from},
                to - from, true);
    });
  }

  template <class B>
  void light_row(const Terms<P>& terms, Scratch& scratch) const {
    if (terms.degree <= B::kTerms) return one_block<B>(terms, scratch);
    for_passes(terms.count, [&](const Pass& pass) {
      scale(pass, scratch, sum<B>(terms, 0, terms.degree, pass, scratch).inverse());
      store(terms, pass, scratch);
    });
  }

  // All weights stand in one block: channels of any number are summed without computing them again.
  template <class B>
  void one_block(const Terms<P>& terms, Scratch& scratch) const {
    softmax_terms<B>(terms.degree, scores_of(terms), [&](const B& block, int64_t begin, int64_t end) {
      for_passes(terms.count, [&](const Pass& pass) {
        clear(pass, scratch);
        add(terms, block, begin, end, pass, scratch);
        store(terms, pass, scratch);
      });
    });
  }

  void store(const Terms<P>& terms, const Pass& pass, const Scratch& scratch) const {
    const int64_t place = terms.row * p_.heads + terms.head;
    store_sums(s_.out + place * s_.channels + pass.first, scratch.sum, pass.channels);
    store_sums(s_.edge_out + place * s_.edge_channels + pass.first, scratch.edge_sum, pass.edge_channels);
  }

  void clear(int64_t row) const {
    const int64_t channels = p_.heads * s_.channels, edge_channels = p_.heads * s_.edge_channels;
    for (int64_t c = 0; c < channels; ++c) store_one(s_.out + row * channels + c, A(0));
    for (int64_t c = 0; c < edge_channels; ++c) store_one(s_.edge_out + row * edge_channels + c, A(0));
  }

  // Of each chunk of a heavy row: the maxima of the heads, the sums of their exponentials, and the weighted sums.
  int64_t width() const { return p_.heads * (2 + s_.channels + s_.edge_channels); }

  template <int kLast>
  void heavy_rows(void* workspace, const Parallel& parallel) const {
    const HeavyRows<A> heavy(p_.rows, p_.graph.num_rows, p_.graph.num_edges, width(), workspace);
    heavy.for_each_chunk(parallel, [&](int64_t row, int64_t begin, int64_t end, A* partial) {
      Scratch scratch;
      for_head_groups<kLast>(p_, row, p_.rows.end(row), [&](auto block, const Terms<P>& terms) {
        heavy_chunk<typename decltype(block)::type>(terms, begin, std::min(end, terms.degree), partial, scratch);
      });
    });
    heavy.for_each_row(parallel, [&](int64_t row, A* partials, int64_t chunks) { heavy_row(row, partials, chunks); });
  }

  template <class B>
  void heavy_chunk(const Terms<P>& terms, int64_t begin, int64_t end, A* partial, Scratch& scratch) const {
    A* maximum = partial + terms.head;
    A* sums = partial + 2 * p_.heads + terms.head * s_.channels;
    A* edge_sums = partial + p_.heads * (2 + s_.channels) + terms.head * s_.edge_channels;
    for_passes(terms.count, [&](const Pass& pass) {
      save_state<B>(sum<B>(terms, begin, end, pass, scratch), maximum, maximum + p_.heads, terms.count);
      std::copy_n(scratch.sum, pass.channels, sums + pass.first);
      std::copy_n(scratch.edge_sum, pass.edge_channels, edge_sums + pass.first);
    });
  }

  void heavy_row(int64_t row, A* partials, int64_t chunks) const {
    using One = typename Vector<A, sizeof(A)>::type;
    const int64_t channels = p_.heads * s_.channels, edge_channels = p_.heads * s_.edge_channels;
    for (int64_t head = 0; head < p_.heads; ++head) {
      SoftmaxState<One> state;
      for (int64_t chunk = 0; chunk < chunks; ++chunk) {
        const A* partial = partials + chunk * width() + head;
        state.merge({One{partial[0]}, One{partial[p_.heads]}});
      }
      for (int64_t chunk = 0; chunk < chunks; ++chunk) {
        A* partial = partials + chunk * width() + head;
        const A factor = (exp_below(One{partial[0]}, state.maximum) * state.inverse())[0];
        A* sums = partials + chunk * width() + 2 * p_.heads;
        for (int64_t c = head * s_.channels; c < (head + 1) * s_.channels; ++c) sums[c] *= factor;
        sums += channels;
        for (int64_t c = head * s_.edge_channels; c < (head + 1) * s_.edge_channels; ++c) sums[c] *= factor;
      }
    }
    A* sums = partials + 2 * p_.heads;
    for (int64_t chunk = 1; chunk < chunks; ++chunk)
      for (int64_t c = 0; c < channels + edge_channels; ++c) sums[c] += sums[chunk * width() + c];
    store_sums(s_.out + row * channels, sums, channels);
    store_sums(s_.edge_out + row * edge_channels, sums + channels, edge_channels);
  }

  const P& p_;
  Summands<T> s_;
  Rows edges_{
      CsrGraph{p_.graph.index, p_.graph.num_rows, p_.graph.num_edges, p_.graph.num_edges, p_.graph.rowptr, nullptr}};
};

// Calls body(Type<T>{}, integral_constant kLast) for a value type and the last group of the heads.
template <class Body>
static inline void with_value_and_heads(DType value, int64_t heads, const Body& body) {
  with_value_type(value, [&](auto type) {
    constexpr int kLanes = kLanesOf<Sum<typename decltype(type)::type>>;
    with_group<kLanes>(heads % kLanes, [&](auto last) { body(type, last); });
  });
}

}  // namespace geocompile::cpu::GEOCOMPILE_ISA
