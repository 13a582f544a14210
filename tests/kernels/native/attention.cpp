// exp against the standard library's in higher precision; segment_softmax and GAT's attention on random graphs against
// plain loops in double; hostile graphs.
#include "kernels/cpu/simd_math.h"
#include "kernels/gat.h"
#include "kernels/segment_softmax.h"
#include "testing.h"

namespace testing {
namespace {

using namespace geocompile;

// --- exp -------------------------------------------------------------------------------------------------------------

namespace simd = geocompile::cpu::GEOCOMPILE_ISA;

template <class A>
A exp_of(A x) {
  using V = typename simd::Vector<A, GEOCOMPILE_VECTOR_BYTES>::type;
  return simd::exp_of(simd::splat<V>(x))[0];
}

// The distance from the exact value in units of its last place; subnormal numbers share the smallest unit.
template <class A>
double error_of_exp(A x) {
  const long double exact = std::exp(static_cast<long double>(x));
  const A nearest = static_cast<A>(exact);
  const A unit = std::nextafter(nearest, std::numeric_limits<A>::infinity()) - nearest;
  return static_cast<double>(std::abs(static_cast<long double>(exp_of(x)) - exact) / unit);
}

template <class A>
void check_exp(double lowest, double highest, int steps) {
  double worst = 0;
  for (int i = 0; i <= steps; ++i) {
    const A x = static_cast<A>(lowest + (highest - lowest) * i / steps);
    worst = std::max(worst, error_of_exp(x));
  }
  require(worst <= 1.1, "exp within 1.1 units in the last place, over its whole range");
  const A infinity = std::numeric_limits<A>::infinity();
  require(exp_of(A(0)) == 1 && exp_of(-A(0)) == 1, "exp(0) is 1");
  require(exp_of(-infinity) == 0 && exp_of(static_cast<A>(2 * lowest)) == 0, "exp of very negative numbers is 0");
  require(exp_of(infinity) == infinity && exp_of(static_cast<A>(2 * highest)) == infinity, "exp overflows to infinity");
  require(std::isnan(exp_of(std::numeric_limits<A>::quiet_NaN())), "NaN travels");
}

// --- softmax ---------------------------------------------------------------------------------------------------------

// Softmax of the scores of one row; a score of -inf is left out.
std::vector<double> softmax(const std::vector<double>& scores) {
  double maximum = -std::numeric_limits<double>::infinity(), sum = 0;
  for (double score : scores) maximum = std::max(maximum, score);
  std::vector<double> weights;
  for (double score : scores) weights.push_back(std::exp(score - maximum));
  for (double weight : weights) sum += weight;
  for (double& weight : weights) weight /= sum;
  return weights;
}

// Scores lie between -10 and 10, so that rounding one moves its weight by a few units.
template <class T>
bool is_close(T got, double wanted, int64_t terms, double size) {
  const double bound = (16 * sum_unit_of<T> * (10 + terms) + unit_of<T>)*size +
                       (std::is_same_v<T, Half> ? 0x1p-24 : 0);  // the smallest half
  return std::abs(value_of(got) - wanted) <= bound;
}

template <class T, class I>
void check_softmax(Graph<I>& g, int64_t channels, bool permuted) {
  Buffer<T> src(g.edges * channels), out(g.edges * channels);
  src.fill(-10, 10);
  CsrGraph graph = g.csr();
  graph.num_sources = g.edges;
  graph.col = permuted ? g.perm.data : nullptr;
  const SegmentSoftmax args{"test", dtype_of<T>, graph, channels, src.data, out.data};
  Buffer<char> workspace(cpu::segment_softmax_workspace(args));
  cpu::segment_softmax(args, workspace.data, threads(1 + draw(4)));
  for (int64_t row = 0; row < g.rows; ++row)
    for (int64_t c = 0; c < channels; ++c) {
      const auto place = [&](int64_t p) { return (permuted ? g.perm[p] : static_cast<I>(p)) * channels + c; };
      std::vector<double> scores;
      for (int64_t p = g.rowptr[row]; p < g.rowptr[row + 1]; ++p) scores.push_back(value_of(src[place(p)]));
      const std::vector<double> weights = softmax(scores);
      for (size_t t = 0; t < weights.size(); ++t)
        require(is_close(out[place(g.rowptr[row] + static_cast<int64_t>(t))], weights[t],
                         static_cast<int64_t>(weights.size()), weights[t]),
                "softmax within a row");
    }
}

// --- GAT -------------------------------------------------------------------------------------------------------------

template <class T, class I>
struct Attention {
  Graph<I>& g;
  int64_t heads, channels;
  bool self_loops, with_edge;
  Buffer<T> x, source, target, edge, self_edge, alpha, self_alpha, out;

  Attention(Graph<I>& g, int64_t heads, int64_t channels)
      : g(g),
        heads(heads),
        channels(channels),
        self_loops(g.is_square() && draw(2)),
        with_edge(draw(2)),
        x(g.sources * heads * channels),
        source(g.sources * heads),
        target(g.rows * heads),
        edge(g.edges * heads),
        self_edge(g.rows * heads),
        alpha(g.edges * heads),
        self_alpha(g.rows * heads),
        out(g.rows * heads * channels) {
    for (Buffer<T>* values : {&x, &source, &target, &edge, &self_edge}) values->fill(-3, 3);
  }

  GatAttention args() const {
    return {"test",
            dtype_of<T>,
            g.csr(),
            heads,
            0.25,
            self_loops,
            source.data,
            target.data,
            with_edge ? edge.data : nullptr,
            with_edge && self_loops ? self_edge.data : nullptr};
  }

  double score(int64_t row, int64_t node, int64_t h, T& share) {
    const double sum =
        value_of(source[node * heads + h]) + value_of(target[row * heads + h]) + (with_edge ? value_of(share) : 0);
    return sum > 0 ? sum : 0.25 * sum;
  }

  void run() {
    const GatCoefficients coefficients{args(), alpha.data, self_alpha.data};
    Buffer<char> space(cpu::gat_coefficients_workspace(coefficients));
    cpu::gat_coefficients(coefficients, space.data, threads(1 + draw(4)));
    const GatAggregate aggregate{args(), channels, x.data, out.data};
    Buffer<char> more_space(cpu::gat_aggregate_workspace(aggregate));
    cpu::gat_aggregate(aggregate, more_space.data, threads(1 + draw(4)));
    for (int64_t row = 0; row < g.rows; ++row)
      for (int64_t h = 0; h < heads; ++h) check(row, h);
  }

  // The row's own term stands last.
  void check(int64_t row, int64_t h) {
    std::vector<double> scores;
    std::vector<int64_t> nodes;
    for (int64_t p = g.rowptr[row]; p < g.rowptr[row + 1]; ++p) {
      nodes.push_back(g.col[p]);
      scores.push_back(self_loops && g.col[p] == static_cast<I>(row) ? -std::numeric_limits<double>::infinity()
                                                                     : score(row, g.col[p], h, edge[p * heads + h]));
    }
    const int64_t degree = static_cast<int64_t>(nodes.size());
    if (self_loops) {
      nodes.push_back(row);
      scores.push_back(score(row, row, h, self_edge[row * heads + h]));
    }
    const std::vector<double> weights = softmax(scores);
    const int64_t terms = static_cast<int64_t>(nodes.size());
    for (int64_t t = 0; t < degree; ++t)
      require(is_close(alpha[(g.rowptr[row] + t) * heads + h], weights[t], terms, weights[t]), "a coefficient");
    require(is_close(self_alpha[row * heads + h], self_loops ? weights[degree] : 0, terms, 1), "a loop's coefficient");
    for (int64_t c = 0; c < channels; ++c) {
      double sum = 0, size = 0;
      for (int64_t t = 0; t < terms; ++t) {
        const double term = weights[t] * value_of(x[(nodes[t] * heads + h) * channels + c]);
        sum += term;
        size += std::abs(term);
      }
      require(is_close(out[(row * heads + h) * channels + c], sum, terms, size), "the weighted sum");
    }
  }
};

template <class T, class I>
void random_graph() {
  Graph<I> g = Graph<I>::random();
  check_softmax<T>(g, draw(40), draw(2) == 1);
  check_softmax<T>(g, int64_t{1} << draw(5), false);
  Attention<T, I>(g, 1 + draw(20), draw(20)).run();
  Attention<T, I>(g, int64_t{1} << draw(5), int64_t{8} << draw(4)).run();
}

template <class I>
void hostile_graph() {
  for (I value : {I(-1), std::numeric_limits<I>::min(), std::numeric_limits<I>::max(), I(1000)}) {
    Graph<I> g(20, 20, 100, 2);
    Attention<float, I> attention(g, 4, 8);
    Buffer<float> src(100);
    src.fill(-1, 1);
    const bool in_rowptr = draw(2);
    (in_rowptr ? g.rowptr[draw(21)] : g.col[draw(100)]) = value;
    must_refuse(
        [&] {
          cpu::gat_coefficients({attention.args(), attention.alpha.data, attention.self_alpha.data}, nullptr,
                                threads(2));
        },
        "coefficients of a hostile graph");
    must_refuse(
        [&] { cpu::gat_aggregate({attention.args(), 8, attention.x.data, attention.out.data}, nullptr, threads(2)); },
        "aggregation over a hostile graph");
    const CsrGraph graph{dtype_of<I>, 20, 100, 100, g.rowptr.data, g.col.data};
    must_refuse(
        [&] { cpu::segment_softmax({"test", DType::kFloat32, graph, 1, src.data, src.data}, nullptr, threads(2)); },
        "softmax of a hostile graph");
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
      check_exp<float>(-110, 88, 400000);
      check_exp<double>(-750, 709, 400000);
      Graph<int32_t> heavy(30, 30, 60000, 6);
      check_softmax<float>(heavy, 3, true);
      check_softmax<double>(heavy, 8, false);
      Attention<float, int32_t>(heavy, 3, 5).run();
      Attention<double, int32_t>(heavy, 8, 8).run();
      Attention<float, int32_t>(heavy, 1, 2100).run();  // more channels than are summed at a time
    });

}  // namespace
}  // namespace testing
