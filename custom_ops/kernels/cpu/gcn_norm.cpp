#include "../gcn_norm.h"

#include <atomic>
#include <cmath>

#include "balance.h"
#include "validate.h"

namespace geocompile::cpu {
namespace {

template <class T, class I>
struct Graph {
  const GcnNorm& args;
  const I* rowptr = static_cast<const I*>(args.rowptr);
  const I* col = static_cast<const I*>(args.col);
  const T* weight = static_cast<const T*>(args.weight);

  T weight_of(int64_t p) const { return weight ? weight[p] : T(1); }
  bool is_loop(int64_t row, int64_t p) const { return args.add_self_loops && col[p] == static_cast<I>(row); }

  // The weight of the row's last loop edge, or the fill value; 0 where loops are ordinary edges.
  T loop_weight(int64_t row) const {
    if (!args.add_self_loops) return T(0);
    for (int64_t p = rowptr[row + 1] - 1; p >= static_cast<int64_t>(rowptr[row]); --p)
      if (is_loop(row, p)) return weight_of(p);
    return static_cast<T>(args.fill_value);
  }

  // Summed in float64: a hub's degree would lose its low bits in float32.
  T inverse_sqrt_degree(int64_t row) const {
    double degree = static_cast<double>(loop_weight(row));
    for (int64_t p = rowptr[row]; p < static_cast<int64_t>(rowptr[row + 1]); ++p)
      if (!is_loop(row, p)) degree += static_cast<double>(weight_of(p));
    return degree == 0 ? T(0) : static_cast<T>(1 / std::sqrt(degree));
  }
};

template <class T, class I>
void run(const GcnNorm& args, T* scale, const Parallel& parallel) {
  const Graph<T, I> graph{args};
  check_rowptr(args.op, graph.rowptr, args.num_rows, args.num_edges);
  const int64_t tasks = task_count(args.num_edges + args.num_rows, parallel.threads());
  std::atomic<bool> bad{false};
  parallel(tasks, [&](int64_t task) {
    const int64_t begin = first_row(graph.rowptr, args.num_rows, task, tasks);
    const int64_t end = first_row(graph.rowptr, args.num_rows, task + 1, tasks);
    if (!all_below(graph.col, graph.rowptr[begin], graph.rowptr[end], args.num_rows)) bad = true;
    for (int64_t row = begin; row < end; ++row) scale[row] = graph.inverse_sqrt_degree(row);
  });
  if (bad) throw_bad_index(args.op, "col", graph.col, args.num_edges, args.num_rows);

  T* edge_weight = static_cast<T*>(args.edge_weight);
  T* self_weight = static_cast<T*>(args.self_weight);
  parallel(tasks, [&](int64_t task) {
    const int64_t end = first_row(graph.rowptr, args.num_rows, task + 1, tasks);
    for (int64_t row = first_row(graph.rowptr, args.num_rows, task, tasks); row < end; ++row) {
      self_weight[row] = scale[row] * graph.loop_weight(row) * scale[row];
      for (int64_t p = graph.rowptr[row]; p < static_cast<int64_t>(graph.rowptr[row + 1]); ++p)
        edge_weight[p] = graph.is_loop(row, p) ? T(0) : scale[row] * graph.weight_of(p) * scale[graph.col[p]];
    }
  });
}

}  // namespace

size_t gcn_norm_workspace(const GcnNorm& args) { return size_of(args.value) * args.num_rows; }

void gcn_norm(const GcnNorm& args, void* workspace, const Parallel& parallel) {
  const bool narrow = args.index == DType::kInt32;
  if (args.value == DType::kFloat32) {
    auto* scale = static_cast<float*>(workspace);
    narrow ? run<float, int32_t>(args, scale, parallel) : run<float, int64_t>(args, scale, parallel);
  } else {
    auto* scale = static_cast<double*>(workspace);
    narrow ? run<double, int32_t>(args, scale, parallel) : run<double, int64_t>(args, scale, parallel);
  }
}

}  // namespace geocompile::cpu
