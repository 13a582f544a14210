// Dot-product and additive attention, and the sums that gradients need, on random graphs against plain loops in double;
// hostile graphs.
#include "kernels/edge_attention.h"

#include <functional>

#include "testing.h"

namespace testing {
namespace {

using namespace geocompile;

// The softmax of the scores, which lie between -50 and 50, so that rounding one moves its weight by a few units.
std::vector<double> softmax(const std::vector<double>& scores) {
  double maximum = -std::numeric_limits<double>::infinity(), sum = 0;
  for (double score : scores) maximum = std::max(maximum, score);
  std::vector<double> weights;
  for (double score : scores) weights.push_back(std::exp(score - maximum));
  for (double weight : weights) sum += weight;
  for (double& weight : weights) weight /= sum;
  return weights;
}

template <class T>
bool is_close(T got, double wanted, int64_t terms, double size) {
  const double bound = (32 * sum_unit_of<T> * (50 + terms) + unit_of<T>)*size + (std::is_same_v<T, Half> ? 0x1p-24 : 0);
  return std::abs(value_of(got) - wanted) <= bound;
}

template <class T, class I>
struct Attention {
  Graph<I>& g;
  int64_t heads, channels, value_channels, edge_channels;
  bool with_edge;
  Buffer<T> query, key, value, edge_query, edge, att, edge_weight, alpha, out, edge_out;

  Attention(Graph<I>& g, int64_t heads, int64_t channels, int64_t value_channels, int64_t edges)
      : g(g),
        heads(heads),
        channels(channels),
        value_channels(value_channels),
        edge_channels(edges),
        with_edge(edges > 0 || draw(2)),
        query(g.rows * heads * channels),
        key(g.sources * heads * channels),
        value(g.sources * heads * value_channels),
        edge_query(g.rows * heads * edges),
        edge(g.edges * edges),
        att(heads * channels),
        edge_weight(heads * channels * edges),
        alpha(g.edges * heads),
        out(g.rows * heads * value_channels),
        edge_out(g.rows * heads * edges) {
    for (Buffer<T>* values : {&query, &key, &value, &edge_query, &edge, &att, &edge_weight}) values->fill(-1, 1);
  }

  DotScores dot() const {
    return {"test",
            dtype_of<T>,
            g.csr(),
            heads,
            channels,
            with_edge ? edge_channels : 0,
            0.5,
            query.data,
            key.data,
            with_edge ? edge_query.data : nullptr,
            with_edge ? edge.data : nullptr};
  }

  AdditiveScores additive() const {
    return {"test",
            dtype_of<T>,
            g.csr(),
            heads,
            channels,
            with_edge ? edge_channels : 0,
            0.25,
            query.data,
            key.data,
            att.data,
            with_edge ? edge.data : nullptr,
            with_edge ? edge_weight.data : nullptr};
  }

  double dot_score(int64_t row, int64_t p, int64_t h) {
    double sum = 0;
    for (int64_t c = 0; c < channels; ++c)
      sum += value_of(query[(row * heads + h) * channels + c]) * value_of(key[(g.col[p] * heads + h) * channels + c]);
    for (int64_t q = 0; with_edge && q < edge_channels; ++q)
      sum += value_of(edge_query[(row * heads + h) * edge_channels + q]) * value_of(edge[p * edge_channels + q]);
    return 0.5 * sum;
  }

  double argument(int64_t row, int64_t p, int64_t h, int64_t c) {
    double z = value_of(query[(row * heads + h) * channels + c]) + value_of(key[(g.col[p] * heads + h) * channels + c]);
    for (int64_t q = 0; with_edge && q < edge_channels; ++q)
      z += value_of(edge_weight[(h * channels + c) * edge_channels + q]) * value_of(edge[p * edge_channels + q]);
    return z;
  }

  double additive_score(int64_t row, int64_t p, int64_t h) {
    double sum = 0;
    for (int64_t c = 0; c < channels; ++c) {
      const double z = argument(row, p, h, c);
      sum += value_of(att[h * channels + c]) * (z > 0 ? z : 0.25 * z);
    }
    return sum;
  }

  void run_dot() {
    const DotCoefficients coefficients{dot(), alpha.data};
    Buffer<char> space(cpu::dot_coefficients_workspace(coefficients));
    cpu::dot_coefficients(coefficients, space.data, threads(1 + draw(4)));
    const DotAttention attention{dot(), value_channels, value.data, out.data, with_edge ? edge_out.data : nullptr};
    Buffer<char> more(cpu::dot_attention_workspace(attention));
    cpu::dot_attention(attention, more.data, threads(1 + draw(4)));
    check(value_channels, value, with_edge, [&](auto... at) { return dot_score(at...); });
  }

  // Out of `out` only the first channels are used: value_channels must not be fewer.
  void run_additive() {
    const AdditiveCoefficients coefficients{additive(), alpha.data};
    Buffer<char> space(cpu::additive_coefficients_workspace(coefficients));
    cpu::additive_coefficients(coefficients, space.data, threads(1 + draw(4)));
    const AdditiveAttention attention{additive(), out.data};
    Buffer<char> more(cpu::additive_attention_workspace(attention));
    cpu::additive_attention(attention, more.data, threads(1 + draw(4)));
    check(channels, key, false, [&](auto... at) { return additive_score(at...); });
  }

  // score(row, place, head)
  void check(int64_t width, Buffer<T>& summed, bool edges_too,
             const std::function<double(int64_t, int64_t, int64_t)>& score) {
    for (int64_t row = 0; row < g.rows; ++row)
      for (int64_t h = 0; h < heads; ++h) {
        const int64_t first = g.rowptr[row], degree = g.rowptr[row + 1] - first;
        std::vector<double> scores;
        for (int64_t t = 0; t < degree; ++t) scores.push_back(score(row, first + t, h));
        const std::vector<double> weights = softmax(scores);
        for (int64_t t = 0; t < degree; ++t)
          require(is_close(alpha[(first + t) * heads + h], weights[t], degree, weights[t]), "a coefficient");
        check_sums(weights, out.data + (row * heads + h) * width, width,
                   [&](int64_t t, int64_t c) { return summed[(g.col[first + t] * heads + h) * width + c]; });
        if (edges_too)
          check_sums(weights, edge_out.data + (row * heads + h) * edge_channels, edge_channels,
                     [&](int64_t t, int64_t c) { return edge[(first + t) * edge_channels + c]; });
      }
  }

  template <class Value>
  void check_sums(const std::vector<double>& weights, const T* got, int64_t width, const Value& value_at) {
    for (int64_t c = 0; c < width; ++c) {
      double sum = 0, size = 0;
      for (size_t t = 0; t < weights.size(); ++t) {
        const double term = weights[t] * value_of(value_at(static_cast<int64_t>(t), c));
        sum += term;
        size += std::abs(term);
      }
      require(is_close(got[c], sum, static_cast<int64_t>(weights.size()), size), "a weighted sum");
    }
  }

  // Only for the types that gradients are computed in.
  void run_gradients() {
    Buffer<T> weight(g.edges * heads), slopes(g.rows * heads * channels), values(g.rows * heads * channels);
    weight.fill(-1, 1);
    const AdditiveSums sums{additive(), weight.data, slopes.data, values.data};
    Buffer<char> space(cpu::additive_sums_workspace(sums));
    cpu::additive_sums(sums, space.data, threads(1 + draw(4)));
    Buffer<double> wanted_weight(heads * channels * edge_channels), wanted_edge(g.edges * edge_channels);
    std::fill_n(wanted_weight.data, wanted_weight.count, 0.0);
    std::fill_n(wanted_edge.data, wanted_edge.count, 0.0);
    Buffer<I> rows(g.edges);
    for (int64_t row = 0; row < g.rows; ++row)
      for (int64_t p = g.rowptr[row]; p < g.rowptr[row + 1]; ++p) rows[p] = static_cast<I>(row);
    for (int64_t row = 0; row < g.rows; ++row)
      for (int64_t place = 0; place < heads * channels; ++place) {
        const int64_t h = place / channels, degree = g.rowptr[row + 1] - g.rowptr[row];
        double slope_sum = 0, value_sum = 0;
        for (int64_t p = g.rowptr[row]; p < g.rowptr[row + 1]; ++p) {
          const double z = argument(row, p, h, place % channels), slope = z > 0 ? 1 : 0.25;
          const double share = value_of(weight[p * heads + h]) * slope;
          slope_sum += share;
          value_sum += share * z;
          for (int64_t q = 0; q < edge_channels; ++q) {
            const double grad = share * value_of(att[place]);
            wanted_weight[place * edge_channels + q] += grad * value_of(edge[p * edge_channels + q]);
            wanted_edge[p * edge_channels + q] += grad * value_of(edge_weight[place * edge_channels + q]);
          }
        }
        require(is_close(slopes[row * heads * channels + place], slope_sum, degree, degree), "a sum of slopes");
        require(is_close(values[row * heads * channels + place], value_sum, degree, 20.0 * degree), "a sum of values");
      }
    if (!with_edge) return;
    Buffer<T> grad_edge(g.edges * edge_channels), grad_weight(heads * channels * edge_channels);
    const AdditiveEdgeGradients edges{additive(), rows.data, weight.data, grad_edge.data, grad_weight.data};
    Buffer<char> more(cpu::additive_edge_gradients_workspace(edges));
    cpu::additive_edge_gradients(edges, more.data, threads(1 + draw(4)));
    for (int64_t i = 0; i < grad_edge.count; ++i)
      require(is_close(grad_edge[i], wanted_edge[i], heads * channels, heads * channels), "an edge's gradient");
    for (int64_t i = 0; i < grad_weight.count; ++i)
      require(is_close(grad_weight[i], wanted_weight[i], g.edges, g.edges), "the edge weight's gradient");
  }
};

// z lies where neither the sign of a sum nor its slope hangs on rounding: quarters, exact in every type.
template <class T, class I>
void make_exact(Attention<T, I>& a) {
  for (Buffer<T>* values : {&a.query, &a.key, &a.edge_query, &a.edge, &a.att, &a.edge_weight})
    for (int64_t i = 0; i < values->count; ++i) (*values)[i] = nearest<T>((static_cast<double>(draw(9)) - 4) / 4);
}

template <class T, class I>
void run_all(Graph<I>& g, int64_t heads, int64_t channels, int64_t edge_channels) {
  Attention<T, I>(g, heads, channels, draw(40), edge_channels).run_dot();
  Attention<T, I> additive(g, heads, channels, channels, edge_channels);
  additive.run_additive();
  if constexpr (std::is_same_v<T, float> || std::is_same_v<T, double>) {
    make_exact(additive);
    additive.run_gradients();
  }
}

template <class T, class I>
void random_graph() {
  Graph<I> g = Graph<I>::random();
  run_all<T, I>(g, 1 + draw(20), draw(20), draw(4));
  run_all<T, I>(g, int64_t{1} << draw(5), int64_t{2} << draw(5), draw(2) * 8);
}

template <class I>
void hostile_graph() {
  for (I value : {I(-1), std::numeric_limits<I>::min(), std::numeric_limits<I>::max(), I(1000)}) {
    Graph<I> g(20, 20, 100, 2);
    Attention<float, I> a(g, 4, 8, 8, 3);
    Buffer<char> space(4 * 8 * 3 * 3 * sizeof(float));
    Buffer<float> weight(400), slopes(640), values(640), grad_edge(300), grad_weight(96);
    weight.fill(-1, 1);
    const bool in_rowptr = draw(2);
    (in_rowptr ? g.rowptr[draw(21)] : g.col[draw(100)]) = value;
    must_refuse([&] { cpu::dot_coefficients({a.dot(), a.alpha.data}, nullptr, threads(2)); }, "dot coefficients");
    must_refuse(
        [&] { cpu::dot_attention({a.dot(), 8, a.value.data, a.out.data, a.edge_out.data}, nullptr, threads(2)); },
        "dot attention");
    must_refuse([&] { cpu::additive_coefficients({a.additive(), a.alpha.data}, space.data, threads(2)); },
                "additive coefficients");
    must_refuse([&] { cpu::additive_attention({a.additive(), a.out.data}, space.data, threads(2)); },
                "additive attention");
    must_refuse(
        [&] { cpu::additive_sums({a.additive(), weight.data, slopes.data, values.data}, space.data, threads(2)); },
        "additive sums");
    Buffer<I> rows(100);
    std::fill_n(rows.data, 100, I(0));
    rows[draw(100)] = value;
    must_refuse(
        [&] {
          cpu::additive_edge_gradients({a.additive(), rows.data, weight.data, grad_edge.data, grad_weight.data},
                                       space.data, threads(2));
        },
        "gradients of edges");
  }
}

const Family family(
    [] {
      random_graph<float, int64_t>();
      random_graph<double, int32_t>();
      random_graph<Half, int64_t>();
      random_graph<BFloat16, int32_t>();
      hostile_graph<int64_t>();
      hostile_graph<int32_t>();
    },
    [] {
      Graph<int32_t> heavy(30, 30, 60000, 6);
      run_all<float, int32_t>(heavy, 3, 5, 2);
      run_all<double, int32_t>(heavy, 8, 8, 0);
      Graph<int64_t> small(20, 20, 100, 2);
      Attention<float, int64_t>(small, 9, 4, 300, 280).run_dot();  // more channels than are summed at a time
    });

}  // namespace
}  // namespace testing
