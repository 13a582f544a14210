// The rows of a graph as kernels walk them: checked, and cut into tasks of equal work.
#pragma once

#include <atomic>
#include <cstdint>

#include "../parallel.h"
#include "balance.h"
#include "isa.h"
#include "validate.h"

// A namespace per instruction set: the linker must not hand one set's copy of a function to another's callers.
namespace geocompile::cpu::GEOCOMPILE_ISA {

// rowptr or col, of either dtype. The branch in a read costs nothing beside a row of channels; code for each dtype
// would double the library.
class Indices {
 public:
  Indices(DType dtype, const void* data) : data_(data), narrow_(dtype == DType::kInt32) {}

  explicit operator bool() const { return data_ != nullptr; }

  [[gnu::always_inline]] int64_t operator[](int64_t at) const {
    return narrow_ ? static_cast<const int32_t*>(data_)[at] : static_cast<const int64_t*>(data_)[at];
  }

 private:
  const void* data_;
  bool narrow_;
};

struct Rows {
  Indices rowptr, col;

  explicit Rows(const CsrGraph& graph) : rowptr(graph.index, graph.rowptr), col(graph.index, graph.col) {}

  [[gnu::always_inline]] int64_t source(int64_t p) const { return col ? col[p] : p; }
  int64_t begin(int64_t row) const { return rowptr[row]; }
  int64_t end(int64_t row) const { return rowptr[row + 1]; }
  int64_t degree(int64_t row) const { return end(row) - begin(row); }
};

// Calls body(begin, end) for blocks of rows of about equal work, after checking rowptr and, block by block, col. The
// work of one edge or row is `cost` multiply-adds. Throws for the first bad col once all blocks are done.
template <class I, class Body>
static inline void for_blocks_of_rows_in(const char* op, const char* col_name, const CsrGraph& graph, int64_t cost,
                                         const Parallel& parallel, const Body& body) {
  const I* rowptr = static_cast<const I*>(graph.rowptr);
  const I* col = static_cast<const I*>(graph.col);
  check_ptr(op, kRowptr, rowptr, graph.num_rows, graph.num_edges);
  if (!col && graph.num_edges > graph.num_sources)
    throw_bad_ptr(op, kRowptr, rowptr, graph.num_rows, graph.num_sources);
  const int64_t tasks = task_count((graph.num_edges + graph.num_rows) * cost, parallel.threads());
  std::atomic<bool> bad{false};
  parallel(tasks, [&](int64_t task) {
    const int64_t begin = first_row(rowptr, graph.num_rows, task, tasks);
    const int64_t end = first_row(rowptr, graph.num_rows, task + 1, tasks);
    if (col && !all_below(col, rowptr[begin], rowptr[end], graph.num_sources)) {
      bad = true;
    } else {
      body(begin, end);
    }
  });
  if (bad) throw_bad_index(op, col_name, col, graph.num_edges, graph.num_sources);
}

template <class Body>
static inline void for_blocks_of_rows(const char* op, const char* col_name, const CsrGraph& graph, int64_t cost,
                                      const Parallel& parallel, const Body& body) {
  graph.index == DType::kInt32 ? for_blocks_of_rows_in<int32_t>(op, col_name, graph, cost, parallel, body)
                               : for_blocks_of_rows_in<int64_t>(op, col_name, graph, cost, parallel, body);
}

}  // namespace geocompile::cpu::GEOCOMPILE_ISA
