// Farthest point sampling.
#include "kernels/fps.h"

#include "tensors.h"

namespace geocompile::torch_binding {
namespace {

Tensor fps(const Tensor& src, double ratio, const std::optional<Tensor>& batch, const std::optional<Tensor>& start) {
  Fps args = check_fps(info("src", src), ratio, info("batch", batch), info("start", start));
  const Tensor points = torch::stable::contiguous(src);
  const std::optional<Tensor> graphs = contiguous(batch), starts = contiguous(start);
  args.src = points.const_data_ptr();
  args.batch = data(graphs);
  args.start = static_cast<const int64_t*>(data(starts));
  const FpsCount count = cpu::count_fps(args);
  Tensor out = empty(src, {count.num_samples}, ScalarType::Long);
  const Parallel threads = parallel();
  Workspace workspace(src, cpu::fps_workspace(args, count, threads.threads()));
  cpu::fps(args, count, workspace.data(), static_cast<int64_t*>(out.mutable_data_ptr()), threads);
  return out;
}

}  // namespace

STABLE_TORCH_LIBRARY_FRAGMENT(geocompile, m) {
  m.def("fps(Tensor src, float ratio, Tensor? batch=None, Tensor? start=None) -> Tensor");
}

STABLE_TORCH_LIBRARY_IMPL(geocompile, CPU, m) { m.impl("fps", TORCH_BOX(&fps)); }

}  // namespace geocompile::torch_binding
