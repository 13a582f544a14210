// Two stable counting sorts, by column and then by row. What an edge carries from one to the other is packed into 64
// bits, so that nothing is gathered at random.
#include "../coalesce.h"

#include <algorithm>
#include <atomic>
#include <type_traits>
#include <utility>

#include "../csr_from_coo.h"
#include "balance.h"
#include "validate.h"

namespace geocompile::cpu {
namespace {

size_t aligned(size_t bytes) { return (bytes + 63) / 64 * 64; }

int64_t packed(int64_t high, int64_t low) { return high << 32 | low; }
int64_t high_of(int64_t pair) { return pair >> 32; }
int64_t low_of(int64_t pair) { return pair & 0xffffffff; }

// The workspace. In the end `sorted` holds (column, number) of each edge in order, and rowptr where each row begins.
struct Memory {
  int64_t *rowptr, *keys, *pairs, *places, *sorted, *counts;
  char* sorting;
  size_t bytes;

  Memory(const Coalesce& args, void* workspace, int64_t threads) {
    auto* at = static_cast<char*>(workspace);
    const auto take = [&](int64_t count) {
      auto* taken = reinterpret_cast<int64_t*>(at);
      at += aligned(count * sizeof(int64_t));
      return taken;
    };
    rowptr = take(args.num_nodes + 1);
    keys = take(args.num_edges);
    pairs = take(args.num_edges);
    places = take(args.num_edges);
    sorted = take(args.num_edges);
    counts = take(tasks(args, threads) + 1);
    sorting = at;
    bytes = static_cast<size_t>(at - static_cast<char*>(workspace)) +
            csr_from_coo_workspace(sort_of(args, nullptr, nullptr, nullptr, nullptr, nullptr), threads);
  }

  static int64_t tasks(const Coalesce& args, int64_t threads) {
    return task_count(args.num_edges + args.num_nodes, threads);
  }

  static CsrFromCoo sort_of(const Coalesce& args, const void* index, const void* other, void* rowptr, void* perm,
                            void* sorted) {
    static const int64_t nothing = 0;  // an `other` that is there, where only the sizes are asked for
    return {args.op, "edge_index", DType::kInt64, args.num_edges, args.num_nodes, index, index ? other : &nothing,
            rowptr,  perm,         sorted};
  }
};

template <class I>
struct Edges {
  const Coalesce& args;
  const Memory& m;
  const Parallel& parallel;
  const I* row = static_cast<const I*>(args.edge_index);
  const I* col = row + args.num_edges;
  int64_t tasks = Memory::tasks(args, parallel.threads());

  void check() const {
    const int64_t values = 2 * args.num_edges;
    std::atomic<bool> bad{false};
    parallel(tasks, [&](int64_t task) {
      if (!all_below(row, values * task / tasks, values * (task + 1) / tasks, args.num_nodes)) bad = true;
    });
    if (!bad) return;
    const bool in_rows = !all_below(row, 0, args.num_edges, args.num_nodes);
    throw_bad_index(args.op, in_rows ? "edge_index[0]" : "edge_index[1]", in_rows ? row : col, args.num_edges,
                    args.num_nodes);
  }

  template <class Body>
  void for_edges(const Body& body) const {
    parallel(tasks, [&](int64_t task) {
      for (int64_t p = args.num_edges * task / tasks; p < args.num_edges * (task + 1) / tasks; ++p) body(p);
    });
  }

  void sort_by_keys() const {
    csr_from_coo(Memory::sort_of(args, m.keys, m.pairs, m.rowptr, m.places, m.sorted), m.sorting, parallel);
  }

  void sort() const {
    for_edges([&](int64_t e) {
      m.keys[e] = col[e];
      m.pairs[e] = packed(row[e], col[e]);
    });
    sort_by_keys();
    for_edges([&](int64_t p) {
      m.keys[p] = high_of(m.sorted[p]);
      m.pairs[p] = packed(low_of(m.sorted[p]), m.places[p]);
    });
    sort_by_keys();
  }

  // Calls body(row, place) for the first of each group of equal edges among the rows of a task.
  template <class Body>
  void for_unique(int64_t task, const Body& body) const {
    const int64_t last = first_row(m.rowptr, args.num_nodes, task + 1, tasks);
    for (int64_t r = first_row(m.rowptr, args.num_nodes, task, tasks); r < last; ++r)
      for (int64_t p = m.rowptr[r]; p < m.rowptr[r + 1]; ++p)
        if (p == m.rowptr[r] || high_of(m.sorted[p]) != high_of(m.sorted[p - 1])) body(r, p);
  }

  // counts[task] becomes the number of unique edges before those of the task.
  int64_t count() const {
    parallel(tasks, [&](int64_t task) {
      int64_t unique = 0;
      for_unique(task, [&](int64_t, int64_t) { ++unique; });
      m.counts[task] = unique;
    });
    int64_t all = 0;
    for (int64_t task = 0; task < tasks; ++task) all += std::exchange(m.counts[task], all);
    return all;
  }

  void fill(int64_t num_unique, I* out, I* ptr, I* perm) const {
    parallel(tasks, [&](int64_t task) {
      int64_t u = m.counts[task];
      for_unique(task, [&](int64_t r, int64_t p) {
        out[u] = static_cast<I>(r);
        out[num_unique + u] = static_cast<I>(high_of(m.sorted[p]));
        ptr[u++] = static_cast<I>(p);
      });
    });
    ptr[num_unique] = static_cast<I>(args.num_edges);
    for_edges([&](int64_t p) { perm[p] = static_cast<I>(low_of(m.sorted[p])); });
  }
};

}  // namespace

size_t coalesce_workspace(const Coalesce& args, int64_t threads) { return Memory(args, nullptr, threads).bytes; }

int64_t coalesce_sort(const Coalesce& args, void* workspace, const Parallel& parallel) {
  const Memory memory(args, workspace, parallel.threads());
  const auto run = [&](const auto& edges) {
    edges.check();
    edges.sort();
    return edges.count();
  };
  return args.index == DType::kInt32 ? run(Edges<int32_t>{args, memory, parallel})
                                     : run(Edges<int64_t>{args, memory, parallel});
}

void coalesce_fill(const Coalesce& args, void* workspace, int64_t num_unique, void* out, void* ptr, void* perm,
                   const Parallel& parallel) {
  const Memory memory(args, workspace, parallel.threads());
  const auto run = [&](const auto& edges, auto* typed) {
    using I = std::remove_pointer_t<decltype(typed)>;
    edges.fill(num_unique, static_cast<I*>(out), static_cast<I*>(ptr), static_cast<I*>(perm));
  };
  args.index == DType::kInt32 ? run(Edges<int32_t>{args, memory, parallel}, static_cast<int32_t*>(nullptr))
                              : run(Edges<int64_t>{args, memory, parallel}, static_cast<int64_t*>(nullptr));
}

}  // namespace geocompile::cpu
