// Where the graphs of a sorted batch vector begin.
#include <limits>

#include "../graph_count.h"
#include "../selection.h"
#include "validate.h"

namespace geocompile::cpu {
namespace {

// The places at which the graph changes are where those up to the new one begin.
template <class I>
void fill(const GraphPtr& args) {
  const I* batch = static_cast<const I*>(args.batch);
  I* ptr = static_cast<I*>(args.ptr);
  int64_t graph = 0;
  for (int64_t i = 0; i < args.num_nodes; ++i)
    for (; graph <= static_cast<int64_t>(batch[i]); ++graph) ptr[graph] = static_cast<I>(i);
  for (; graph <= args.num_graphs; ++graph) ptr[graph] = static_cast<I>(args.num_nodes);
}

}  // namespace

int64_t count_sorted_graphs(const char* op, DType dtype, const void* batch, int64_t num_nodes) {
  check_batch(op, "batch", dtype, batch, num_nodes, std::numeric_limits<int64_t>::max());
  if (num_nodes == 0) return 0;
  const int64_t last = dtype == DType::kInt32 ? static_cast<const int32_t*>(batch)[num_nodes - 1]
                                              : static_cast<const int64_t*>(batch)[num_nodes - 1];
  return graph_count(op, last, num_nodes);
}

void graph_ptr(const GraphPtr& args) {
  check_batch("graph_ptr", "batch", args.dtype, args.batch, args.num_nodes, args.num_graphs);
  args.dtype == DType::kInt32 ? fill<int32_t>(args) : fill<int64_t>(args);
}

}  // namespace geocompile::cpu
