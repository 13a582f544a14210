// What the tests of kernels share. Every buffer is exactly as large as the kernel may use, so that the address
// sanitizer sees the first byte beyond.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <vector>

#include "kernels/csr_graph.h"
#include "kernels/parallel.h"
#include "kernels/tensor_info.h"

namespace testing {

using geocompile::CsrGraph;
using geocompile::DType;
using geocompile::Parallel;

// A family of kernels: `round` runs many times on random input, `once` where size or range makes a test slow.
struct Family {
  Family(void (*round)(), void (*once)());
};

uint64_t random_bits();
int64_t draw(int64_t below);              // in [0, below), 0 if there is nothing to draw from
double draw_between(double a, double b);  // uniform
Parallel threads(int64_t count);          // real threads, one per task: the thread sanitizer would see a race
void require(bool condition, const char* what);

// --- element types ---------------------------------------------------------------------------------------------------

struct Half {
  uint16_t bits = 0;
};

struct BFloat16 {
  uint16_t bits = 0;
};

template <class T>
constexpr DType dtype_of;
template <>
inline constexpr DType dtype_of<float> = DType::kFloat32;
template <>
inline constexpr DType dtype_of<double> = DType::kFloat64;
template <>
inline constexpr DType dtype_of<Half> = DType::kFloat16;
template <>
inline constexpr DType dtype_of<BFloat16> = DType::kBFloat16;
template <>
inline constexpr DType dtype_of<int32_t> = DType::kInt32;
template <>
inline constexpr DType dtype_of<int64_t> = DType::kInt64;

// Twice the largest relative error of rounding to T, and that of T's sums.
template <class T>
constexpr double unit_of = std::numeric_limits<T>::epsilon();
template <>
inline constexpr double unit_of<Half> = 0x1p-10;
template <>
inline constexpr double unit_of<BFloat16> = 0x1p-7;
template <class T>
constexpr double sum_unit_of = std::is_same_v<T, double> ? 0x1p-52 : 0x1p-23;

// A number from its definition, sign (1 + fraction) 2^exponent, not from the kernels' conversion.
double value_of(Half number);
double value_of(BFloat16 number);
template <class T>
double value_of(T number) {
  return static_cast<double>(number);
}

template <class T>
T nearest(double value);  // rounded to nearest, ties to even

// --- memory and graphs -----------------------------------------------------------------------------------------------

// A heap block of exactly this size; std::vector may round up.
template <class T>
struct Buffer {
  explicit Buffer(int64_t count) : count(count), data(new T[count]) {}
  ~Buffer() { delete[] data; }
  Buffer(const Buffer&) = delete;
  T& operator[](int64_t i) { return data[i]; }
  void fill(double low, double high) {
    for (int64_t i = 0; i < count; ++i) data[i] = nearest<T>(draw_between(low, high));
  }
  int64_t count;
  T* data;
};

// A random graph, made into compressed rows by the kernel under test and checked against what that means.
template <class I>
struct Graph {
  int64_t rows, sources, edges;
  Buffer<I> index, other, rowptr, perm, col;

  Graph(int64_t rows, int64_t sources, int64_t edges, double skew);
  static Graph random() {
    const int64_t rows = draw(40), sources = draw(3) ? rows : draw(40) + 1;
    return Graph(rows, sources, rows > 0 && sources > 0 ? draw(400) : 0, 1 + draw(3));
  }
  CsrGraph csr() const { return {dtype_of<I>, rows, sources, edges, rowptr.data, col.data}; }
  bool is_square() const { return rows == sources; }
};

template <class Body>
void must_refuse(Body body, const char* what) {
  try {
    body();
  } catch (const std::out_of_range&) {
    return;
  }
  require(false, what);
}

}  // namespace testing
