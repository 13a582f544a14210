// Compressed rows as kernels are handed them.
#pragma once

#include "kernels/csr_graph.h"
#include "tensors.h"

namespace geocompile::torch_binding {

// Valid while the tensors, which are contiguous, live. Without col every source is an edge.
inline CsrGraph graph_of(const Tensor& rowptr, const std::optional<Tensor>& col, int64_t num_sources) {
  return {dtype_of(rowptr),        rowptr.size(0) - 1, num_sources, col ? col->size(0) : num_sources,
          rowptr.const_data_ptr(), data(col)};
}

}  // namespace geocompile::torch_binding
