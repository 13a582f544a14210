// Products of dense blocks: a tile of the result stands in registers while its sums run over the steps, in their order.
// An element has the same terms in the same order wherever its tile begins, so cuts into tiles change no bits.
#pragma once

#include <cstdint>
#include <type_traits>
#include <utility>

#include "simd.h"

namespace geocompile::cpu::GEOCOMPILE_ISA {

// With two vectors in each row, three quarters of the registers hold sums; the rest a row of b and an element of a.
constexpr int kTileRows = GEOCOMPILE_VECTOR_REGISTERS * 3 / 8;
template <class A>
using TileVector = typename Vector<A, GEOCOMPILE_VECTOR_BYTES>::type;
template <class A>
constexpr int kTileLanes = lanes_of<TileVector<A>>;
template <class A>
constexpr int kTileColumns = 2 * kTileLanes<A>;
constexpr int64_t kLine = 64;  // bytes; a vector that lies across two lines costs two loads

// The sums over `steps`. An element of a is a[row * a_stride + step], transposed a[step * a_stride + row].
template <class A>
struct TileProduct {
  const A* a;
  int64_t a_stride;
  const A* b;  // [steps, b_stride]
  int64_t b_stride;
  int64_t steps;
};

template <class A, bool kTransposed, int kRows, int kVectors>
static void multiply_tile(const TileProduct<A>& product, A* c, int64_t c_stride, bool add) {
  using V = TileVector<A>;
  constexpr int kNear = 3;  // rows that one pointer reaches: addresses have the factors 1 and 2, and registers are few
  constexpr int kPointers = (kRows + kNear - 1) / kNear;
  V sum[kRows][kVectors] = {};
  const A *a[kPointers], *b = product.b;
  const int64_t stride = product.a_stride, a_row = kTransposed ? 1 : stride, a_step = kTransposed ? stride : 1;
  for (int p = 0; p < kPointers; ++p) a[p] = product.a + p * kNear * a_row;
  for (int64_t step = 0; step < product.steps; ++step, b += product.b_stride) {
    V right[kVectors];
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) right[v] = load<V>(b + v * kTileLanes<A>);
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      const V left = splat<V>(a[r / kNear][r % kNear * a_row]);
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) sum[r][v] += left * right[v];
    }
#pragma GCC unroll 8
    for (int p = 0; p < kPointers; ++p) a[p] += a_step;
  }
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) {
      A* to = c + r * c_stride + v * kTileLanes<A>;
      store(to, add ? load<V>(to) + sum[r][v] : sum[r][v]);
    }
}

template <class A>
using Tile = void (*)(const TileProduct<A>&, A* c, int64_t c_stride, bool add);

template <class A, bool kTransposed, int... kRow>
static inline Tile<A> tile_of(int64_t rows, bool two_vectors, std::integer_sequence<int, kRow...>) {
  static constexpr Tile<A> kOne[] = {multiply_tile<A, kTransposed, kRow + 1, 1>...};
  static constexpr Tile<A> kTwo[] = {multiply_tile<A, kTransposed, kRow + 1, 2>...};
  return (two_vectors ? kTwo : kOne)[rows - 1];
}

// The same for any number of rows, and for up to kTileColumns columns: whole vectors of b are read and of c written.
template <bool kTransposed, class A>
static inline void multiply_rows(TileProduct<A> product, int64_t rows, int64_t columns, A* c, int64_t c_stride,
                                 bool add) {
  for (int64_t row = 0; row < rows; row += kTileRows) {
    const int64_t count = rows - row < kTileRows ? rows - row : kTileRows;
    tile_of<A, kTransposed>(count, columns > kTileLanes<A>, std::make_integer_sequence<int, kTileRows>())(
        product, c + row * c_stride, c_stride, add);
    product.a += kTileRows * (kTransposed ? 1 : product.a_stride);
  }
}

// `count` values in the type of their sums.
template <class T>
static inline void widen_to(Sum<T>* to, const T* from, int64_t count) {
  using V = TileVector<Sum<T>>;
  int64_t i = 0;
  for (; i + lanes_of<V> <= count; i += lanes_of<V>) store(to + i, load<V>(from + i));
  for (; i < count; ++i) to[i] = load_one(from + i);
}

template <class T>
static inline void narrow_to(T* to, const Sum<T>* from, int64_t count) {
  using V = TileVector<Sum<T>>;
  int64_t i = 0;
  for (; i + lanes_of<V> <= count; i += lanes_of<V>) store(to + i, load<V>(from + i));
  for (; i < count; ++i) store_one(to + i, from[i]);
}

// A panel [steps, kTileColumns] of a matrix: side by side what the steps of a tile read. Columns that are not are 0.
template <class T>
static inline void pack_panel(Sum<T>* to, const T* from, int64_t stride, int64_t steps, int64_t columns) {
  constexpr int64_t kColumns = kTileColumns<Sum<T>>;
  for (int64_t step = 0; step < steps; ++step, from += stride, to += kColumns) {
    widen_to(to, from, columns == kColumns ? kColumns : columns);  // the usual count is known to the compiler
    for (int64_t c = columns; c < kColumns; ++c) to[c] = 0;
  }
}

}  // namespace geocompile::cpu::GEOCOMPILE_ISA
