// Stable sorting of edges by row.
#include "csr_from_coo.h"

namespace geocompile::torch_binding {
namespace {

void run(const Sort& sort) {
  const Parallel threads = parallel();
  Workspace workspace(sort.index, cpu::csr_from_coo_workspace(sort.args, threads.threads()));
  cpu::csr_from_coo(sort.args, workspace.data(), threads);
}

std::tuple<Tensor, Tensor, Tensor> csr_from_coo(const Tensor& index, const Tensor& like,
                                                const std::optional<Tensor>& other) {
  const Sort sort = Sort::of_coo(index, like, other);
  run(sort);
  return {sort.rowptr, sort.perm, sort.other_sorted};
}

std::tuple<Tensor, Tensor> batch_ptr(const Tensor& batch) {
  check_batch_ptr(info("batch", batch));
  const Tensor nodes = torch::stable::contiguous(batch);
  const Sort sort = Sort::of_batch(nodes, cpu::count_graphs(dtype_of(nodes), nodes.const_data_ptr(), nodes.size(0)));
  run(sort);
  return {sort.rowptr, sort.perm};
}

}  // namespace

STABLE_TORCH_LIBRARY_FRAGMENT(geocompile, m) {
  m.def("csr_from_coo(Tensor index, Tensor like, Tensor? other=None) -> (Tensor, Tensor, Tensor)");
  m.def("batch_ptr(Tensor batch) -> (Tensor, Tensor)");
}

STABLE_TORCH_LIBRARY_IMPL(geocompile, CPU, m) {
  m.impl("csr_from_coo", TORCH_BOX(&csr_from_coo));
  m.impl("batch_ptr", TORCH_BOX(&batch_ptr));
}

}  // namespace geocompile::torch_binding
