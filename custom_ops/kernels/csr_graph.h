// The edges of a graph in compressed rows, as every kernel is handed them.
#pragma once

#include <cstdint>

#include "tensor_info.h"

namespace geocompile {

// Row i holds the places rowptr[i] to rowptr[i + 1] - 1; col[p] in [0, num_sources) is the source of the edge at place
// p. Kernels trust neither. A missing col counts as col[p] = p.
struct CsrGraph {
  DType index;  // of rowptr and col
  int64_t num_rows;
  int64_t num_sources;
  int64_t num_edges;
  const void* rowptr;  // [num_rows + 1]
  const void* col;     // [num_edges]
};

}  // namespace geocompile
