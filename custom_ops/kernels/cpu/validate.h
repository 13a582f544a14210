// Reads of rowptr and col, which a kernel must not trust, and the errors that name the first bad one.
#pragma once

#include <cstdint>

#include "../csr_graph.h"

namespace geocompile::cpu {

// Out of line, and compiled for the plain instruction set: also kernels built for newer ones call these.
template <class I>
[[noreturn]] void throw_bad_index(const char* op, const char* argument, const I* values, int64_t count, int64_t limit);
template <class I>
[[noreturn]] void throw_bad_rowptr(const char* op, const I* rowptr, int64_t num_rows, int64_t num_edges);

// Functions in headers are static: the linker must not hand one instruction set's copy to another's callers.
template <class I>
static inline bool all_below(const I* values, int64_t begin, int64_t end, int64_t limit) {
  bool bad = false;
  for (int64_t p = begin; p < end; ++p)
    bad |= static_cast<uint64_t>(static_cast<int64_t>(values[p])) >= static_cast<uint64_t>(limit);
  return !bad;
}

// rowptr must start at 0, never decrease, and end at num_edges.
template <class I>
static inline void check_rowptr(const char* op, const I* rowptr, int64_t num_rows, int64_t num_edges) {
  bool bad = rowptr[0] != 0 || static_cast<int64_t>(rowptr[num_rows]) != num_edges;
  for (int64_t i = 0; i < num_rows; ++i) bad |= rowptr[i + 1] < rowptr[i];
  if (bad) throw_bad_rowptr(op, rowptr, num_rows, num_edges);
}

}  // namespace geocompile::cpu
