// Numbering of values.
#include "kernels/consecutive.h"

#include <tuple>

#include "tensors.h"

namespace geocompile::torch_binding {
namespace {

std::tuple<Tensor, Tensor, Tensor> consecutive(const Tensor& ids) {
  Consecutive args = check_consecutive(info("ids", ids));
  const Tensor values = torch::stable::contiguous(ids);
  args.ids = values.const_data_ptr();
  Tensor inverse = empty(values, {args.count}, ScalarType::Long);
  Workspace workspace(values, cpu::consecutive_workspace(args));
  const int64_t num_unique =
      cpu::consecutive_number(args, workspace.data(), static_cast<int64_t*>(inverse.mutable_data_ptr()));
  Tensor unique = empty(values, {num_unique});
  Tensor first = empty(values, {num_unique}, ScalarType::Long);
  cpu::consecutive_list(args, workspace.data(), num_unique, unique.mutable_data_ptr(),
                        static_cast<int64_t*>(first.mutable_data_ptr()));
  return {inverse, unique, first};
}

}  // namespace

STABLE_TORCH_LIBRARY_FRAGMENT(geocompile, m) { m.def("consecutive(Tensor ids) -> (Tensor, Tensor, Tensor)"); }

STABLE_TORCH_LIBRARY_IMPL(geocompile, CPU, m) { m.impl("consecutive", TORCH_BOX(&consecutive)); }

}  // namespace geocompile::torch_binding
