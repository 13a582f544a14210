#include "renumber_edges.h"

#include "checker.h"

namespace geocompile {

RenumberEdges check_renumber_edges(const TensorInfo& edge_index, const TensorInfo& number) {
  const Checker check("renumber_edges");
  check.require(is_index(edge_index.dtype), "'edge_index' must be int64 or int32, got ", name_of(edge_index.dtype));
  check.require(edge_index.rank == 2 && edge_index.size(0) == 2, "'edge_index' must have shape [2, num_edges], got ",
                Checker::shape_of(edge_index));
  check.index_vector(number);
  check.same_dtype(edge_index, number);
  return {edge_index.dtype, edge_index.size(1), number.size(0), nullptr, nullptr, nullptr};
}

}  // namespace geocompile
