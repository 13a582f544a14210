// gather_kernel_reduce, kernel_contract and kernel_dot against plain loops, and on hostile graphs and kernels.
#include "kernels/gather_kernel_reduce.h"
#include "testing.h"

namespace testing {
namespace {

using namespace geocompile;

// Weights of a graph's edges: for all kernels, or for `active` drawn ones.
template <class T, class I>
struct Weights {
  int64_t num_kernels, active;
  bool sparse, weighted;
  Buffer<T> weight;
  Buffer<I> kernel;

  Weights(int64_t edges, int64_t num_kernels, int64_t few)
      : num_kernels(num_kernels),
        active(few < 0 ? num_kernels : few),
        sparse(few >= 0),
        weighted(!sparse || draw(3)),
        weight(edges * active),
        kernel(sparse ? edges * active : 0) {
    weight.fill(-1, 1);
    for (int64_t i = 0; i < kernel.count; ++i) kernel[i] = static_cast<I>(draw(num_kernels));
  }

  double weight_of(int64_t p, int64_t s) { return weighted ? value_of(weight[p * active + s]) : 1; }
  int64_t kernel_of(int64_t p, int64_t s) { return sparse ? kernel[p * active + s] : s; }
  KernelEdges edges(const CsrGraph& graph, int64_t channels) {
    return {"test",     dtype_of<T>, graph, channels, num_kernels, sparse, active, weighted ? weight.data : nullptr,
            kernel.data};
  }
};

template <class T>
void require_near(T got, double sum, double size, int64_t terms, const char* what) {
  const double least = std::is_same_v<T, Half> ? 0x1p-24 : 0;  // the step between halves near zero
  const double bound = 4 * (terms + 1) * sum_unit_of<T> * (std::abs(sum) + size) + unit_of<T> * std::abs(sum) + least;
  require(std::abs(value_of(got) - sum) <= bound, what);
}

template <class T, class I>
void check_reduce(Graph<I>& g, Weights<T, I>& w, int64_t channels, KernelReduce reduce) {
  Buffer<T> x(g.sources * channels), out(g.rows * w.num_kernels * channels);
  x.fill(-1, 1);
  const GatherKernelReduce args{w.edges(g.csr(), channels), reduce, x.data, out.data};
  Buffer<char> workspace(cpu::gather_kernel_reduce_workspace(args));
  cpu::gather_kernel_reduce(args, workspace.data, threads(1 + draw(4)));
  for (int64_t row = 0; row < g.rows; ++row)
    for (int64_t k = 0; k < w.num_kernels; ++k)
      for (int64_t c = 0; c < channels; ++c) {
        double sum = 0, size = 0;
        int64_t terms = 0;
        for (int64_t p = g.rowptr[row]; p < g.rowptr[row + 1]; ++p)
          for (int64_t s = 0; s < w.active; ++s) {
            if (w.kernel_of(p, s) != k) continue;
            const double term = w.weight_of(p, s) * value_of(x[g.col[p] * channels + c]);
            sum += term, size += std::abs(term), ++terms;
          }
        const int64_t count = reduce == KernelReduce::kMean ? g.rowptr[row + 1] - g.rowptr[row] : terms;
        if (reduce != KernelReduce::kSum && count > 0) sum /= count, size /= count;
        require_near(out[(row * w.num_kernels + k) * channels + c], sum, size, terms, "the sum of a kernel");
      }
}

template <class T, class I>
void check_gradients(Graph<I>& g, Weights<T, I>& w, int64_t channels) {
  Buffer<T> x(g.sources * w.num_kernels * channels), sums(g.rows * channels);
  Buffer<T> a(g.rows * w.num_kernels * channels), b(g.sources * channels), dots(g.edges * w.active);
  for (Buffer<T>* values : {&x, &a, &b}) values->fill(-1, 1);
  const KernelContract contract{w.edges(g.csr(), channels), x.data, sums.data};
  Buffer<char> workspace(cpu::kernel_contract_workspace(contract));
  cpu::kernel_contract(contract, workspace.data, threads(1 + draw(4)));
  cpu::kernel_dot(KernelDot{w.edges(g.csr(), channels), a.data, b.data, dots.data}, threads(1 + draw(4)));
  for (int64_t row = 0; row < g.rows; ++row) {
    for (int64_t c = 0; c < channels; ++c) {
      double sum = 0, size = 0;
      int64_t terms = 0;
      for (int64_t p = g.rowptr[row]; p < g.rowptr[row + 1]; ++p)
        for (int64_t s = 0; s < w.active; ++s, ++terms) {
          const int64_t place = (g.col[p] * w.num_kernels + w.kernel_of(p, s)) * channels + c;
          const double term = w.weight_of(p, s) * value_of(x[place]);
          sum += term, size += std::abs(term);
        }
      require_near(sums[row * channels + c], sum, size, terms, "the contraction");
    }
    for (int64_t p = g.rowptr[row]; p < g.rowptr[row + 1]; ++p)
      for (int64_t s = 0; s < w.active; ++s) {
        double sum = 0, size = 0;
        for (int64_t c = 0; c < channels; ++c) {
          const double left = value_of(a[(row * w.num_kernels + w.kernel_of(p, s)) * channels + c]);
          const double term = left * value_of(b[g.col[p] * channels + c]);
          sum += term, size += std::abs(term);
        }
        require_near(dots[p * w.active + s], sum, size, channels, "a weight's dot product");
      }
  }
}

template <class T, class I>
void random_graph() {
  Graph<I> g = Graph<I>::random();
  for (KernelReduce reduce : {KernelReduce::kSum, KernelReduce::kMean}) {
    Weights<T, I> dense(g.edges, draw(12), -1);
    check_reduce(g, dense, draw(90), reduce);
    check_gradients(g, dense, draw(90));
  }
  for (KernelReduce reduce : {KernelReduce::kSum, KernelReduce::kMean, KernelReduce::kMeanPerKernel}) {
    Weights<T, I> sparse(g.edges, 1 + draw(draw(2) ? 8 : 140), draw(5));
    check_reduce(g, sparse, draw(90), reduce);
    check_gradients(g, sparse, draw(90));
  }
}

// Hostile numbers anywhere in rowptr, col and kernel must be refused before they are used as an address.
template <class I>
void hostile() {
  const I bad[] = {-1, std::numeric_limits<I>::min(), std::numeric_limits<I>::max(), 7};
  for (I value : bad) {
    Graph<I> g(20, 6, 100, 2);
    Weights<float, I> w(g.edges, 7, 2);
    Buffer<float> x(20 * 7 * 8), out(100 * 7 * 8);
    x.fill(-1, 1);
    const int64_t where = draw(3);
    (where == 0 ? g.rowptr[draw(21)] : where == 1 ? g.col[draw(100)] : w.kernel[draw(200)]) = value;
    if (where == 0 && value == 7) g.rowptr[20] = 7;
    const KernelEdges edges = w.edges(g.csr(), 8);
    const GatherKernelReduce reduce{edges, KernelReduce::kMeanPerKernel, x.data, out.data};
    must_refuse([&] { cpu::gather_kernel_reduce(reduce, nullptr, threads(2)); }, "refused by the reduction");
    must_refuse([&] { cpu::kernel_contract({edges, x.data, out.data}, nullptr, threads(2)); }, "by the contraction");
    must_refuse([&] { cpu::kernel_dot({edges, x.data, x.data, out.data}, threads(2)); }, "by the dot product");
  }
}

const Family family(
    [] {
      random_graph<float, int64_t>();
      random_graph<double, int32_t>();
      random_graph<Half, int32_t>();
      random_graph<BFloat16, int64_t>();
      hostile<int64_t>();
      hostile<int32_t>();
    },
    [] {
      Graph<int32_t> heavy(30, 30, 60000, 6);
      for (int64_t few : {-1, 2}) {
        Weights<float, int32_t> single(heavy.edges, 5, few);
        Weights<BFloat16, int32_t> half(heavy.edges, 5, few);
        check_reduce(heavy, single, 7, few < 0 ? KernelReduce::kMean : KernelReduce::kMeanPerKernel);
        check_reduce(heavy, half, 7, KernelReduce::kSum);
        check_gradients(heavy, single, 7);
      }
    });

}  // namespace
}  // namespace testing
