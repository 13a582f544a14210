// Reads of ptr, where each graph of a batch begins, which a kernel must not trust.
#pragma once

#include <cstdint>

namespace geocompile::cpu {

// Throws std::out_of_range unless ptr starts at 0, never decreases, and ends at num_nodes.
template <class I>
void check_ptr(const char* op, const I* ptr, int64_t num_graphs, int64_t num_nodes);

}  // namespace geocompile::cpu
