// Stable sorting of edges by row, for CUDA tensors.
#include "../csr_from_coo.h"

#include "device.h"

namespace geocompile::torch_binding {
namespace {

void run(const Sort& sort, const OnDevice& device) {
  Workspace workspace(sort.index, cuda::csr_from_coo_workspace(sort.args));
  cuda::csr_from_coo(sort.args, workspace.data(), device.stream());
}

std::tuple<Tensor, Tensor, Tensor> csr_from_coo(const Tensor& index, const Tensor& like,
                                                const std::optional<Tensor>& other) {
  const OnDevice device("csr_from_coo", {{"index", &index}, {"like", &like}, {"other", pointer(other)}});
  const Sort sort = Sort::of_coo(index, like, other);
  run(sort, device);
  return {sort.rowptr, sort.perm, sort.other_sorted};
}

// Waits for the device: its result has as many rows as the largest number in `batch` says.
std::tuple<Tensor, Tensor> batch_ptr(const Tensor& batch) {
  const OnDevice device("batch_ptr", {{"batch", &batch}});
  check_batch_ptr(info("batch", batch));
  const Tensor nodes = torch::stable::contiguous(batch);
  Workspace workspace(nodes, cuda::kCountGraphsWorkspace);
  const int64_t num_graphs =
      cuda::count_graphs(dtype_of(nodes), nodes.const_data_ptr(), nodes.size(0), workspace.data(), device.stream());
  const Sort sort = Sort::of_batch(nodes, num_graphs);
  run(sort, device);
  return {sort.rowptr, sort.perm};
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(geocompile, CUDA, m) {
  m.impl("csr_from_coo", TORCH_BOX(&csr_from_coo));
  m.impl("batch_ptr", TORCH_BOX(&batch_ptr));
}

}  // namespace geocompile::torch_binding
