// Reduction along a dimension by index.
#include "kernels/scatter.h"

#include <tuple>

#include "tensors.h"

namespace geocompile::torch_binding {
namespace {

int64_t wrapped(const Tensor& src, int64_t dim) { return dim < 0 ? dim + src.dim() : dim; }

// Whether an index of src's shape is a vector that was expanded: it need not be written out then.
bool is_expanded_vector(const Tensor& index, int64_t dim) {
  for (int64_t d = 0; d < index.dim(); ++d) {
    const bool repeats = index.size(d) == 1 || index.stride(d) == 0;
    if (d == dim ? index.stride(d) != 1 : !repeats) return false;
  }
  return true;
}

std::vector<int64_t> out_sizes(const Tensor& src, int64_t dim, int64_t num_rows) {
  std::vector<int64_t> sizes(src.sizes().begin(), src.sizes().end());
  sizes[wrapped(src, dim)] = num_rows;
  return sizes;
}

// Runs a checked scatter; `arg` is filled if the operator has one.
Tensor run(Scatter args, const Tensor& src, const Tensor& index, int64_t dim, Tensor* arg) {
  if (args.full_index && is_expanded_vector(index, wrapped(src, dim))) args.full_index = false;
  const Tensor values = torch::stable::contiguous(src);
  const Tensor rows = args.full_index || index.dim() == 1 ? torch::stable::contiguous(index) : index;
  Tensor out = empty(src, out_sizes(src, dim, args.num_rows));
  args.src = values.const_data_ptr();
  args.index = rows.const_data_ptr();
  args.out = out.mutable_data_ptr();
  if (arg) args.arg = static_cast<int64_t*>(arg->mutable_data_ptr());
  const Parallel threads = parallel();
  Workspace workspace(src, cpu::scatter_workspace(args, threads.threads()));
  cpu::scatter(args, workspace.data(), threads);
  return out;
}

Tensor scatter(const Tensor& src, const Tensor& index, const Tensor& like, int64_t dim, const std::string& reduce) {
  const Scatter args = check_scatter("scatter", reduce_of("scatter", reduce), info("src", src), info("index", index),
                                     info("like", like), dim);
  return run(args, src, index, dim, nullptr);
}

std::tuple<Tensor, Tensor> scatter_arg(const Tensor& src, const Tensor& index, const Tensor& like, int64_t dim,
                                       const std::string& reduce) {
  const Scatter args = check_scatter_arg(reduce_of("scatter_arg", reduce), info("src", src), info("index", index),
                                         info("like", like), dim);
  Tensor arg = empty(src, out_sizes(src, dim, args.num_rows), ScalarType::Long);
  Tensor out = run(args, src, index, dim, &arg);
  return {out, arg};
}

}  // namespace

STABLE_TORCH_LIBRARY_FRAGMENT(geocompile, m) {
  m.def("scatter(Tensor src, Tensor index, Tensor like, int dim=0, str reduce='sum') -> Tensor");
  m.def("scatter_arg(Tensor src, Tensor index, Tensor like, int dim=0, str reduce='max') -> (Tensor, Tensor)");
}

STABLE_TORCH_LIBRARY_IMPL(geocompile, CPU, m) {
  m.impl("scatter", TORCH_BOX(&scatter));
  m.impl("scatter_arg", TORCH_BOX(&scatter_arg));
}

}  // namespace geocompile::torch_binding
