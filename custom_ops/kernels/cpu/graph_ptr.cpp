#include "graph_ptr.h"

#include <limits>
#include <sstream>
#include <stdexcept>

#include "../selection.h"
#include "validate.h"

namespace geocompile::cpu {

template <class I>
void check_ptr(const char* op, const I* ptr, int64_t num_graphs, int64_t num_nodes) {
  int64_t graph = 0;
  while (graph < num_graphs && ptr[graph + 1] >= ptr[graph]) ++graph;
  if (graph == num_graphs && ptr[0] == 0 && static_cast<int64_t>(ptr[num_graphs]) == num_nodes) return;
  std::ostringstream message;
  message << "geocompile." << op << ": 'ptr' must start at 0, never decrease, and end at the number of nodes ("
          << num_nodes << "); it ";
  if (graph < num_graphs) {
    message << "falls from " << ptr[graph] << " to " << ptr[graph + 1] << " at graph " << graph;
  } else {
    message << "starts at " << ptr[0] << " and ends at " << ptr[num_graphs];
  }
  throw std::out_of_range(message.str());
}

template void check_ptr(const char*, const int32_t*, int64_t, int64_t);
template void check_ptr(const char*, const int64_t*, int64_t, int64_t);

namespace {

template <class I>
void check_ascending(const I* batch, int64_t num_nodes) {
  bool falls = false;
  for (int64_t i = 1; i < num_nodes; ++i) falls |= batch[i] < batch[i - 1];
  if (!falls) return;
  int64_t i = 1;
  while (i + 1 < num_nodes && batch[i] >= batch[i - 1]) ++i;
  std::ostringstream message;
  message << "geocompile.graph_ptr: 'batch' must be sorted, but 'batch'[" << i << "] is " << batch[i] << " after "
          << batch[i - 1] << "; put the nodes of each graph next to each other, in the order of the graphs";
  throw std::invalid_argument(message.str());
}

template <class I>
int64_t count(const I* batch, int64_t num_nodes) {
  check_ascending(batch, num_nodes);
  const int64_t last = num_nodes > 0 ? static_cast<int64_t>(batch[num_nodes - 1]) : -1;
  if (num_nodes > 0 && batch[0] < 0) throw_bad_index("graph_ptr", "batch", batch, num_nodes, last + 1);
  if (last < std::numeric_limits<int32_t>::max()) return last + 1;
  std::ostringstream message;  // a mistake, and no number of graphs to make room for
  message << "geocompile.graph_ptr: 'batch' holds the graph number " << last << ", the largest possible is "
          << std::numeric_limits<int32_t>::max() - 1;
  throw std::out_of_range(message.str());
}

// The places at which the graph changes are where those up to the new one begin.
template <class I>
void fill(const GraphPtr& args) {
  const I* batch = static_cast<const I*>(args.batch);
  I* ptr = static_cast<I*>(args.ptr);
  check_ascending(batch, args.num_nodes);
  if (args.num_nodes > 0 && (batch[0] < 0 || static_cast<int64_t>(batch[args.num_nodes - 1]) >= args.num_graphs))
    throw_bad_index("graph_ptr", "batch", batch, args.num_nodes, args.num_graphs);
  int64_t graph = 0;
  for (int64_t i = 0; i < args.num_nodes; ++i)
    for (; graph <= static_cast<int64_t>(batch[i]); ++graph) ptr[graph] = static_cast<I>(i);
  for (; graph <= args.num_graphs; ++graph) ptr[graph] = static_cast<I>(args.num_nodes);
}

}  // namespace

int64_t count_sorted_graphs(DType dtype, const void* batch, int64_t num_nodes) {
  return dtype == DType::kInt32 ? count(static_cast<const int32_t*>(batch), num_nodes)
                                : count(static_cast<const int64_t*>(batch), num_nodes);
}

void graph_ptr(const GraphPtr& args) { args.dtype == DType::kInt32 ? fill<int32_t>(args) : fill<int64_t>(args); }

}  // namespace geocompile::cpu
