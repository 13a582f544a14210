// Stable sorting of edges by row.
#include "kernels/csr_from_coo.h"

#include <tuple>

#include "kernels/checks.h"
#include "tensors.h"

namespace geocompile::torch_binding {
namespace {

std::tuple<Tensor, Tensor, Tensor> csr_from_coo(const Tensor& index, const Tensor& like,
                                                const std::optional<Tensor>& other) {
  check_csr_from_coo(info("index", index), info("like", like), info("other", other));
  const Tensor edges = torch::stable::contiguous(index);
  const std::optional<Tensor> others = contiguous(other);
  const int64_t num_edges = index.size(0), num_rows = like.size(0);
  Tensor rowptr = empty(index, {num_rows + 1}), perm = empty(index, {num_edges});
  Tensor other_sorted = empty(index, {other ? num_edges : 0});
  const CsrFromCoo args{"csr_from_coo",
                        "index",
                        dtype_of(index),
                        num_edges,
                        num_rows,
                        edges.const_data_ptr(),
                        data(others),
                        rowptr.mutable_data_ptr(),
                        perm.mutable_data_ptr(),
                        other_sorted.mutable_data_ptr()};
  const Parallel threads = parallel();
  Workspace workspace(index, cpu::csr_from_coo_workspace(args, threads.threads()));
  cpu::csr_from_coo(args, workspace.data(), threads);
  return {rowptr, perm, other_sorted};
}

std::tuple<Tensor, Tensor> batch_ptr(const Tensor& batch) {
  check_batch_ptr(info("batch", batch));
  const Tensor nodes = torch::stable::contiguous(batch);
  const int64_t num_nodes = batch.size(0);
  const int64_t num_graphs = cpu::count_graphs(dtype_of(batch), nodes.const_data_ptr(), num_nodes);
  Tensor ptr = empty(batch, {num_graphs + 1}), perm = empty(batch, {num_nodes});
  const CsrFromCoo args{"batch_ptr",
                        "batch",
                        dtype_of(batch),
                        num_nodes,
                        num_graphs,
                        nodes.const_data_ptr(),
                        nullptr,
                        ptr.mutable_data_ptr(),
                        perm.mutable_data_ptr(),
                        nullptr};
  const Parallel threads = parallel();
  Workspace workspace(batch, cpu::csr_from_coo_workspace(args, threads.threads()));
  cpu::csr_from_coo(args, workspace.data(), threads);
  return {ptr, perm};
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
