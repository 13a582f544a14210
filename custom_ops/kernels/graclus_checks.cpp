#include "graclus.h"

#include "checker.h"

namespace geocompile {

Graclus check_graclus(const TensorInfo& rowptr, const TensorInfo& col, const std::optional<TensorInfo>& weight,
                      const std::optional<TensorInfo>& order) {
  const Checker check("graclus");
  check.rowptr(rowptr);
  check.index_vector(col);
  check.same_dtype(rowptr, col);
  if (weight) {
    check.values(*weight);
    check.vector_of(*weight, col.size(0), "one per edge");
  }
  if (order) {
    check.index_vector(*order);
    check.same_dtype(rowptr, *order);
  }
  const int64_t num_nodes = rowptr.size(0) - 1;
  return {"graclus",
          {rowptr.dtype, num_nodes, num_nodes, col.size(0), nullptr, nullptr},
          weight ? weight->dtype : DType::kFloat32,
          nullptr,
          order ? order->size(0) : num_nodes,
          nullptr,
          nullptr};
}

}  // namespace geocompile
