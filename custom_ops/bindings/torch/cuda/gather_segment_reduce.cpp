// Reductions over rows, with and without the gather fused in, for CUDA tensors.
#include "../gather_segment_reduce.h"

#include "device.h"

namespace geocompile::torch_binding {
namespace {

Tensor run(Gather gather, const OnDevice& device) {
  Tensor out = gather.make_out();
  Workspace workspace(gather.x, cuda::gather_segment_reduce_workspace(gather.args));
  cuda::gather_segment_reduce(gather.args, workspace.data(), device.stream());
  return out;
}

Tensor segment_reduce(const Tensor& src, const Tensor& rowptr, const std::optional<Tensor>& perm,
                      const std::string& reduce) {
  const OnDevice device("segment_reduce", {{"src", &src}, {"rowptr", &rowptr}, {"perm", pointer(perm)}});
  return run(Gather::of_segments(src, rowptr, perm, reduce), device);
}

Tensor gather_segment_reduce(const Tensor& x, const Tensor& rowptr, const Tensor& col,
                             const std::optional<Tensor>& weight, const std::optional<Tensor>& self_weight,
                             const std::string& reduce) {
  const OnDevice device("gather_segment_reduce", {{"x", &x},
                                                  {"rowptr", &rowptr},
                                                  {"col", &col},
                                                  {"weight", pointer(weight)},
                                                  {"self_weight", pointer(self_weight)}});
  return run(Gather::of_sources("gather_segment_reduce", x, rowptr, col, weight, self_weight, reduce), device);
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(geocompile, CUDA, m) {
  m.impl("segment_reduce", TORCH_BOX(&segment_reduce));
  m.impl("gather_segment_reduce", TORCH_BOX(&gather_segment_reduce));
}

}  // namespace geocompile::torch_binding
