// Rows so long that several threads share one: cut into chunks of fixed length, counted from the row's own start, so
// that neither the number of threads nor the row's place in the graph shows in the result.
#pragma once

#include <cstddef>
#include <cstdint>

#include "../parallel.h"
#include "rows.h"

// A namespace per instruction set: the linker must not hand one set's copy of a function to another's callers.
namespace geocompile::cpu::GEOCOMPILE_ISA {

constexpr int64_t kHeavyRow = 8192;  // a row of more edges than this is cut
constexpr int64_t kChunk = 4096;

// The heavy rows of a graph in a workspace: their numbers, the first chunk of each, and `width` values of type A for
// each chunk.
template <class A>
class HeavyRows {
 public:
  static size_t bytes(int64_t num_edges, int64_t width) {
    const int64_t rows = most_rows(num_edges);
    return rows == 0 ? 0 : sizeof(int64_t) * (2 * rows + 1) + sizeof(A) * (num_edges / kChunk + rows) * width;
  }

  HeavyRows(const Rows& rows, int64_t num_rows, int64_t num_edges, int64_t width, void* workspace)
      : width_(width), rows_(static_cast<int64_t*>(workspace)) {
    const int64_t most = most_rows(num_edges);
    if (most == 0) return;
    first_chunk_ = rows_ + most;
    partial_ = reinterpret_cast<A*>(first_chunk_ + most + 1);
    for (int64_t row = 0; row < num_rows; ++row) {
      const int64_t degree = rows.degree(row);
      if (degree <= kHeavyRow) continue;
      rows_[count_] = row;
      first_chunk_[count_++] = chunks_;
      chunks_ += (degree + kChunk - 1) / kChunk;
    }
    first_chunk_[count_] = chunks_;
  }

  // Calls body(row, begin, end, partial) for every chunk: edges [begin, end) of the row, from the row's own start.
  template <class Body>
  void for_each_chunk(const Parallel& parallel, const Body& body) const {
    parallel(chunks_, [&](int64_t chunk) {
      int64_t h = 0;
      while (first_chunk_[h + 1] <= chunk) ++h;
      const int64_t begin = (chunk - first_chunk_[h]) * kChunk;
      body(rows_[h], begin, begin + kChunk, partial_ + chunk * width_);
    });
  }

  // Calls body(row, partials, chunks) for every heavy row; the chunks' results stand one after the other.
  template <class Body>
  void for_each_row(const Parallel& parallel, const Body& body) const {
    parallel(count_, [&](int64_t h) {
      body(rows_[h], partial_ + first_chunk_[h] * width_, first_chunk_[h + 1] - first_chunk_[h]);
    });
  }

 private:
  static int64_t most_rows(int64_t num_edges) { return num_edges / (kHeavyRow + 1); }

  int64_t width_, count_ = 0, chunks_ = 0;
  int64_t* rows_;
  int64_t* first_chunk_ = nullptr;
  A* partial_ = nullptr;
};

}  // namespace geocompile::cpu::GEOCOMPILE_ISA
