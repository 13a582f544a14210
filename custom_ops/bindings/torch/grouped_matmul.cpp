// Rows in groups, each with a matrix of its own, and the gradient of those matrices.
#include "kernels/grouped_matmul.h"

#include "tensors.h"

namespace geocompile::torch_binding {
namespace {

Tensor grouped_matmul(const Tensor& x, const Tensor& ptr, const Tensor& weight) {
  GroupedMatmul args{};
  args.groups = check_grouped_matmul(info("x", x), info("ptr", ptr), info("weight", weight));
  const Tensor rows = torch::stable::contiguous(x), starts = torch::stable::contiguous(ptr);
  const Tensor matrices = torch::stable::contiguous(weight);
  Tensor out = empty(x, {args.groups.num_rows, args.groups.out});
  args.groups.ptr = starts.const_data_ptr();
  args.x = rows.const_data_ptr();
  args.weight = matrices.const_data_ptr();
  args.result = out.mutable_data_ptr();
  const Parallel threads = parallel();
  Workspace workspace(x, cpu::grouped_matmul_workspace(args, threads.threads()));
  cpu::grouped_matmul(args, workspace.data(), threads);
  return out;
}

Tensor grouped_outer(const Tensor& x, const Tensor& grad, const Tensor& ptr) {
  GroupedOuter args{};
  args.groups = check_grouped_outer(info("x", x), info("grad", grad), info("ptr", ptr));
  const Tensor rows = torch::stable::contiguous(x), starts = torch::stable::contiguous(ptr);
  const Tensor grads = torch::stable::contiguous(grad);
  Tensor out = empty(x, {args.groups.num_groups, args.groups.in, args.groups.out});
  args.groups.ptr = starts.const_data_ptr();
  args.x = rows.const_data_ptr();
  args.grad = grads.const_data_ptr();
  args.result = out.mutable_data_ptr();
  const Parallel threads = parallel();
  Workspace workspace(x, cpu::grouped_outer_workspace(args, threads.threads()));
  cpu::grouped_outer(args, workspace.data(), threads);
  return out;
}

}  // namespace

STABLE_TORCH_LIBRARY_FRAGMENT(geocompile, m) {
  m.def("grouped_matmul(Tensor x, Tensor ptr, Tensor weight) -> Tensor");
  m.def("grouped_outer(Tensor x, Tensor grad, Tensor ptr) -> Tensor");
}

STABLE_TORCH_LIBRARY_IMPL(geocompile, CPU, m) {
  m.impl("grouped_matmul", TORCH_BOX(&grouped_matmul));
  m.impl("grouped_outer", TORCH_BOX(&grouped_outer));
}

}  // namespace geocompile::torch_binding
