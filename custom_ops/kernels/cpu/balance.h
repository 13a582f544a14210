// Cuts work into tasks: items into equal pieces; rows by edges, as power-law graphs have rows of every length.
#pragma once

#include <cstdint>

#include "../parallel.h"

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

// Few large tasks per thread: enough to even out what the cut by edges leaves, and one for a tiny graph. Work is
// counted in multiply-adds; below `smallest`, starting a thread costs more than it brings.
static inline int64_t task_count(int64_t work, int64_t threads, int64_t smallest = 8192) {
  const int64_t wanted = work / smallest, most = 4 * threads;
  return wanted < 1 ? 1 : wanted > most ? most : wanted;
}

// The first item of piece `task` of [0, count), which is cut into `tasks` pieces; none is longer by more than one.
static inline int64_t first_item(int64_t count, int64_t task, int64_t tasks) {
  const int64_t longer = count % tasks;
  return count / tasks * task + (task < longer ? task : longer);
}

// Calls body(task, begin, end) for `tasks` pieces of [0, count).
template <class Body>
static inline void for_pieces(int64_t count, int64_t tasks, const Parallel& parallel, const Body& body) {
  parallel(tasks,
           [&](int64_t task) { body(task, first_item(count, task, tasks), first_item(count, task + 1, tasks)); });
}

}  // namespace geocompile::cpu
