// Two stable counting sorts, by column and then by row. What an edge carries from one to the other is packed into 64
// bits, so that nothing is gathered at random. Of many more nodes than edges those with edges are numbered anew first,
// so that neither time nor memory grows with the rest.
#include "../coalesce.h"

#include <algorithm>
#include <type_traits>
#include <utility>

#include "../consecutive.h"
#include "../csr_from_coo.h"
#include "balance.h"
#include "numbers.h"
#include "validate.h"
#include "workspace.h"

namespace geocompile::cpu {
namespace {

using namespace GEOCOMPILE_ISA;

int64_t packed(int64_t high, int64_t low) { return high << 32 | low; }
int64_t high_of(int64_t pair) { return pair >> 32; }
int64_t low_of(int64_t pair) { return pair & 0xffffffff; }

// The workspace. In the end `sorted` holds (column, number) of each edge in order, and rowptr where each row begins.
struct Memory {
  int64_t *rowptr, *keys, *pairs, *places, *sorted, *counts;
  char* sorting;

  Memory(const Coalesce& args, Parts& parts, int64_t threads) {
    rowptr = parts.take<int64_t>(args.num_nodes + 1);
    keys = parts.take<int64_t>(args.num_edges);
    pairs = parts.take<int64_t>(args.num_edges);
    places = parts.take<int64_t>(args.num_edges);
    sorted = parts.take<int64_t>(args.num_edges);
    counts = parts.take<int64_t>(tasks(args, threads) + 1);
    sorting =
        parts.take<char>(csr_from_coo_workspace(sort_of(args, nullptr, nullptr, nullptr, nullptr, nullptr), threads));
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

// The nodes that have edges, numbered 0, 1, ... in their order, where that is worth it.
struct Renumbered {
  Consecutive ids;
  Coalesce edges;  // between the new numbers, or as they were
  int64_t* numbers;
  void* nodes;
  int64_t* firsts;
  char* numbering;

  Renumbered(const Coalesce& args, Parts& parts)
      : ids{args.op, args.index, 2 * args.num_edges, args.edge_index}, edges(args), numbers(nullptr) {
    if (!is_sparse(args)) return;
    numbers = parts.take<int64_t>(ids.count);
    nodes = parts.take<char>(ids.count * size_of(args.index));
    firsts = parts.take<int64_t>(ids.count);
    numbering = parts.take<char>(consecutive_workspace(ids));
    edges = {args.op, DType::kInt64, args.num_edges, ids.count, numbers};
  }

  static bool is_sparse(const Coalesce& args) {
    constexpr int64_t kFewNodes = 1 << 16, kNodesForEachEdge = 16;
    return args.num_edges < int64_t{1} << 30 && args.num_nodes > kFewNodes + kNodesForEachEdge * args.num_edges;
  }

  explicit operator bool() const { return numbers != nullptr; }

  void run() const {
    const int64_t unique = consecutive_number(ids, numbering, numbers);
    consecutive_list(ids, numbering, unique, nodes, firsts);
  }
};

// The workspace.
struct Workspace {
  Parts parts;
  Renumbered renumbered;
  Memory memory;

  Workspace(const Coalesce& args, void* workspace, int64_t threads)
      : parts(workspace), renumbered(args, parts), memory(renumbered.edges, parts, threads) {}
};

template <class I>
void check(const Coalesce& args, const Parallel& parallel) {
  const I* row = static_cast<const I*>(args.edge_index);
  check_indices(args.op, "edge_index[0]", row, args.num_edges, args.num_nodes, parallel);
  check_indices(args.op, "edge_index[1]", row + args.num_edges, args.num_edges, args.num_nodes, parallel);
}

template <class I>
struct Edges {
  const Coalesce& args;
  const Memory& m;
  const Parallel& parallel;
  const I* row = static_cast<const I*>(args.edge_index);
  const I* col = row + args.num_edges;
  int64_t tasks = Memory::tasks(args, parallel.threads());

  template <class Body>
  void for_edges(const Body& body) const {
    for_pieces(args.num_edges, tasks, parallel, [&](int64_t, int64_t begin, int64_t end) {
      for (int64_t p = begin; p < end; ++p) body(p);
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

  // The ends of edges are nodes[their number], or the numbers themselves.
  template <class O>
  void fill(int64_t num_unique, const O* nodes, O* out, O* ptr, O* perm) const {
    const auto node = [&](int64_t number) { return nodes ? nodes[number] : static_cast<O>(number); };
    parallel(tasks, [&](int64_t task) {
      int64_t u = m.counts[task];
      for_unique(task, [&](int64_t r, int64_t p) {
        out[u] = node(r);
        out[num_unique + u] = node(high_of(m.sorted[p]));
        ptr[u++] = static_cast<O>(p);
      });
    });
    ptr[num_unique] = static_cast<O>(args.num_edges);
    for_edges([&](int64_t p) { perm[p] = static_cast<O>(low_of(m.sorted[p])); });
  }
};

}  // namespace

size_t coalesce_workspace(const Coalesce& args, int64_t threads) {
  return Workspace(args, nullptr, threads).parts.bytes();
}

int64_t coalesce_sort(const Coalesce& args, void* workspace, const Parallel& parallel) {
  const Workspace space(args, workspace, parallel.threads());
  args.index == DType::kInt32 ? check<int32_t>(args, parallel) : check<int64_t>(args, parallel);
  if (space.renumbered) space.renumbered.run();
  const auto run = [](const auto& edges) {
    edges.sort();
    return edges.count();
  };
  const Coalesce& numbered = space.renumbered.edges;
  return numbered.index == DType::kInt32 ? run(Edges<int32_t>{numbered, space.memory, parallel})
                                         : run(Edges<int64_t>{numbered, space.memory, parallel});
}

void coalesce_fill(const Coalesce& args, void* workspace, int64_t num_unique, void* out, void* ptr, void* perm,
                   const Parallel& parallel) {
  const Workspace space(args, workspace, parallel.threads());
  with_index_type(args.index, [&](auto index) {
    using I = typename decltype(index)::type;
    const I* nodes = space.renumbered ? static_cast<const I*>(space.renumbered.nodes) : nullptr;
    // What is filled in comes from the workspace: it does not matter which type the edges had.
    Edges<I>{space.renumbered.edges, space.memory, parallel}.fill(num_unique, nodes, static_cast<I*>(out),
                                                                  static_cast<I*>(ptr), static_cast<I*>(perm));
  });
}

}  // namespace geocompile::cpu
