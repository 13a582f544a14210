// Dot-product attention over edges: a row's query stays at hand while the keys and values of its sources stream by.
#include "../../edge_attention.h"
#include "../attention_rows.h"
#include "../dots.h"

namespace geocompile::cpu::GEOCOMPILE_ISA {
namespace {

template <class T_>
struct Problem {
  using T = T_;
  using A = Sum<T>;
  const DotScores& args;
  const CsrGraph& graph = args.graph;
  const char* op = args.op;
  Rows rows{args.graph};
  int64_t heads = args.heads;
  int64_t cost = heads * (args.channels + args.edge_channels + 8);
  const T* query = static_cast<const T*>(args.query);
  const T* key = static_cast<const T*>(args.key);
  const T* edge_query = static_cast<const T*>(args.edge_query);
  const T* edge = static_cast<const T*>(args.edge);

  template <class B>
  void put_scores(B& block, const Terms<Problem>& terms, int64_t begin, int64_t end) const {
    const int64_t channels = args.channels, edge_channels = args.edge_channels;
    const T* of_row = query + (terms.row * heads + terms.head) * channels;
    const T* of_row_for_edges = edge_query + (terms.row * heads + terms.head) * edge_channels;
    const A scale = static_cast<A>(args.scale);
    for (int64_t t = begin; t < end; ++t) {
      const int64_t p = terms.first + t;
      if (p + kRowsPrefetch < terms.limit) prefetch(key_of(p + kRowsPrefetch, terms.head), terms.count * channels);
      A* score = block.values + (t - begin) * B::kGroup;
      A of_edge[B::kGroup] = {};
      for (int64_t h = terms.count; h < B::kGroup; ++h) score[h] = 0;
      dots<B::kGroup>(Products<T>{of_row, key_of(p, terms.head), channels, channels}, channels, terms.count, score);
      if (edge)
        dots<B::kGroup>(Products<T>{of_row_for_edges, edge + p * edge_channels, edge_channels, 0}, edge_channels,
                        terms.count, of_edge);
      for (int h = 0; h < B::kGroup; ++h) score[h] = scale * (score[h] + of_edge[h]);
    }
  }

  const T* key_of(int64_t p, int64_t head) const { return key + (rows.source(p) * heads + head) * args.channels; }
};

template <class T>
Attention<Problem<T>> attention_of(const Problem<T>& p, const DotAttention& args) {
  return {p,
          {static_cast<const T*>(args.value), p.edge, args.value_channels, args.scores.edge_channels,
           static_cast<T*>(args.out), static_cast<T*>(args.edge_out)}};
}

}  // namespace

size_t dot_coefficients_workspace(const DotCoefficients& args) {
  return coefficients_workspace(args.scores.value, args.scores.graph, args.scores.heads);
}

void dot_coefficients(const DotCoefficients& args, void* workspace, const Parallel& parallel) {
  with_value_and_heads(args.scores.value, args.scores.heads, [&](auto value, auto last) {
    using T = typename decltype(value)::type;
    coefficients<decltype(last)::value>(Problem<T>{args.scores}, static_cast<T*>(args.alpha), workspace, parallel);
  });
}

size_t dot_attention_workspace(const DotAttention& args) {
  size_t bytes = 0;
  with_value_type(args.scores.value, [&](auto value) {
    const Problem<typename decltype(value)::type> p{args.scores};
    bytes = attention_of(p, args).workspace();
  });
  return bytes;
}

void dot_attention(const DotAttention& args, void* workspace, const Parallel& parallel) {
  with_value_and_heads(args.scores.value, args.scores.heads, [&](auto value, auto last) {
    const Problem<typename decltype(value)::type> p{args.scores};
    attention_of(p, args).template run<decltype(last)::value>(workspace, parallel);
  });
}

}  // namespace geocompile::cpu::GEOCOMPILE_ISA
