// Sorting of an edge list, equal edges together.
#include "kernels/coalesce.h"

#include <tuple>

#include "tensors.h"

namespace geocompile::torch_binding {
namespace {

std::tuple<Tensor, Tensor, Tensor> coalesce(const Tensor& edge_index, const Tensor& like) {
  Coalesce args = check_coalesce(info("edge_index", edge_index), info("like", like));
  const Tensor edges = torch::stable::contiguous(edge_index);
  args.edge_index = edges.const_data_ptr();
  const Parallel threads = parallel();
  Workspace workspace(edges, cpu::coalesce_workspace(args, threads.threads()));
  const int64_t num_unique = cpu::coalesce_sort(args, workspace.data(), threads);
  Tensor out = empty(edges, {2, num_unique}), ptr = empty(edges, {num_unique + 1}),
         perm = empty(edges, {args.num_edges});
  cpu::coalesce_fill(args, workspace.data(), num_unique, out.mutable_data_ptr(), ptr.mutable_data_ptr(),
                     perm.mutable_data_ptr(), threads);
  return {out, ptr, perm};
}

}  // namespace

STABLE_TORCH_LIBRARY_FRAGMENT(geocompile, m) {
  m.def("coalesce(Tensor edge_index, Tensor like) -> (Tensor, Tensor, Tensor)");
}

STABLE_TORCH_LIBRARY_IMPL(geocompile, CPU, m) { m.impl("coalesce", TORCH_BOX(&coalesce)); }

}  // namespace geocompile::torch_binding
