// Additive attention over edges: a row's target stays at hand while its sources stream by, for scores and sums alike.
#include "../additive.h"
#include "../attention_rows.h"
#include "../dots.h"

namespace geocompile::cpu::GEOCOMPILE_ISA {
namespace {

// The summands of one edge's scores: att leaky_relu(z).
template <class T>
struct Activations {
  Preactivation<T> z;
  const T* att;
  int64_t channels;
  Sum<T> negative_slope;

  template <class V>
  V at(int64_t head, int64_t channel) const {
    const int64_t place = head * channels + channel;
    const V value = z.template at<V>(place);
    return load<V>(att + place) * (value > V{} ? value : value * splat<V>(negative_slope));
  }
};

template <class T_>
struct Problem {
  using T = T_;
  using A = Sum<T>;
  const AdditiveScores& args;
  Preactivations<T> z;
  const CsrGraph& graph = args.graph;
  const char* op = args.op;
  Rows rows{args.graph};
  int64_t heads = args.heads;
  int64_t cost = heads * (args.channels * (3 + args.edge_channels) + 8);
  const T* att = static_cast<const T*>(args.att);

  // The transposed edge_weight stands in the last part of the workspace.
  Problem(const AdditiveScores& args, void* workspace, size_t other_bytes)
      : args(args), z{args, reinterpret_cast<A*>(static_cast<char*>(workspace) + other_bytes)} {
    z.transpose_edge_weight();
  }

  template <class B>
  void put_scores(B& block, const Terms<Problem>& terms, int64_t begin, int64_t end) const {
    const int64_t channel = terms.head * args.channels;
    const A slope = static_cast<A>(args.negative_slope);
    for (int64_t t = begin; t < end; ++t) {
      const int64_t p = terms.first + t;
      if (p + kRowsPrefetch < terms.limit)
        prefetch(z.source_of(p + kRowsPrefetch, channel), terms.count * args.channels);
      A* score = block.values + (t - begin) * B::kGroup;
      for (int64_t h = terms.count; h < B::kGroup; ++h) score[h] = 0;
      const Activations<T> activations{z.of(terms.row, p, channel), att + channel, args.channels, slope};
      dots<B::kGroup>(activations, args.channels, terms.count, score);
    }
  }
};

template <class T>
size_t sums_bytes(const AdditiveScores& args) {
  return HeavyRows<Sum<T>>::bytes(args.graph.num_edges, args.heads * (2 + args.channels));
}

}  // namespace

size_t additive_coefficients_workspace(const AdditiveCoefficients& args) {
  const AdditiveScores& scores = args.scores;
  size_t bytes = coefficients_workspace(scores.value, scores.graph, scores.heads);
  with_value_type(scores.value,
                  [&](auto value) { bytes += Preactivations<typename decltype(value)::type>::bytes(scores); });
  return bytes;
}

void additive_coefficients(const AdditiveCoefficients& args, void* workspace, const Parallel& parallel) {
  const AdditiveScores& scores = args.scores;
  with_value_and_heads(scores.value, scores.heads, [&](auto value, auto last) {
    using T = typename decltype(value)::type;
    const Problem<T> p(scores, workspace, coefficients_workspace(scores.value, scores.graph, scores.heads));
    coefficients<decltype(last)::value>(p, static_cast<T*>(args.alpha), workspace, parallel);
  });
}

size_t additive_attention_workspace(const AdditiveAttention& args) {
  size_t bytes = 0;
  with_value_type(args.scores.value, [&](auto value) {
    using T = typename decltype(value)::type;
    bytes = sums_bytes<T>(args.scores) + Preactivations<T>::bytes(args.scores);
  });
  return bytes;
}

void additive_attention(const AdditiveAttention& args, void* workspace, const Parallel& parallel) {
  with_value_and_heads(args.scores.value, args.scores.heads, [&](auto value, auto last) {
    using T = typename decltype(value)::type;
    const Problem<T> p(args.scores, workspace, sums_bytes<T>(args.scores));
    const Summands<T> summands{p.z.source, nullptr, args.scores.channels, 0, static_cast<T*>(args.out), nullptr};
    Attention<Problem<T>>(p, summands).template run<decltype(last)::value>(workspace, parallel);
  });
}

}  // namespace geocompile::cpu::GEOCOMPILE_ISA
