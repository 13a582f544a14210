// gather_segment_reduce, gather_segment_arg and edge_dot against plain loops, and on hostile graphs.
#include "kernels/csr_from_coo.h"
#include "kernels/gather_segment_reduce.h"
#include "testing.h"

namespace testing {
namespace {

using namespace geocompile;

double combine(Reduce reduce, double a, double b) {
  switch (reduce) {
    case Reduce::kMax: return b > a ? b : a;
    case Reduce::kMin: return b < a ? b : a;
    case Reduce::kMul: return a * b;
    default: return a + b;
  }
}

template <class T, class I>
void check_reduce(Graph<I>& g, int64_t heads, int64_t head_size, Reduce reduce, bool weighted, bool own) {
  own = own && g.is_square();
  const int64_t channels = heads * head_size;
  Buffer<T> x(g.sources * channels), weight(g.edges * heads), self_weight(g.rows * heads), out(g.rows * channels);
  for (Buffer<T>* values : {&x, &weight, &self_weight}) values->fill(reduce == Reduce::kMul ? 0.9 : -1, 1.1);
  GatherSegmentReduce args{"test",
                           "col",
                           reduce,
                           dtype_of<T>,
                           g.csr(),
                           channels,
                           heads,
                           x.data,
                           weighted ? weight.data : nullptr,
                           own ? self_weight.data : nullptr,
                           out.data};
  Buffer<char> workspace(cpu::gather_segment_reduce_workspace(args));
  cpu::gather_segment_reduce(args, workspace.data, threads(1 + draw(4)));
  Buffer<I> arg(g.rows * channels);
  const bool selects = reduce == Reduce::kMax || reduce == Reduce::kMin;
  if (selects) cpu::gather_segment_arg(GatherSegmentArg{args, arg.data}, threads(2));
  for (int64_t row = 0; row < g.rows; ++row)
    for (int64_t c = 0; c < channels; ++c) {
      double sum = reduce == Reduce::kMul ? 1 : 0, size = 0;
      int64_t terms = 0, first = -1;
      const auto add = [&](double factor, T value, int64_t place) {
        double term = factor * value_of(value);
        if (std::is_same_v<T, float>)
          term = static_cast<float>(term);  // as the kernel compares: ties are ties of floats
        if (selects && (terms == 0 || combine(reduce, sum, term) != sum)) first = place;
        sum = terms++ == 0 ? term : combine(reduce, sum, term);
        size += std::abs(term);
      };
      const int64_t head = c / head_size;
      for (int64_t p = g.rowptr[row]; p < g.rowptr[row + 1]; ++p)
        add(weighted ? value_of(weight[p * heads + head]) : 1, x[g.col[p] * channels + c], p);
      if (own) add(value_of(self_weight[row * heads + head]), x[row * channels + c], g.edges);
      if (reduce == Reduce::kMean && terms > 0) sum /= terms;
      const double least = std::is_same_v<T, Half> ? 0x1p-24 : 0;  // the step between halves near zero
      const double bound =
          4 * (terms + 1) * sum_unit_of<T> * (std::abs(sum) + size) + unit_of<T> * std::abs(sum) + least;
      const double got = value_of(out[row * channels + c]);
      const bool too_large = std::isinf(value_of(nearest<T>(sum)));  // a product, for a half
      require(too_large ? std::isinf(got) : std::abs(got - sum) <= bound, "the reduction");
      if (selects) require(arg[row * channels + c] == static_cast<I>(first), "where the maximum is reached");
    }
}

template <class T, class I>
void check_dot(Graph<I>& g, int64_t heads, int64_t head_size) {
  const int64_t channels = heads * head_size;
  Buffer<T> a(g.rows * channels), b(g.sources * channels), out(g.edges * heads);
  for (Buffer<T>* values : {&a, &b})
    for (int64_t i = 0; i < values->count; ++i) (*values)[i] = nearest<T>(static_cast<double>(draw(3) - 1));
  cpu::edge_dot(EdgeDot{"edge_dot", dtype_of<T>, g.csr(), channels, heads, a.data, b.data, out.data}, threads(2));
  for (int64_t row = 0; row < g.rows; ++row)
    for (int64_t p = g.rowptr[row]; p < g.rowptr[row + 1]; ++p)
      for (int64_t head = 0; head < heads; ++head) {
        double sum = 0;
        for (int64_t c = head * head_size; c < (head + 1) * head_size; ++c)
          sum += value_of(a[row * channels + c]) * value_of(b[g.col[p] * channels + c]);
        require(value_of(out[p * heads + head]) == sum, "edge_dot of small integers is exact");
      }
}

template <class T, class I>
void random_graph() {
  Graph<I> g = Graph<I>::random();
  for (Reduce reduce : {Reduce::kSum, Reduce::kMean, Reduce::kMax, Reduce::kMin, Reduce::kMul}) {
    check_reduce<T>(g, 1, draw(4) ? draw(90) : 4 << draw(3), reduce, draw(2), draw(2));  // often one vector
    check_reduce<T>(g, 1 + draw(9), draw(3) ? 1 + draw(20) : 16, reduce, draw(2), draw(2));
  }
  check_dot<T>(g, 1, 1 + draw(70));
  check_dot<T>(g, 1 + draw(8), 1 + draw(20));
}

// Hostile numbers anywhere in rowptr and col must be refused before they are used as an address.
template <class I>
void hostile_graph() {
  const I bad[] = {-1, std::numeric_limits<I>::min(), std::numeric_limits<I>::max(), 1000};
  for (I value : bad) {
    Graph<I> g(20, 20, 100, 2);
    Buffer<float> x(20 * 8), out(20 * 8);
    Buffer<I> arg(20 * 8);
    x.fill(-1, 1);
    GatherSegmentReduce args{"test", "col",  Reduce::kSum, DType::kFloat32, g.csr(), 8,
                             1,      x.data, nullptr,      nullptr,         out.data};
    const bool in_rowptr = draw(2);
    (in_rowptr ? g.rowptr[draw(21)] : g.col[draw(100)]) = value;
    must_refuse([&] { cpu::gather_segment_reduce(args, nullptr, threads(2)); }, "a hostile graph is refused");
    must_refuse([&] { cpu::gather_segment_arg(GatherSegmentArg{args, arg.data}, threads(2)); }, "refused by arg");
    if (in_rowptr) continue;
    g.index[draw(100)] = value;
    CsrFromCoo sort{"csr_from_coo", "index", dtype_of<I>,   100,         20,
                    g.index.data,   nullptr, g.rowptr.data, g.perm.data, nullptr};
    Buffer<char> workspace(cpu::csr_from_coo_workspace(sort, 2));
    must_refuse([&] { cpu::csr_from_coo(sort, workspace.data, threads(2)); }, "a hostile index is refused");
  }
}

const Family family(
    [] {
      random_graph<float, int64_t>();
      random_graph<double, int32_t>();
      random_graph<Half, int32_t>();
      random_graph<BFloat16, int64_t>();
      hostile_graph<int64_t>();
      hostile_graph<int32_t>();
    },
    [] {
      Graph<int32_t> heavy(30, 30, 60000, 6);
      for (Reduce reduce : {Reduce::kSum, Reduce::kMean, Reduce::kMax}) {
        check_reduce<float>(heavy, 1, 5, reduce, true, true);
        check_reduce<BFloat16>(heavy, 3, 16, reduce, true, true);
      }
    });

}  // namespace
}  // namespace testing
