#include "validate.h"

#include <limits>
#include <sstream>
#include <stdexcept>

#include "../errors.h"
#include "validate_table.h"

namespace geocompile::cpu {

namespace {

template <class I>
[[noreturn]] void throw_bad(const char* op, const char* argument, const I* values, int64_t count, int64_t columns,
                            int64_t limit) {
  int64_t at = 0;
  while (at < count && values[at] >= 0 && static_cast<int64_t>(values[at]) < limit) ++at;
  if (at == count)  // another thread wrote to it while the kernel ran
    refuse<std::out_of_range>(op, "'", argument, "' changed while it was read");
  std::ostringstream found;
  found << "'" << argument << "'[" << at / columns;
  if (columns > 1) found << ", " << at % columns;
  found << "] is " << values[at];
  if (values[at] < 0) refuse<std::out_of_range>(op, found.str(), ", it must not be negative");
  if (limit == 0) refuse<std::out_of_range>(op, found.str(), ", but there is nothing to refer to (0 rows)");
  refuse<std::out_of_range>(op, found.str(), ", the valid range is 0 to ", limit - 1);
}

// The largest number of all is no number of graphs: then any goes.
template <class I>
void check_graphs(const char* op, const char* argument, const I* batch, int64_t num_nodes, int64_t num_graphs) {
  bool falls = false;
  for (int64_t i = 1; i < num_nodes; ++i) falls |= batch[i] < batch[i - 1];
  if (!falls) {
    const bool any = num_graphs == std::numeric_limits<int64_t>::max();
    if (num_nodes > 0 && (batch[0] < 0 || (!any && static_cast<int64_t>(batch[num_nodes - 1]) >= num_graphs)))
      throw_bad(op, argument, batch, num_nodes, 1, num_graphs);
    return;
  }
  int64_t i = 1;
  while (i + 1 < num_nodes && batch[i] >= batch[i - 1]) ++i;
  refuse<std::invalid_argument>(op, "'", argument, "' must be sorted, but '", argument, "'[", i, "] is ", batch[i],
                                " after ", batch[i - 1],
                                "; put the nodes of each graph next to each other, in the order of the graphs");
}

}  // namespace

void check_batch(const char* op, const char* argument, DType dtype, const void* batch, int64_t num_nodes,
                 int64_t num_graphs) {
  dtype == DType::kInt32 ? check_graphs(op, argument, static_cast<const int32_t*>(batch), num_nodes, num_graphs)
                         : check_graphs(op, argument, static_cast<const int64_t*>(batch), num_nodes, num_graphs);
}

template <class I>
void throw_bad_index(const char* op, const char* argument, const I* values, int64_t count, int64_t limit) {
  throw_bad(op, argument, values, count, 1, limit);
}

template <class I>
void throw_bad_index_in_table(const char* op, const char* argument, const I* values, int64_t rows, int64_t columns,
                              int64_t limit) {
  throw_bad(op, argument, values, rows * columns, columns, limit);
}

template <class I>
void throw_bad_ptr(const char* op, const PtrNames& names, const I* ptr, int64_t num_groups, int64_t num_items) {
  std::ostringstream found;
  int64_t group = 0;
  while (group < num_groups && ptr[group + 1] >= ptr[group]) ++group;
  if (group < num_groups) {
    found << "falls from " << ptr[group] << " to " << ptr[group + 1] << " at " << names.group << " " << group;
  } else {
    found << "starts at " << ptr[0] << " and ends at " << ptr[num_groups];
  }
  refuse<std::out_of_range>(op, "'", names.ptr, "' must start at 0, never decrease, and end at the number of ",
                            names.items, " (", num_items, "); it ", found.str());
}

template void throw_bad_index(const char*, const char*, const int32_t*, int64_t, int64_t);
template void throw_bad_index(const char*, const char*, const int64_t*, int64_t, int64_t);
template void throw_bad_index_in_table(const char*, const char*, const int32_t*, int64_t, int64_t, int64_t);
template void throw_bad_index_in_table(const char*, const char*, const int64_t*, int64_t, int64_t, int64_t);
template void throw_bad_ptr(const char*, const PtrNames&, const int32_t*, int64_t, int64_t);
template void throw_bad_ptr(const char*, const PtrNames&, const int64_t*, int64_t, int64_t);

}  // namespace geocompile::cpu
