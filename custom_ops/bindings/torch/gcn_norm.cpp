// GCN normalisation.
#include "kernels/gcn_norm.h"

#include <tuple>

#include "kernels/checks.h"
#include "tensors.h"

namespace geocompile::torch_binding {
namespace {

std::tuple<Tensor, Tensor> gcn_norm(const Tensor& rowptr, const Tensor& col, const Tensor& like,
                                    const std::optional<Tensor>& weight, double fill_value, bool add_self_loops) {
  check_gcn_norm(info("rowptr", rowptr), info("col", col), info("like", like), info("weight", weight));
  const Tensor starts = torch::stable::contiguous(rowptr), edges = torch::stable::contiguous(col);
  const std::optional<Tensor> weights = contiguous(weight);
  const int64_t num_rows = rowptr.size(0) - 1, num_edges = col.size(0);
  Tensor edge_weight = empty(like, {num_edges}), self_weight = empty(like, {num_rows});
  const CsrGraph graph{dtype_of(col), num_rows, num_rows, num_edges, starts.const_data_ptr(), edges.const_data_ptr()};
  const GcnNorm args{"gcn_norm",
                     dtype_of(like),
                     graph,
                     fill_value,
                     add_self_loops,
                     data(weights),
                     edge_weight.mutable_data_ptr(),
                     self_weight.mutable_data_ptr()};
  Workspace workspace(like, cpu::gcn_norm_workspace(args));
  cpu::gcn_norm(args, workspace.data(), parallel());
  return {edge_weight, self_weight};
}

}  // namespace

STABLE_TORCH_LIBRARY_FRAGMENT(geocompile, m) {
  m.def(
      "gcn_norm(Tensor rowptr, Tensor col, Tensor like, Tensor? weight=None, float fill_value=1.0, "
      "bool add_self_loops=True) -> (Tensor, Tensor)");
}

STABLE_TORCH_LIBRARY_IMPL(geocompile, CPU, m) { m.impl("gcn_norm", TORCH_BOX(&gcn_norm)); }

}  // namespace geocompile::torch_binding
