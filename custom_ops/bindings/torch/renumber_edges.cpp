// Edges under other numbers of their nodes.
#include "kernels/renumber_edges.h"

#include "tensors.h"

namespace geocompile::torch_binding {
namespace {

Tensor renumber_edges(const Tensor& edge_index, const Tensor& number) {
  RenumberEdges args = check_renumber_edges(info("edge_index", edge_index), info("number", number));
  const Tensor ends = torch::stable::contiguous(edge_index), numbers = torch::stable::contiguous(number);
  Tensor out = empty(edge_index, {2, args.num_edges});
  args.edge_index = ends.const_data_ptr();
  args.number = numbers.const_data_ptr();
  args.out = out.mutable_data_ptr();
  cpu::renumber_edges(args, parallel());
  return out;
}

}  // namespace

STABLE_TORCH_LIBRARY_FRAGMENT(geocompile, m) { m.def("renumber_edges(Tensor edge_index, Tensor number) -> Tensor"); }

STABLE_TORCH_LIBRARY_IMPL(geocompile, CPU, m) { m.impl("renumber_edges", TORCH_BOX(&renumber_edges)); }

}  // namespace geocompile::torch_binding
