// Numbering of the values of a vector: 0 for the smallest, and so on.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tensor_info.h"

namespace geocompile {

struct Consecutive {
  const char* op;
  DType index;
  int64_t count;
  const void* ids;  // [count], any values
};

// Throws std::invalid_argument; the pointers are still missing.
Consecutive check_consecutive(const TensorInfo& ids);

namespace cpu {

// First consecutive_number, which fills inverse [count], leaves in the workspace what consecutive_list needs, and
// returns the number of values that differ; then consecutive_list with unique and first of that size: the values,
// ascending, and the lowest place of each.
size_t consecutive_workspace(const Consecutive& args);
int64_t consecutive_number(const Consecutive& args, void* workspace, int64_t* inverse);
void consecutive_list(const Consecutive& args, void* workspace, int64_t num_unique, void* unique, int64_t* first);

}  // namespace cpu
}  // namespace geocompile
