// What the gradients of additive attention need: sums over rows, and what features of the edges and their weight get.
// The leaky ReLU's arguments are computed again, edge by edge, in registers.
#include <algorithm>

#include "../additive.h"
#include "../dots.h"
#include "../factors.h"
#include "../heavy_rows.h"

namespace geocompile::cpu::GEOCOMPILE_ISA {
namespace {

constexpr int64_t kMostParts = 64;       // of the edges, each with sums of its own; threads do not show in it
constexpr int64_t kSmallestPart = 4096;  // edges

// Calls body(Type<float or double>{}): gradients are computed in the type of sums, halves were widened before.
template <class Body>
void with_sum_type(DType dtype, const Body& body) {
  dtype == DType::kFloat64 ? body(Type<double>{}) : body(Type<float>{});
}

// --- sums over rows --------------------------------------------------------------------------------------------------

template <class A>
struct RowSums {
  const AdditiveSums& args;
  Preactivations<A> z;
  int64_t width = args.scores.heads * args.scores.channels;

  RowSums(const AdditiveSums& args, void* workspace, size_t other_bytes)
      : args(args), z{args.scores, reinterpret_cast<A*>(static_cast<char*>(workspace) + other_bytes)} {
    z.transpose_edge_weight();
  }

  // The edges [begin, end) of a row for a tile of kCount vectors.
  template <int kBytes, int kCount>
  void sum_tile(int64_t row, int64_t begin, int64_t end, int64_t channel, A* slopes, A* values) const {
    using V = typename Vector<A, kBytes>::type;
    constexpr int kLanes = lanes_of<V>;
    const V negative = splat<V>(static_cast<A>(args.scores.negative_slope));
    const Weights<A> weights{static_cast<const A*>(args.weight), args.scores.graph.num_edges, args.scores.heads, width};
    const Factors<Mode::kMixed, V, kCount, A> factors(weights, channel);
    V slope[kCount], value[kCount];
    for (int c = 0; c < kCount; ++c) slope[c] = value[c] = V{};
    for (int64_t p = begin; p < end; ++p) {
      const Preactivation<A> of_edge = z.of(row, p, channel);
      for (int c = 0; c < kCount; ++c) {
        const V argument = of_edge.template at<V>(c * kLanes);
        const V share = factors.times(p, c, slope_at(argument, negative));
        slope[c] += share;
        value[c] += share * argument;
      }
    }
    for (int c = 0; c < kCount; ++c) {
      store(slopes + channel + c * kLanes, slope[c]);
      store(values + channel + c * kLanes, value[c]);
    }
  }

  // As many tiles of kCount vectors as fit from `channel`, then narrower ones.
  template <int kBytes, int kCount>
  void sum_tiles(int64_t row, int64_t begin, int64_t end, int64_t channel, A* slopes, A* values) const {
    constexpr int64_t kTile = kCount * kBytes / static_cast<int64_t>(sizeof(A));
    for (; channel + kTile <= width; channel += kTile)
      sum_tile<kBytes, kCount>(row, begin, end, channel, slopes, values);
    if (channel == width) return;
    if constexpr (kCount > 1) {
      sum_tiles<kBytes, kCount / 2>(row, begin, end, channel, slopes, values);
    } else if constexpr (kBytes > static_cast<int>(sizeof(A))) {
      sum_tiles<kBytes / 2, 1>(row, begin, end, channel, slopes, values);
    }
  }

  void sum(int64_t row, int64_t begin, int64_t end, A* slopes, A* values) const {
    sum_tiles<GEOCOMPILE_VECTOR_BYTES, 4>(row, begin, end, 0, slopes, values);
  }

  A* slopes(int64_t row) const { return static_cast<A*>(args.slope_sum) + row * width; }
  A* values(int64_t row) const { return static_cast<A*>(args.value_sum) + row * width; }
};

template <class A>
size_t row_sums_bytes(const AdditiveScores& args) {
  return HeavyRows<A>::bytes(args.graph.num_edges, 2 * args.heads * args.channels);
}

template <class A>
void run_sums(const AdditiveSums& args, void* workspace, const Parallel& parallel) {
  const AdditiveScores& scores = args.scores;
  const CsrGraph& graph = scores.graph;
  const RowSums<A> sums(args, workspace, row_sums_bytes<A>(scores));
  const Rows& rows = sums.z.rows;
  const int64_t cost = sums.width * (4 + scores.edge_channels);
  for_blocks_of_rows(scores.op, "col", graph, cost, parallel, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row)
      if (rows.degree(row) <= kHeavyRow)
        sums.sum(row, rows.begin(row), rows.end(row), sums.slopes(row), sums.values(row));
  });
  if (graph.num_edges <= kHeavyRow) return;
  const HeavyRows<A> heavy(rows, graph.num_rows, graph.num_edges, 2 * sums.width, workspace);
  heavy.for_each_chunk(parallel, [&](int64_t row, int64_t begin, int64_t end, A* partial) {
    const int64_t first = rows.begin(row), last = std::min(first + end, rows.end(row));
    sums.sum(row, first + begin, last, partial, partial + sums.width);
  });
  heavy.for_each_row(parallel, [&](int64_t row, const A* partials, int64_t chunks) {
    for (int64_t c = 0; c < 2 * sums.width; ++c) {
      A sum = 0;
      for (int64_t chunk = 0; chunk < chunks; ++chunk) sum += partials[chunk * 2 * sums.width + c];
      (c < sums.width ? sums.slopes(row)[c] : sums.values(row)[c - sums.width]) = sum;
    }
  });
}

// --- features of the edges -------------------------------------------------------------------------------------------

// The number of parts that the edges are cut into.
int64_t parts_of(int64_t num_edges) { return std::min(kMostParts, (num_edges + kSmallestPart - 1) / kSmallestPart); }

// Calls body(Type<V>{}, channel) for vectors that cover the channels [begin, end).
template <class A, int kBytes, class Body>
inline void for_vectors(int64_t begin, int64_t end, const Body& body) {
  using V = typename Vector<A, kBytes>::type;
  for (; begin + lanes_of<V> <= end; begin += lanes_of<V>) body(Type<V>{}, begin);
  if constexpr (kBytes > static_cast<int>(sizeof(A)))
    if (begin < end) for_vectors<A, kBytes / 2>(begin, end, body);
}

template <class A>
struct EdgeGradients {
  const AdditiveEdgeGradients& args;
  A* workspace;  // edge_weight transposed, then for each part the gradient of it and that of one edge's z
  const AdditiveScores& scores = args.scores;
  Preactivations<A> z{scores, workspace};
  int64_t width = scores.heads * scores.channels, edge_channels = scores.edge_channels;

  static size_t bytes(const AdditiveScores& scores) {
    const int64_t width = scores.heads * scores.channels, parts = parts_of(scores.graph.num_edges);
    return Preactivations<A>::bytes(scores) + sizeof(A) * parts * width * (1 + scores.edge_channels);
  }

  A* sums_of(int64_t part) const { return workspace + width * edge_channels + part * width * (1 + edge_channels); }

  // The gradient of z of the edge p, which lies in `row`.
  void grad_of_z(int64_t row, int64_t p, A* grad) const {
    const Preactivation<A> of_edge = z.of(row, p, 0);
    const A* att = static_cast<const A*>(scores.att);
    const A* weight = static_cast<const A*>(args.weight) + p * scores.heads;
    for (int64_t h = 0; h < scores.heads; ++h) {
      const int64_t begin = h * scores.channels;
      for_vectors<A, GEOCOMPILE_VECTOR_BYTES>(begin, begin + scores.channels, [&](auto type, int64_t c) {
        using V = typename decltype(type)::type;
        const V slope = slope_at(of_edge.template at<V>(c), splat<V>(static_cast<A>(scores.negative_slope)));
        store(grad + c, splat<V>(weight[h]) * load<V>(att + c) * slope);
      });
    }
  }

  void run_part(int64_t part, int64_t begin, int64_t end) const {
    A* sums = sums_of(part);
    A* grad = sums + width * edge_channels;
    std::fill(sums, grad, A(0));
    const Indices row(scores.graph.index, args.row);
    for (int64_t p = begin; p < end; ++p) {
      grad_of_z(row[p], p, grad);
      const A* edge = z.edge + p * edge_channels;
      A* grad_edge = static_cast<A*>(args.grad_edge) + p * edge_channels;
      for (int64_t q = 0; q < edge_channels; ++q) {
        A* of_weight = sums + q * width;
        const A value = edge[q];
        for (int64_t c = 0; c < width; ++c) of_weight[c] += value * grad[c];
        grad_edge[q] = dot<A, GEOCOMPILE_VECTOR_BYTES>(Products<A>{z.edge_weight + q * width, grad, 0, 0}, 0, 0, width);
      }
    }
  }

  void add_parts(int64_t parts) const {
    A* to = static_cast<A*>(args.grad_weight);
    for (int64_t c = 0; c < width; ++c)
      for (int64_t q = 0; q < edge_channels; ++q) {
        A sum = 0;
        for (int64_t part = 0; part < parts; ++part) sum += sums_of(part)[q * width + c];
        to[c * edge_channels + q] = sum;
      }
  }
};

template <class I>
void check_below(const char* op, const char* name, const void* values, int64_t count, int64_t limit) {
  const I* indices = static_cast<const I*>(values);
  if (!all_below(indices, 0, count, limit)) throw_bad_index(op, name, indices, count, limit);
}

}  // namespace

size_t additive_sums_workspace(const AdditiveSums& args) {
  size_t bytes = 0;
  with_sum_type(args.scores.value, [&](auto value) {
    using A = typename decltype(value)::type;
    bytes = row_sums_bytes<A>(args.scores) + Preactivations<A>::bytes(args.scores);
  });
  return bytes;
}

void additive_sums(const AdditiveSums& args, void* workspace, const Parallel& parallel) {
  with_sum_type(args.scores.value,
                [&](auto value) { run_sums<typename decltype(value)::type>(args, workspace, parallel); });
}

size_t additive_edge_gradients_workspace(const AdditiveEdgeGradients& args) {
  size_t bytes = 0;
  with_sum_type(args.scores.value,
                [&](auto value) { bytes = EdgeGradients<typename decltype(value)::type>::bytes(args.scores); });
  return bytes;
}

void additive_edge_gradients(const AdditiveEdgeGradients& args, void* workspace, const Parallel& parallel) {
  const CsrGraph& graph = args.scores.graph;
  with_index_type(graph.index, [&](auto index) {
    using I = typename decltype(index)::type;
    check_below<I>(args.scores.op, "row", args.row, graph.num_edges, graph.num_rows);
    check_below<I>(args.scores.op, "col", graph.col, graph.num_edges, graph.num_sources);
  });
  with_sum_type(args.scores.value, [&](auto value) {
    using A = typename decltype(value)::type;
    const EdgeGradients<A> gradients{args, static_cast<A*>(workspace)};
    gradients.z.transpose_edge_weight();
    const int64_t parts = parts_of(graph.num_edges);
    parallel(parts, [&](int64_t part) {
      gradients.run_part(part, graph.num_edges * part / parts, graph.num_edges * (part + 1) / parts);
    });
    gradients.add_parts(parts);
  });
}

}  // namespace geocompile::cpu::GEOCOMPILE_ISA
