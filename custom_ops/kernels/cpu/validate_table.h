// The error that names the first bad index of an argument with several of them for each edge.
#pragma once

#include <cstdint>

namespace geocompile::cpu {

// values [rows, columns]; of one column a place is named by its row alone. Out of line, and compiled for the plain
// instruction set, as throw_bad_index is.
template <class I>
[[noreturn]] void throw_bad_index_in_table(const char* op, const char* argument, const I* values, int64_t rows,
                                           int64_t columns, int64_t limit);

}  // namespace geocompile::cpu
