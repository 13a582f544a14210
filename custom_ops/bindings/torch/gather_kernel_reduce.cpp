// Kernel-weighted aggregation with dense and with sparse weights, and what its gradients need.
#include "kernels/gather_kernel_reduce.h"

#include "graph.h"
#include "kernels/checks.h"

namespace geocompile::torch_binding {
namespace {

// Edges and their weights, with what keeps their memory alive.
struct Edges {
  Tensor rowptr, col;
  std::optional<Tensor> weight, kernel;
  KernelEdges args;

  Edges(const char* op, const Tensor& values, const Tensor& rowptr_, const Tensor& col_,
        const std::optional<Tensor>& weight_, const std::optional<Tensor>& kernel_, int64_t num_kernels)
      : rowptr(torch::stable::contiguous(rowptr_)),
        col(torch::stable::contiguous(col_)),
        weight(contiguous(weight_)),
        kernel(contiguous(kernel_)) {
    const int64_t num_active = !kernel ? num_kernels : kernel->dim() == 1 ? 1 : kernel->size(1);
    const int64_t num_sources = values.size(0), channels = info("x", values).row_size();
    args = {op,         dtype_of(values), graph_of(rowptr, col, num_sources),
            channels,   num_kernels,      kernel.has_value(),
            num_active, data(weight),     data(kernel)};
  }
};

// The sizes of `like` from dimension `first` on, behind others.
std::vector<int64_t> with_tail(std::vector<int64_t> sizes, const Tensor& like, int64_t first) {
  for (int64_t d = first; d < like.dim(); ++d) sizes.push_back(like.size(d));
  return sizes;
}

Tensor run(const Edges& edges, KernelReduce reduce, const Tensor& x) {
  const Tensor features = torch::stable::contiguous(x);
  Tensor out = empty(x, with_tail({edges.args.graph.num_rows, edges.args.num_kernels}, x, 1));
  const GatherKernelReduce args{edges.args, reduce, features.const_data_ptr(), out.mutable_data_ptr()};
  Workspace workspace(x, cpu::gather_kernel_reduce_workspace(args));
  cpu::gather_kernel_reduce(args, workspace.data(), parallel());
  return out;
}

Tensor gather_kernel_reduce(const Tensor& x, const Tensor& rowptr, const Tensor& col, const Tensor& weight,
                            const std::string& reduce) {
  check_gather_kernel_reduce(info("x", x), info("rowptr", rowptr), info("col", col), info("weight", weight));
  const KernelReduce how = kernel_reduce_of("gather_kernel_reduce", reduce, false);
  return run(Edges("gather_kernel_reduce", x, rowptr, col, weight, std::nullopt, weight.size(1)), how, x);
}

Tensor gather_sparse_kernel_reduce(const Tensor& x, const Tensor& rowptr, const Tensor& col,
                                   const std::optional<Tensor>& weight, const Tensor& kernel, const Tensor& like,
                                   const std::string& reduce) {
  check_gather_sparse_kernel_reduce(info("x", x), info("rowptr", rowptr), info("col", col), info("weight", weight),
                                    info("kernel", kernel), info("like", like));
  const KernelReduce how = kernel_reduce_of("gather_sparse_kernel_reduce", reduce, true);
  return run(Edges("gather_sparse_kernel_reduce", x, rowptr, col, weight, kernel, like.size(0)), how, x);
}

Tensor kernel_contract(const Tensor& x, const Tensor& rowptr, const Tensor& col, const std::optional<Tensor>& weight,
                       const std::optional<Tensor>& kernel) {
  check_kernel_contract(info("x", x), info("rowptr", rowptr), info("col", col), info("weight", weight),
                        info("kernel", kernel));
  const Tensor values = torch::stable::contiguous(x);
  Edges edges("kernel_contract", x, rowptr, col, weight, kernel, x.size(1));
  Tensor out = empty(x, with_tail({edges.args.graph.num_rows}, x, 2));
  if (out.numel() == 0) return out;
  if (x.size(1) == 0) return torch::stable::zero_(out);
  edges.args.channels /= x.size(1);
  const KernelContract args{edges.args, values.const_data_ptr(), out.mutable_data_ptr()};
  Workspace workspace(x, cpu::kernel_contract_workspace(args));
  cpu::kernel_contract(args, workspace.data(), parallel());
  return out;
}

Tensor kernel_dot(const Tensor& a, const Tensor& b, const Tensor& rowptr, const Tensor& col,
                  const std::optional<Tensor>& kernel) {
  check_kernel_dot(info("a", a), info("b", b), info("rowptr", rowptr), info("col", col), info("kernel", kernel));
  const Tensor rows = torch::stable::contiguous(a), sources = torch::stable::contiguous(b);
  const Edges edges("kernel_dot", b, rowptr, col, std::nullopt, kernel, a.size(1));
  Tensor out = empty(a, kernel ? with_tail({}, *kernel, 0) : std::vector<int64_t>{col.size(0), a.size(1)});
  cpu::kernel_dot(KernelDot{edges.args, rows.const_data_ptr(), sources.const_data_ptr(), out.mutable_data_ptr()},
                  parallel());
  return out;
}

}  // namespace

STABLE_TORCH_LIBRARY_FRAGMENT(geocompile, m) {
  m.def("gather_kernel_reduce(Tensor x, Tensor rowptr, Tensor col, Tensor weight, str reduce='sum') -> Tensor");
  m.def(
      "gather_sparse_kernel_reduce(Tensor x, Tensor rowptr, Tensor col, Tensor? weight, Tensor kernel, Tensor like, "
      "str reduce='sum') -> Tensor");
  m.def("kernel_contract(Tensor x, Tensor rowptr, Tensor col, Tensor? weight, Tensor? kernel=None) -> Tensor");
  m.def("kernel_dot(Tensor a, Tensor b, Tensor rowptr, Tensor col, Tensor? kernel=None) -> Tensor");
}

STABLE_TORCH_LIBRARY_IMPL(geocompile, CPU, m) {
  m.impl("gather_kernel_reduce", TORCH_BOX(&gather_kernel_reduce));
  m.impl("gather_sparse_kernel_reduce", TORCH_BOX(&gather_sparse_kernel_reduce));
  m.impl("kernel_contract", TORCH_BOX(&kernel_contract));
  m.impl("kernel_dot", TORCH_BOX(&kernel_dot));
}

}  // namespace geocompile::torch_binding
