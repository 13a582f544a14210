// Greedy matching of nodes.
#include "kernels/graclus.h"

#include "graph.h"

namespace geocompile::torch_binding {
namespace {

Tensor graclus(const Tensor& rowptr, const Tensor& col, const std::optional<Tensor>& weight,
               const std::optional<Tensor>& order) {
  Graclus args = check_graclus(info("rowptr", rowptr), info("col", col), info("weight", weight), info("order", order));
  const Tensor starts = torch::stable::contiguous(rowptr), neighbours = torch::stable::contiguous(col);
  const std::optional<Tensor> weights = contiguous(weight), visits = contiguous(order);
  Tensor out = empty(starts, {args.graph.num_rows}, ScalarType::Long);
  args.graph.rowptr = starts.const_data_ptr();
  args.graph.col = neighbours.const_data_ptr();
  args.weight = data(weights);
  args.order = data(visits);
  args.out = static_cast<int64_t*>(out.mutable_data_ptr());
  Workspace workspace(starts, cpu::graclus_workspace(args));
  cpu::graclus(args, workspace.data(), parallel());
  return out;
}

}  // namespace

STABLE_TORCH_LIBRARY_FRAGMENT(geocompile, m) {
  m.def("graclus(Tensor rowptr, Tensor col, Tensor? weight=None, Tensor? order=None) -> Tensor");
}

STABLE_TORCH_LIBRARY_IMPL(geocompile, CPU, m) { m.impl("graclus", TORCH_BOX(&graclus)); }

}  // namespace geocompile::torch_binding
