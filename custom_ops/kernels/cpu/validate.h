// Reads of indices and of where rows begin, which a kernel must not trust, and the errors that name the first bad one.
#pragma once

#include <atomic>
#include <cstdint>

#include "../csr_graph.h"
#include "../parallel.h"
#include "balance.h"

namespace geocompile::cpu {

// What ptr, or rowptr, is called and what it cuts: edges into the rows of a graph, nodes into graphs.
struct PtrNames {
  const char *ptr, *items, *group;
};

// Out of line, and compiled for the plain instruction set: also kernels built for newer ones call these.
template <class I>
[[noreturn]] void throw_bad_index(const char* op, const char* argument, const I* values, int64_t count, int64_t limit);
template <class I>
[[noreturn]] void throw_bad_ptr(const char* op, const PtrNames& names, const I* ptr, int64_t num_groups,
                                int64_t num_items);

// Functions in headers are static: the linker must not hand one instruction set's copy to another's callers.
template <class I>
static inline bool all_below(const I* values, int64_t begin, int64_t end, int64_t limit) {
  bool bad = false;
  for (int64_t p = begin; p < end; ++p)
    bad |= static_cast<uint64_t>(static_cast<int64_t>(values[p])) >= static_cast<uint64_t>(limit);
  return !bad;
}

// values must be in [0, limit).
template <class I>
static inline void check_indices(const char* op, const char* argument, const I* values, int64_t count, int64_t limit,
                                 const Parallel& parallel) {
  constexpr int64_t kSmallest = 1 << 16;
  std::atomic<bool> bad{false};
  for_pieces(count, task_count(count, parallel.threads(), kSmallest), parallel,
             [&](int64_t, int64_t begin, int64_t end) {
               if (!all_below(values, begin, end, limit)) bad = true;
             });
  if (bad) throw_bad_index(op, argument, values, count, limit);
}

// ptr must start at 0, never decrease, and end at num_items.
template <class I>
static inline void check_ptr(const char* op, const PtrNames& names, const I* ptr, int64_t num_groups,
                             int64_t num_items) {
  bool bad = ptr[0] != 0 || static_cast<int64_t>(ptr[num_groups]) != num_items;
  for (int64_t i = 0; i < num_groups; ++i) bad |= ptr[i + 1] < ptr[i];
  if (bad) throw_bad_ptr(op, names, ptr, num_groups, num_items);
}

// batch, the graph of each node, must never fall and be in [0, num_graphs).
void check_batch(const char* op, const char* argument, DType dtype, const void* batch, int64_t num_nodes,
                 int64_t num_graphs);

constexpr PtrNames kRowptr{"rowptr", "edges", "row"};
constexpr PtrNames kGraphPtr{"ptr", "nodes", "graph"};
constexpr PtrNames kGroupPtr{"ptr", "rows", "group"};

}  // namespace geocompile::cpu
