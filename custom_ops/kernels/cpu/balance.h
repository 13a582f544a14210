// Cuts rows into tasks of equal work, by edges and not by rows: power-law graphs have rows of every length.
#pragma once

#include <cstdint>

namespace geocompile::cpu {

// The first row of task `task` of `tasks`: work counts one per edge and one per row.
template <class I>
static inline int64_t first_row(const I* rowptr, int64_t num_rows, int64_t task, int64_t tasks) {
  if (task == tasks) return num_rows;
  const int64_t total = static_cast<int64_t>(rowptr[num_rows]) + num_rows;
  const int64_t target = total / tasks * task + total % tasks * task / tasks;
  int64_t low = 0, high = num_rows;
  while (low < high) {
    const int64_t middle = low + (high - low) / 2;
    if (static_cast<int64_t>(rowptr[middle]) + middle < target) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

// Few large tasks per thread: enough to even out what the cut by edges leaves, and one for a tiny graph.
static inline int64_t task_count(int64_t work, int64_t threads) {
  constexpr int64_t kSmallestTask = 8192;  // multiply-adds; below it, starting a thread costs more than it brings
  const int64_t wanted = work / kSmallestTask, most = 4 * threads;
  return wanted < 1 ? 1 : wanted > most ? most : wanted;
}

}  // namespace geocompile::cpu
