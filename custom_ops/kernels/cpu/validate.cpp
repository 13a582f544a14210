#include "validate.h"

#include <sstream>
#include <stdexcept>

#include "validate_table.h"

namespace geocompile::cpu {

namespace {

template <class I>
[[noreturn]] void throw_bad(const char* op, const char* argument, const I* values, int64_t count, int64_t columns,
                            int64_t limit) {
  int64_t at = 0;
  while (at < count && values[at] >= 0 && static_cast<int64_t>(values[at]) < limit) ++at;
  std::ostringstream message;
  message << "geocompile." << op << ": '" << argument << "'";
  if (at == count) {  // another thread wrote to it while the kernel ran
    message << " changed while it was read";
    throw std::out_of_range(message.str());
  }
  message << "[" << at / columns;
  if (columns > 1) message << ", " << at % columns;
  message << "] is " << values[at];
  if (values[at] < 0) {
    message << ", it must not be negative";
  } else if (limit == 0) {
    message << ", but there is nothing to refer to (0 rows)";
  } else {
    message << ", the valid range is 0 to " << limit - 1;
  }
  throw std::out_of_range(message.str());
}

}  // namespace

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
void throw_bad_rowptr(const char* op, const I* rowptr, int64_t num_rows, int64_t num_edges) {
  std::ostringstream message;
  message << "geocompile." << op << ": 'rowptr' must start at 0, never decrease, and end at the number of edges ("
          << num_edges << ")";
  int64_t row = 0;
  while (row < num_rows && rowptr[row + 1] >= rowptr[row]) ++row;
  if (row < num_rows) {
    message << "; it falls from " << rowptr[row] << " to " << rowptr[row + 1] << " at row " << row;
  } else {
    message << "; it starts at " << rowptr[0] << " and ends at " << rowptr[num_rows];
  }
  throw std::out_of_range(message.str());
}

template void throw_bad_index(const char*, const char*, const int32_t*, int64_t, int64_t);
template void throw_bad_index(const char*, const char*, const int64_t*, int64_t, int64_t);
template void throw_bad_index_in_table(const char*, const char*, const int32_t*, int64_t, int64_t, int64_t);
template void throw_bad_index_in_table(const char*, const char*, const int64_t*, int64_t, int64_t, int64_t);
template void throw_bad_rowptr(const char*, const int32_t*, int64_t, int64_t);
template void throw_bad_rowptr(const char*, const int64_t*, int64_t, int64_t);

}  // namespace geocompile::cpu
