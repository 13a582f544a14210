#include "testing.h"

#include <cstdio>
#include <cstdlib>
#include <random>
#include <thread>

#include "kernels/csr_from_coo.h"

namespace testing {
namespace {

std::mt19937_64 generator(1234);

struct Listed {
  void (*round)();
  void (*once)();
};

std::vector<Listed>& families() {
  static std::vector<Listed> all;
  return all;
}

// The value of `fraction_bits` + exponent + sign packed as IEEE packs them.
double unpack(uint16_t bits, int fraction_bits, int bias) {
  const int exponent = (bits & 0x7fff) >> fraction_bits, all_ones = 0x7fff >> fraction_bits;
  const double fraction = std::ldexp(bits & ((1 << fraction_bits) - 1), -fraction_bits), sign = bits >> 15 ? -1 : 1;
  if (exponent == all_ones) return fraction == 0 ? sign * INFINITY : NAN;
  return sign * (exponent == 0 ? std::ldexp(fraction, 1 - bias) : std::ldexp(1 + fraction, exponent - bias));
}

// Rounds |value| to a multiple of the unit in its last place, then packs it.
uint16_t pack(double value, int fraction_bits, int bias) {
  const uint16_t sign = std::signbit(value) ? 0x8000 : 0, infinity = static_cast<uint16_t>(0x7fff >> fraction_bits)
                                                                     << fraction_bits;
  if (std::isnan(value)) return infinity | 1 << (fraction_bits - 1);
  if (value == 0) return sign;
  if (std::isinf(value)) return sign | infinity;
  int exponent;
  std::frexp(value, &exponent);
  exponent = std::max(exponent - 1, 1 - bias);
  double steps = std::nearbyint(std::ldexp(std::fabs(value), fraction_bits - exponent));
  if (steps >= std::ldexp(1, fraction_bits + 1)) {
    steps /= 2;
    ++exponent;
  }
  if (exponent > bias) return sign | infinity;
  const bool normal = steps >= std::ldexp(1, fraction_bits);
  const auto fraction = static_cast<uint16_t>(steps - (normal ? std::ldexp(1, fraction_bits) : 0));
  return sign | static_cast<uint16_t>((normal ? exponent + bias : 0) << fraction_bits) | fraction;
}

}  // namespace

Family::Family(void (*round)(), void (*once)()) { families().push_back({round, once}); }

uint64_t random_bits() { return generator(); }

int64_t draw(int64_t below) { return below > 0 ? static_cast<int64_t>(generator() % below) : 0; }

double draw_between(double a, double b) { return std::uniform_real_distribution<double>(a, b)(generator); }

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

double value_of(Half number) { return unpack(number.bits, 10, 15); }
double value_of(BFloat16 number) { return unpack(number.bits, 7, 127); }

template <>
float nearest(double value) {
  return static_cast<float>(value);
}
template <>
double nearest(double value) {
  return value;
}
template <>
Half nearest(double value) {
  return {pack(value, 10, 15)};
}
template <>
BFloat16 nearest(double value) {
  return {pack(value, 7, 127)};
}

template <class I>
Graph<I>::Graph(int64_t rows, int64_t sources, int64_t edges, double skew)
    : rows(rows),
      sources(sources),
      edges(edges),
      index(edges),
      other(edges),
      rowptr(rows + 1),
      perm(edges),
      col(edges) {
  for (int64_t e = 0; e < edges; ++e) {
    index[e] = static_cast<I>(std::pow(draw_between(0, 1), skew) * rows);
    other[e] = static_cast<I>(draw(sources));
  }
  geocompile::CsrFromCoo args{"csr_from_coo", "index",    dtype_of<I>, edges,     rows,
                              index.data,     other.data, rowptr.data, perm.data, col.data};
  const Parallel parallel = threads(1 + draw(4));
  Buffer<char> workspace(geocompile::cpu::csr_from_coo_workspace(args, parallel.threads()));
  geocompile::cpu::csr_from_coo(args, workspace.data, parallel);
  require(rowptr[0] == 0 && rowptr[rows] == static_cast<I>(edges), "rowptr spans the edges");
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t p = rowptr[row]; p < rowptr[row + 1]; ++p) {
      require(index[perm[p]] == static_cast<I>(row), "an edge stands in its row");
      require(col[p] == other[perm[p]], "other is carried along");
      require(p == rowptr[row] || perm[p - 1] < perm[p], "the sort is stable");
    }
}

template struct Graph<int32_t>;
template struct Graph<int64_t>;

}  // namespace testing

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 100;
  for (int i = 0; i < rounds; ++i)
    for (const auto& family : testing::families()) family.round();
  for (const auto& family : testing::families()) family.once();
  std::printf("%d rounds passed\n", rounds);
}
