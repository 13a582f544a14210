// Voxels of points.
#include "kernels/grid_cluster.h"

#include "tensors.h"

namespace geocompile::torch_binding {
namespace {

Tensor grid_cluster(const Tensor& pos, const Tensor& size, const std::optional<Tensor>& start,
                    const std::optional<Tensor>& end, const std::optional<Tensor>& batch) {
  GridCluster args = check_grid_cluster(info("pos", pos), info("size", size), info("start", start), info("end", end),
                                        info("batch", batch));
  const Tensor points = torch::stable::contiguous(pos), sizes = torch::stable::contiguous(size);
  const std::optional<Tensor> starts = contiguous(start), ends = contiguous(end), graphs = contiguous(batch);
  Tensor out = empty(pos, {args.num_points}, ScalarType::Long);
  args.pos = points.const_data_ptr();
  args.size = sizes.const_data_ptr();
  args.start = data(starts);
  args.end = data(ends);
  args.batch = data(graphs);
  args.out = static_cast<int64_t*>(out.mutable_data_ptr());
  const Parallel threads = parallel();
  Workspace workspace(pos, cpu::grid_cluster_workspace(args, threads.threads()));
  cpu::grid_cluster(args, workspace.data(), threads);
  return out;
}

}  // namespace

STABLE_TORCH_LIBRARY_FRAGMENT(geocompile, m) {
  m.def("grid_cluster(Tensor pos, Tensor size, Tensor? start=None, Tensor? end=None, Tensor? batch=None) -> Tensor");
}

STABLE_TORCH_LIBRARY_IMPL(geocompile, CPU, m) { m.impl("grid_cluster", TORCH_BOX(&grid_cluster)); }

}  // namespace geocompile::torch_binding
