// Runs the torch-free kernels on random and hostile graphs against plain loops; meant to be built with sanitizers.
// Every buffer is exactly as large as the kernel may use, so that the address sanitizer sees the first byte beyond.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <thread>
#include <vector>

#include "kernels/csr_from_coo.h"
#include "kernels/gather_segment_reduce.h"
#include "kernels/gcn_norm.h"

using namespace geocompile;

namespace {

std::mt19937_64 generator(1234);

int64_t draw(int64_t below) { return below > 0 ? static_cast<int64_t>(generator() % below) : 0; }

// Real threads, one per task, so that the thread sanitizer would see a race.
Parallel threads(int64_t count) {
  return Parallel(
      [](void*, int64_t tasks, Parallel::Task task, void* body) {
        std::vector<std::thread> running;
        for (int64_t i = 0; i < tasks; ++i) running.emplace_back([=] { task(body, i); });
        for (auto& thread : running) thread.join();
      },
      nullptr, count);
}

void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "failed: %s\n", what);
  std::exit(1);
}

template <class T>
DType dtype();
template <>
DType dtype<float>() {
  return DType::kFloat32;
}
template <>
DType dtype<double>() {
  return DType::kFloat64;
}
template <>
DType dtype<int32_t>() {
  return DType::kInt32;
}
template <>
DType dtype<int64_t>() {
  return DType::kInt64;
}

// A heap block of exactly this size; std::vector may round up.
template <class T>
struct Buffer {
  explicit Buffer(int64_t count) : count(count), data(new T[count]) {}
  ~Buffer() { delete[] data; }
  Buffer(const Buffer&) = delete;
  T& operator[](int64_t i) { return data[i]; }
  int64_t count;
  T* data;
};

template <class I>
struct Graph {
  int64_t rows, sources, edges;
  Buffer<I> index, other, rowptr, perm, col;

  Graph(int64_t rows, int64_t sources, int64_t edges, double skew)
      : rows(rows),
        sources(sources),
        edges(edges),
        index(edges),
        other(edges),
        rowptr(rows + 1),
        perm(edges),
        col(edges) {
    std::uniform_real_distribution<double> uniform(0, 1);
    for (int64_t e = 0; e < edges; ++e) {
      index[e] = static_cast<I>(std::pow(uniform(generator), skew) * rows);
      other[e] = static_cast<I>(draw(sources));
    }
    CsrFromCoo args{"csr_from_coo", "index",    dtype<I>(),  edges,     rows,
                    index.data,     other.data, rowptr.data, perm.data, col.data};
    const Parallel parallel = threads(1 + draw(4));
    Buffer<char> workspace(cpu::csr_from_coo_workspace(args, parallel.threads()));
    cpu::csr_from_coo(args, workspace.data, parallel);
    check();
  }

  void check() {
    require(rowptr[0] == 0 && rowptr[rows] == static_cast<I>(edges), "rowptr spans the edges");
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t p = rowptr[row]; p < rowptr[row + 1]; ++p) {
        require(index[perm[p]] == static_cast<I>(row), "an edge stands in its row");
        require(col[p] == other[perm[p]], "other is carried along");
        require(p == rowptr[row] || perm[p - 1] < perm[p], "the sort is stable");
      }
  }
};

template <class T>
T combine(Reduce reduce, T a, T b) {
  switch (reduce) {
    case Reduce::kMax: return b > a ? b : a;
    case Reduce::kMin: return b < a ? b : a;
    case Reduce::kMul: return a * b;
    default: return a + b;
  }
}

template <class T, class I>
void check_reduce(Graph<I>& g, int64_t channels, Reduce reduce, bool weighted, bool own) {
  own = own && g.rows == g.sources;
  Buffer<T> x(g.sources * channels), weight(g.edges), self_weight(g.rows), out(g.rows * channels);
  std::uniform_real_distribution<T> values(reduce == Reduce::kMul ? T(0.9) : T(-1), T(1.1));
  for (int64_t i = 0; i < x.count; ++i) x[i] = values(generator);
  for (int64_t i = 0; i < weight.count; ++i) weight[i] = values(generator);
  for (int64_t i = 0; i < self_weight.count; ++i) self_weight[i] = values(generator);
  GatherSegmentReduce args{"test",
                           "col",
                           reduce,
                           dtype<T>(),
                           dtype<I>(),
                           g.rows,
                           g.sources,
                           g.edges,
                           channels,
                           x.data,
                           g.rowptr.data,
                           g.col.data,
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
      const auto add = [&](T value, int64_t place) {
        if (selects && (terms == 0 || combine<double>(reduce, sum, value) != sum)) first = place;
        sum = terms++ == 0 ? value : combine<double>(reduce, sum, value);
        size += std::abs(value);
      };
      for (int64_t p = g.rowptr[row]; p < g.rowptr[row + 1]; ++p)
        add((weighted ? weight[p] : T(1)) * x[g.col[p] * channels + c], p);
      if (own) add(self_weight[row] * x[row * channels + c], g.edges);
      if (reduce == Reduce::kMean && terms > 0) sum /= terms;
      const double bound = 4 * (terms + 1) * std::numeric_limits<T>::epsilon() * (std::abs(sum) + size);
      require(std::abs(out[row * channels + c] - sum) <= bound, "the reduction");
      if (selects) require(arg[row * channels + c] == static_cast<I>(first), "where the maximum is reached");
    }
}

template <class T, class I>
void check_norm(Graph<I>& g, bool loops) {
  if (g.rows != g.sources) return;
  Buffer<T> edge_weight(g.edges), self_weight(g.rows);
  GcnNorm args{"gcn_norm", dtype<T>(),    dtype<I>(), g.rows,  g.edges,          1.0,
               loops,      g.rowptr.data, g.col.data, nullptr, edge_weight.data, self_weight.data};
  Buffer<char> workspace(cpu::gcn_norm_workspace(args));
  cpu::gcn_norm(args, workspace.data, threads(1 + draw(4)));
  for (int64_t p = 0; p < g.edges; ++p) require(edge_weight[p] >= 0 && edge_weight[p] <= 1, "weights of a plain graph");
  for (int64_t i = 0; i < g.rows; ++i) require(self_weight[i] >= 0 && self_weight[i] <= 1, "loop weights");
}

template <class T, class I>
void check_dot(Graph<I>& g, int64_t channels) {
  Buffer<T> a(g.rows * channels), b(g.sources * channels), out(g.edges);
  for (int64_t i = 0; i < a.count; ++i) a[i] = static_cast<T>(draw(7)) - 3;
  for (int64_t i = 0; i < b.count; ++i) b[i] = static_cast<T>(draw(7)) - 3;
  cpu::edge_dot(EdgeDot{"edge_dot", dtype<T>(), dtype<I>(), g.rows, g.sources, g.edges, channels, a.data, b.data,
                        g.rowptr.data, g.col.data, out.data},
                threads(2));
  for (int64_t row = 0; row < g.rows; ++row)
    for (int64_t p = g.rowptr[row]; p < g.rowptr[row + 1]; ++p) {
      T sum = 0;
      for (int64_t c = 0; c < channels; ++c) sum += a[row * channels + c] * b[g.col[p] * channels + c];
      require(out[p] == sum, "edge_dot of small integers is exact");
    }
}

template <class T, class I>
void random_graph() {
  const int64_t rows = draw(40), sources = draw(3) ? rows : draw(40) + 1;
  Graph<I> g(rows, sources, rows > 0 && sources > 0 ? draw(400) : 0, 1 + draw(3));
  const Reduce reductions[] = {Reduce::kSum, Reduce::kMean, Reduce::kMax, Reduce::kMin, Reduce::kMul};
  for (Reduce reduce : reductions) check_reduce<T>(g, draw(90), reduce, draw(2), draw(2));
  check_norm<T>(g, draw(2));
  check_dot<T>(g, draw(70));
}

template <class Body>
void must_refuse(Body body, const char* what) {
  try {
    body();
  } catch (const std::out_of_range&) {
    return;
  }
  require(false, what);
}

// Hostile numbers anywhere in rowptr and col must be refused before they are used as an address.
template <class I>
void hostile_graph() {
  const I bad[] = {-1, std::numeric_limits<I>::min(), std::numeric_limits<I>::max(), 1000};
  for (I value : bad) {
    Graph<I> g(20, 20, 100, 2);
    Buffer<float> x(20 * 8), out(20 * 8);
    for (int64_t i = 0; i < x.count; ++i) x[i] = 1;
    GatherSegmentReduce args{"test", "col",  Reduce::kSum,  DType::kFloat32, dtype<I>(), 20,      20,      100,
                             8,      x.data, g.rowptr.data, g.col.data,      nullptr,    nullptr, out.data};
    const bool in_rowptr = draw(2);
    (in_rowptr ? g.rowptr[draw(21)] : g.col[draw(100)]) = value;
    must_refuse([&] { cpu::gather_segment_reduce(args, nullptr, threads(2)); }, "a hostile graph is refused");
    must_refuse([&] { cpu::gather_segment_arg(GatherSegmentArg{args, out.data}, threads(2)); }, "refused by arg");
    if (in_rowptr) continue;
    g.index[draw(100)] = value;
    CsrFromCoo sort{"csr_from_coo", "index", dtype<I>(),    100,         20,
                    g.index.data,   nullptr, g.rowptr.data, g.perm.data, nullptr};
    Buffer<char> workspace(cpu::csr_from_coo_workspace(sort, 2));
    must_refuse([&] { cpu::csr_from_coo(sort, workspace.data, threads(2)); }, "a hostile index is refused");
  }
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 100;
  for (int i = 0; i < rounds; ++i) {
    random_graph<float, int64_t>();
    random_graph<double, int32_t>();
    hostile_graph<int64_t>();
    hostile_graph<int32_t>();
  }
  Graph<int32_t> heavy(30, 30, 60000, 6);
  for (Reduce reduce : {Reduce::kSum, Reduce::kMean, Reduce::kMax}) check_reduce<float>(heavy, 5, reduce, true, true);
  std::printf("%d rounds passed\n", rounds);
}
