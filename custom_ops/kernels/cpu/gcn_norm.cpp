#include "../gcn_norm.h"

#include <cmath>

#include "rows.h"
#include "simd.h"

namespace geocompile::cpu {
namespace {

using namespace GEOCOMPILE_ISA;

template <class T>
struct Graph {
  const GcnNorm& args;
  Rows rows{args.graph};
  const T* weight = static_cast<const T*>(args.weight);

  Sum<T> weight_of(int64_t p) const { return weight ? load_one(weight + p) : 1; }
  bool is_loop(int64_t row, int64_t p) const { return args.add_self_loops && rows.source(p) == row; }

  // The weight of the row's last loop edge, or the fill value; 0 where loops are ordinary edges.
  Sum<T> loop_weight(int64_t row) const {
    if (!args.add_self_loops) return 0;
    for (int64_t p = rows.end(row) - 1; p >= rows.begin(row); --p)
      if (is_loop(row, p)) return weight_of(p);
    return static_cast<Sum<T>>(args.fill_value);
  }

  // Summed in float64: a hub's degree would lose its low bits in float32.
  Sum<T> inverse_sqrt_degree(int64_t row) const {
    double degree = static_cast<double>(loop_weight(row));
    for (int64_t p = rows.begin(row); p < rows.end(row); ++p)
      if (!is_loop(row, p)) degree += static_cast<double>(weight_of(p));
    return degree == 0 ? 0 : static_cast<Sum<T>>(1 / std::sqrt(degree));
  }
};

template <class T>
void run(const GcnNorm& args, Sum<T>* scale, const Parallel& parallel) {
  const Graph<T> graph{args};
  for_blocks_of_rows(args.op, "col", args.graph, 1, parallel, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) scale[row] = graph.inverse_sqrt_degree(row);
  });
  T* edge_weight = static_cast<T*>(args.edge_weight);
  T* self_weight = static_cast<T*>(args.self_weight);
  for_blocks_of_rows(args.op, "col", args.graph, 1, parallel, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      store_one(self_weight + row, scale[row] * graph.loop_weight(row) * scale[row]);
      for (int64_t p = graph.rows.begin(row); p < graph.rows.end(row); ++p)
        store_one(edge_weight + p,
                  graph.is_loop(row, p) ? Sum<T>(0) : scale[row] * graph.weight_of(p) * scale[graph.rows.source(p)]);
    }
  });
}

}  // namespace

size_t gcn_norm_workspace(const GcnNorm& args) { return size_of_sum(args.value) * args.graph.num_rows; }

void gcn_norm(const GcnNorm& args, void* workspace, const Parallel& parallel) {
  with_value_type(args.value, [&](auto value) {
    using T = typename decltype(value)::type;
    run<T>(args, static_cast<Sum<T>*>(workspace), parallel);
  });
}

}  // namespace geocompile::cpu
