// A batch of graphs as one dense tensor, and back.
#include "kernels/dense_batch.h"

#include <numeric>

#include "tensors.h"

namespace geocompile::torch_binding {
namespace {

Tensor slots(const Tensor& ptr, const Tensor& like) {
  check_slots(info("ptr", ptr), info("like", like));
  const Tensor starts = torch::stable::contiguous(ptr);
  const int64_t most = cpu::largest_graph(dtype_of(ptr), starts.const_data_ptr(), ptr.size(0) - 1, like.size(0));
  Tensor slots = empty(ptr, {most}, ScalarType::Long);
  auto* first = static_cast<int64_t*>(slots.mutable_data_ptr());
  std::iota(first, first + most, int64_t{0});
  return slots;
}

Tensor to_dense(const Tensor& x, const Tensor& ptr, const Tensor& slots, double fill_value) {
  DenseBatch args = check_to_dense(info("x", x), info("ptr", ptr), info("slots", slots), fill_value);
  const Tensor nodes = torch::stable::contiguous(x), starts = torch::stable::contiguous(ptr);
  std::vector<int64_t> sizes(x.sizes().begin(), x.sizes().end());
  sizes[0] = args.num_slots;
  sizes.insert(sizes.begin(), args.num_graphs);
  Tensor dense = empty(x, sizes);
  args.ptr = starts.const_data_ptr();
  args.from = nodes.const_data_ptr();
  args.to = dense.mutable_data_ptr();
  cpu::to_dense(args, parallel());
  return dense;
}

Tensor from_dense(const Tensor& dense, const Tensor& ptr, const Tensor& like) {
  DenseBatch args = check_from_dense(info("dense", dense), info("ptr", ptr), info("like", like));
  const Tensor rows = torch::stable::contiguous(dense), starts = torch::stable::contiguous(ptr);
  std::vector<int64_t> sizes(dense.sizes().begin() + 1, dense.sizes().end());
  sizes[0] = args.num_nodes;
  Tensor x = empty(dense, sizes);
  args.ptr = starts.const_data_ptr();
  args.from = rows.const_data_ptr();
  args.to = x.mutable_data_ptr();
  cpu::from_dense(args, parallel());
  return x;
}

}  // namespace

STABLE_TORCH_LIBRARY_FRAGMENT(geocompile, m) {
  m.def("slots(Tensor ptr, Tensor like) -> Tensor");
  m.def("to_dense(Tensor x, Tensor ptr, Tensor slots, float fill_value=0.0) -> Tensor");
  m.def("from_dense(Tensor dense, Tensor ptr, Tensor like) -> Tensor");
}

STABLE_TORCH_LIBRARY_IMPL(geocompile, CPU, m) {
  m.impl("slots", TORCH_BOX(&slots));
  m.impl("to_dense", TORCH_BOX(&to_dense));
  m.impl("from_dense", TORCH_BOX(&from_dense));
}

}  // namespace geocompile::torch_binding
