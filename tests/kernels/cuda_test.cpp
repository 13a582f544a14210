// Runs the CUDA kernels, emulated on the processor, on random and hostile graphs against plain loops; meant to be built
// with sanitizers. Every buffer is exactly as large as the kernel may use.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <random>
#include <vector>

#include "cuda_runtime.h"
#include "kernels/cpu/simd.h"
#include "kernels/csr_from_coo.h"
#include "kernels/gather_segment_reduce.h"

using namespace geocompile;
using cpu::generic::BFloat16;
using cpu::generic::Half;
using cpu::generic::load_one;
using cpu::generic::store_one;
using geocompile::Sum;

namespace {

std::mt19937_64 generator(4321);

int64_t draw(int64_t below) { return below > 0 ? static_cast<int64_t>(generator() % below) : 0; }

double uniform(double low, double high) { return std::uniform_real_distribution<double>(low, high)(generator); }

void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "failed: %s\n", what);
  std::exit(1);
}

template <class T>
constexpr DType kDType = std::is_same_v<T, float>      ? DType::kFloat32
                         : std::is_same_v<T, double>   ? DType::kFloat64
                         : std::is_same_v<T, Half>     ? DType::kFloat16
                         : std::is_same_v<T, BFloat16> ? DType::kBFloat16
                         : std::is_same_v<T, int32_t>  ? DType::kInt32
                                                       : DType::kInt64;

// The distance of 1 to the next number.
template <class T>
constexpr double kEpsilon = std::is_same_v<T, Half>       ? 0x1p-10
                            : std::is_same_v<T, BFloat16> ? 0x1p-7
                                                          : std::numeric_limits<Sum<T>>::epsilon();

// A heap block of exactly this size, and, where asked for, not on a multiple of 16 bytes.
template <class T>
struct Buffer {
  explicit Buffer(int64_t count, bool odd = false)
      : count(count), block(new char[(count + odd) * sizeof(T)]), data(reinterpret_cast<T*>(block) + odd) {}
  ~Buffer() { delete[] block; }
  Buffer(const Buffer&) = delete;
  T& operator[](int64_t i) { return data[i]; }
  int64_t count;
  char* block;
  T* data;
};

template <class T>
void fill(Buffer<T>& buffer, double low, double high) {
  for (int64_t i = 0; i < buffer.count; ++i) store_one(&buffer[i], static_cast<Sum<T>>(uniform(low, high)));
}

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
    for (int64_t e = 0; e < edges; ++e) {
      index[e] = static_cast<I>(std::pow(uniform(0, 1), skew) * rows);
      other[e] = static_cast<I>(draw(sources));
    }
    sort();
  }

  void sort() {
    const CsrFromCoo args{"csr_from_coo", "index",    kDType<I>,   edges,     rows,
                          index.data,     other.data, rowptr.data, perm.data, col.data};
    Buffer<char> workspace(cuda::csr_from_coo_workspace(args));
    cuda::csr_from_coo(args, workspace.data, nullptr);
    check();
  }

  // Rows of these lengths; as many edges as they add up to.
  void cut(const std::vector<int64_t>& lengths) {
    int64_t e = 0;
    for (size_t row = 0; row < lengths.size(); ++row)
      for (int64_t i = 0; i < lengths[row]; ++i) index[e++] = static_cast<I>(row);
    sort();
  }

  bool is_bad(I row) const { return row < 0 || row >= rows; }

  void check() {
    int64_t place = 0;
    for (int64_t row = 0; row <= rows; ++row) {  // row `rows`: the bad ones
      require(rowptr[row] == static_cast<I>(place), "rowptr");
      for (int64_t e = 0; e < edges; ++e) {
        if (row == rows ? !is_bad(index[e]) : index[e] != static_cast<I>(row)) continue;
        require(perm[place] == static_cast<I>(e), "edges of a row in their order, bad ones last");
        require(col[place++] == other[e], "other is carried along");
      }
    }
    require(place == edges, "every edge has a place");
  }

  CsrGraph csr() { return {kDType<I>, rows, sources, edges, rowptr.data, col.data}; }
};

// A call of gather_segment_reduce with random values.
template <class T, class I>
struct Call {
  Graph<I>& g;
  Reduce reduce;
  int64_t heads, channels;
  bool weighted, own;
  Buffer<T> x, weight, self_weight;

  Call(Graph<I>& g, Reduce reduce, int64_t heads, int64_t head_channels, bool weighted, bool own, bool odd = false)
      : g(g),
        reduce(reduce),
        heads(heads),
        channels(heads * head_channels),
        weighted(weighted),
        own(own && g.rows == g.sources),
        x(g.sources * channels, odd),
        weight(g.edges * heads),
        self_weight(g.rows * heads) {
    const double low = reduce == Reduce::kMul ? 0.98 : -1, high = reduce == Reduce::kMul ? 1.02 : 1.1;
    fill(x, low, high);
    fill(weight, low, high);
    fill(self_weight, low, high);
  }

  void run(Buffer<T>& out) {
    const GatherSegmentReduce args{"test",
                                   "col",
                                   reduce,
                                   kDType<T>,
                                   g.csr(),
                                   channels,
                                   heads,
                                   x.data,
                                   weighted ? weight.data : nullptr,
                                   own ? self_weight.data : nullptr,
                                   out.data};
    Buffer<char> workspace(cuda::gather_segment_reduce_workspace(args));
    std::memset(workspace.data, static_cast<int>(draw(256)), workspace.count);  // what is left there has no influence
    cuda::gather_segment_reduce(args, workspace.data, nullptr);
  }
};

double combine(Reduce reduce, double a, double b) {
  switch (reduce) {
    case Reduce::kMax: return b > a ? b : a;
    case Reduce::kMin: return b < a ? b : a;
    case Reduce::kMul: return a * b;
    default: return a + b;
  }
}

// As T stores it: infinite beyond its range.
template <class T>
double stored(double value) {
  T narrow;
  store_one(&narrow, static_cast<Sum<T>>(value));
  return load_one(&narrow);
}

template <class T, class I>
void check_result(Call<T, I>& call, Buffer<T>& out) {
  Graph<I>& g = call.g;
  for (int64_t row = 0; row < g.rows; ++row)
    for (int64_t c = 0; c < call.channels; ++c) {
      const int64_t head = c / (call.channels / call.heads);
      double result = call.reduce == Reduce::kMul ? 1 : 0, size = 0;
      int64_t terms = 0;
      const auto add = [&](double value) {
        result = terms++ == 0 ? value : combine(call.reduce, result, value);
        size += std::abs(value);
      };
      for (int64_t p = g.rowptr[row]; p < g.rowptr[row + 1]; ++p) {
        const double factor = call.weighted ? load_one(&call.weight[p * call.heads + head]) : 1;
        add(factor * load_one(&call.x[g.col[p] * call.channels + c]));
      }
      if (call.own)
        add(static_cast<double>(load_one(&call.self_weight[row * call.heads + head])) *
            load_one(&call.x[row * call.channels + c]));
      if (call.reduce == Reduce::kMean && terms > 0) result /= terms;
      const double of_sum = (terms + 1) * std::numeric_limits<Sum<T>>::epsilon() * (std::abs(result) + size);
      const double of_storing = kEpsilon<T> * std::abs(result) + 0x1p-24;
      const double got = load_one(&out[row * call.channels + c]);
      require(got == stored<T>(result) || std::abs(got - result) <= 2 * of_sum + of_storing, "the reduction");
    }
}

template <class T>
void require_same_bits(Buffer<T>& a, Buffer<T>& b, const char* what) {
  require(a.count == b.count && std::memcmp(a.data, b.data, a.count * sizeof(T)) == 0, what);
}

// Whatever the grid, the order of blocks, and the place in memory.
template <class T, class I>
void check_bits(Call<T, I>& call, Buffer<T>& out) {
  Buffer<T> again(out.count, true);
  emulation::most_blocks = 1 + draw(3);
  emulation::backwards = draw(2);
  call.run(again);
  emulation::most_blocks = ~0u;
  emulation::backwards = false;
  require_same_bits(out, again, "the same bits from any grid, at any address");
}

template <class T, class I>
void check_reductions(Graph<I>& g) {
  for (Reduce reduce : {Reduce::kSum, Reduce::kMean, Reduce::kMax, Reduce::kMin, Reduce::kMul}) {
    const int64_t heads = 1 + draw(3), head_channels = draw(2) ? draw(40) : 8 * (1 + draw(5));
    Call<T, I> call(g, reduce, heads, head_channels, draw(2), draw(2), draw(4) == 0);
    Buffer<T> out(g.rows * call.channels);
    call.run(out);
    check_result(call, out);
    check_bits(call, out);
  }
}

// A tile of channels is a warp wide at most.
template <class T>
void check_wide_rows() {
  Graph<int64_t> g(7, 7, 30, 1);
  for (int64_t channels : {129, 256, 1000}) {
    Call<T, int64_t> call(g, Reduce::kMean, 1, channels, true, true);
    Buffer<T> out(g.rows * channels);
    call.run(out);
    check_result(call, out);
    check_bits(call, out);
  }
}

template <class T, class I>
void random_graphs() {
  const int64_t rows = draw(40), sources = draw(3) ? rows : draw(40) + 1;
  Graph<I> light(rows, sources, rows > 0 && sources > 0 ? draw(400) : 0, 1 + draw(3));
  check_reductions<T>(light);
  // Rows of 500 to 3000 edges, heavy and almost heavy, side by side.
  Graph<I> heavy(1 + draw(8), 9, 513 + draw(6000), 1 + draw(2));
  check_reductions<T>(heavy);
  // Rows that start and end where the windows of heavy rows' chunks do.
  const int64_t lengths[] = {0, 0, 128, 256, 512, 513, 640, 768, 1024};
  std::vector<int64_t> drawn(1 + draw(8));
  for (int64_t& length : drawn) length = lengths[draw(9)];
  Graph<I> regular(drawn.size(), 9, std::accumulate(drawn.begin(), drawn.end(), int64_t{0}), 1);
  regular.cut(drawn);
  check_reductions<T>(regular);
}

// --- hostile input
// ----------------------------------------------------------------------------------------------------

template <class I>
I hostile_number() {
  const I numbers[] = {-1, std::numeric_limits<I>::min(), std::numeric_limits<I>::max(), 1 << 20};
  return numbers[draw(4)];
}

// How many rows of out are NaN in all their channels; the others must have none.
template <class T>
std::vector<bool> nan_rows(Buffer<T>& out, int64_t rows, int64_t channels) {
  std::vector<bool> found(rows);
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t c = 0; c < channels; ++c) {
      const bool is_nan = std::isnan(load_one(&out[row * channels + c]));
      if (c == 0) found[row] = is_nan;
      require(found[row] == is_nan, "a row is NaN as a whole");
    }
  return found;
}

template <class T, class I>
void hostile_col(int64_t edges) {
  Graph<I> g(20, 20, edges, 2);
  const int64_t bad = draw(edges);
  g.col[bad] = hostile_number<I>();
  Call<T, I> call(g, static_cast<Reduce>(draw(5)), 1, 1 + draw(20), draw(2), draw(2));
  Buffer<T> out(g.rows * call.channels);
  call.run(out);
  const std::vector<bool> found = nan_rows(out, g.rows, call.channels);
  for (int64_t row = 0; row < g.rows; ++row)
    require(found[row] == (g.rowptr[row] <= bad && bad < g.rowptr[row + 1]), "the row of a bad col is NaN, no other");
}

template <class T, class I>
void hostile_rowptr(int64_t edges) {
  Graph<I> g(20, 20, edges, 2);
  g.rowptr[draw(21)] = hostile_number<I>();
  if (draw(2)) g.rowptr[draw(21)] = draw(edges);
  Call<T, I> call(g, static_cast<Reduce>(draw(5)), 1, 1 + draw(20), draw(2), draw(2));
  Buffer<T> out(g.rows * call.channels);
  call.run(out);
  bool whole = g.rowptr[0] == 0 && g.rowptr[20] == static_cast<I>(edges);
  const std::vector<bool> found = nan_rows(out, g.rows, call.channels);
  for (int64_t row = 0; row < g.rows; ++row) {
    const I begin = g.rowptr[row], end = g.rowptr[row + 1];
    const bool bad = !whole || begin < 0 || end < begin || end > static_cast<I>(edges);
    require(!bad || found[row], "a row with bad bounds is NaN");
  }
}

// A heavy row with bounds of its own, but in no place where a search in rowptr finds its chunks: light rows follow.
template <class T, class I>
void lost_heavy_row() {
  Graph<I> g(20, 20, 5000, 1);
  g.rowptr[1] = 3000;
  for (int64_t row = 2; row <= 20; ++row) g.rowptr[row] = static_cast<I>(10 + (row - 2) * 4990 / 18);
  Call<T, I> call(g, Reduce::kSum, 1, 3, false, false);
  Buffer<T> out(g.rows * 3), again(g.rows * 3);
  call.run(out);
  call.run(again);
  require_same_bits(out, again, "the same bits, also from a wrong rowptr");
  const std::vector<bool> found = nan_rows(out, 20, 3);
  require(found[0] && found[1], "a lost row is NaN, and so is one that ends before it starts");
}

// An edge without a row makes itself known in everything that is computed from the rows.
template <class T, class I>
void hostile_index() {
  Graph<I> g(20, 20, 100, 1);
  for (int64_t i = 1 + draw(3); i > 0; --i) g.index[draw(100)] = hostile_number<I>();
  g.sort();
  Call<T, I> call(g, Reduce::kSum, 1, 3, false, false);
  Buffer<T> out(g.rows * 3);
  call.run(out);
  for (bool row : nan_rows(out, 20, 3)) require(row, "rows of a graph with a lost edge are NaN");
}

// No sources, but edges; no edges, no rows, no channels.
template <class T, class I>
void nothing() {
  Graph<I> g(3, 3, 10, 1);
  g.sources = 0;
  Call<T, I> call(g, Reduce::kMax, 1, 8, true, false);
  Buffer<T> out(3 * 8);
  call.run(out);
  const std::vector<bool> found = nan_rows(out, 3, 8);
  for (int64_t row = 0; row < 3; ++row)
    require(found[row] == (g.rowptr[row] < g.rowptr[row + 1]), "nothing to refer to");
  Graph<I> no_edges(3, 3, 0, 1), no_rows(0, 0, 0, 1);
  check_reductions<T>(no_edges);
  check_reductions<T>(no_rows);
  Call<T, I> no_channels(no_edges, Reduce::kSum, 1, 0, true, true);
  Buffer<T> empty(0);
  no_channels.run(empty);
}

template <class I>
int64_t count(std::vector<I> batch) {
  Buffer<I> nodes(batch.size());
  std::copy(batch.begin(), batch.end(), nodes.data);
  Buffer<char> workspace(cuda::kCountGraphsWorkspace);
  return cuda::count_graphs(kDType<I>, nodes.data, nodes.count, workspace.data, nullptr);
}

template <class I>
void require_refused(std::vector<I> batch, const char* expected) {
  try {
    count<I>(batch);
  } catch (const std::out_of_range& error) {
    return require(std::string(error.what()).find(expected) != std::string::npos, error.what());
  }
  require(false, expected);
}

template <class I>
void check_count() {
  std::vector<I> many(10000);
  for (I& graph : many) graph = static_cast<I>(draw(900));
  many[draw(10000)] = 950;
  require(count<I>(many) == 951 && count<I>({}) == 0 && count<I>({0, 0}) == 1, "the number of graphs");
  many[7000] = many[9000] = -5;
  require_refused<I>(many, "'batch'[7000] is -5, it must not be negative");
  require_refused<I>({0, std::numeric_limits<I>::max()}, "the largest possible for 2 nodes is 67108863");
}

template <class T, class I>
void round_of_checks() {
  random_graphs<T, I>();
  hostile_col<T, I>(100);
  hostile_col<T, I>(5000);
  hostile_rowptr<T, I>(100);
  hostile_rowptr<T, I>(5000);
  hostile_index<T, I>();
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 10;
  for (int i = 0; i < rounds; ++i) {
    round_of_checks<float, int64_t>();
    round_of_checks<double, int32_t>();
    round_of_checks<Half, int32_t>();
    round_of_checks<BFloat16, int64_t>();
  }
  nothing<float, int32_t>();
  nothing<Half, int64_t>();
  lost_heavy_row<float, int32_t>();
  lost_heavy_row<BFloat16, int64_t>();
  check_wide_rows<float>();
  check_wide_rows<Half>();
  check_count<int32_t>();
  check_count<int64_t>();
  std::printf("%d rounds passed, %lld launches\n", rounds, static_cast<long long>(emulation::launches));
}
