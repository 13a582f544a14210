// B-spline bases and Gaussian weights: how much each kernel counts for an edge.
#include "kernels/spline_basis.h"

#include <tuple>

#include "kernels/gaussian_weights.h"
#include "tensors.h"

namespace geocompile::torch_binding {
namespace {

// The contiguous arguments, kept alive, and the kernel's view of them.
struct Spline {
  Tensor pseudo, kernel_size, is_open_spline;
  SplineBasis args;

  Spline(const char* op, const Tensor& pseudo_, const Tensor& kernel_size_, const Tensor& is_open_spline_,
         int64_t degree)
      : pseudo(torch::stable::contiguous(pseudo_)),
        kernel_size(torch::stable::contiguous(kernel_size_)),
        is_open_spline(torch::stable::contiguous(is_open_spline_)),
        args(check_spline_basis(op, info("pseudo", pseudo), info("kernel_size", kernel_size),
                                info("is_open_spline", is_open_spline), degree)) {
    args.pseudo = pseudo.const_data_ptr();
    args.kernel_size = static_cast<const int64_t*>(kernel_size.const_data_ptr());
    args.is_open = static_cast<const int64_t*>(is_open_spline.const_data_ptr());
  }
};

std::tuple<Tensor, Tensor> spline_basis(const Tensor& pseudo, const Tensor& kernel_size, const Tensor& is_open_spline,
                                        int64_t degree) {
  Spline spline("spline_basis", pseudo, kernel_size, is_open_spline, degree);
  SplineBasis& args = spline.args;
  Tensor basis = empty(pseudo, {args.num_edges, args.terms});
  Tensor weight_index = empty(pseudo, {args.num_edges, args.terms}, ScalarType::Long);
  args.basis = basis.mutable_data_ptr();
  args.weight_index = static_cast<int64_t*>(weight_index.mutable_data_ptr());
  const Parallel threads = parallel();
  Workspace workspace(pseudo, cpu::spline_basis_workspace(args, threads.threads()));
  cpu::spline_basis(args, workspace.data(), threads);
  return {basis, weight_index};
}

Tensor spline_basis_backward(const Tensor& grad, const Tensor& pseudo, const Tensor& kernel_size,
                             const Tensor& is_open_spline, int64_t degree) {
  const Spline spline("spline_basis_backward", pseudo, kernel_size, is_open_spline, degree);
  check_spline_grad(info("grad", grad), spline.args);
  const Tensor grads = torch::stable::contiguous(grad);
  Tensor grad_pseudo = empty(pseudo, {pseudo.size(0), pseudo.size(1)});
  const Parallel threads = parallel();
  Workspace workspace(pseudo, cpu::spline_basis_workspace(spline.args, threads.threads()));
  cpu::spline_basis_backward({spline.args, grads.const_data_ptr(), grad_pseudo.mutable_data_ptr()}, workspace.data(),
                             threads);
  return grad_pseudo;
}

Tensor gaussian_weights(const Tensor& pseudo, const Tensor& mu, const Tensor& sigma) {
  GaussianWeights args = check_gaussian_weights(info("pseudo", pseudo), info("mu", mu), info("sigma", sigma));
  const Tensor places = torch::stable::contiguous(pseudo);
  const Tensor means = torch::stable::contiguous(mu), deviations = torch::stable::contiguous(sigma);
  Tensor out = empty(pseudo, {args.num_edges, args.kernels});
  args.pseudo = places.const_data_ptr();
  args.mu = means.const_data_ptr();
  args.sigma = deviations.const_data_ptr();
  args.out = out.mutable_data_ptr();
  const Parallel threads = parallel();
  Workspace workspace(pseudo, cpu::gaussian_weights_workspace(args, threads.threads()));
  cpu::gaussian_weights(args, workspace.data(), threads);
  return out;
}

}  // namespace

STABLE_TORCH_LIBRARY_FRAGMENT(geocompile, m) {
  m.def("spline_basis(Tensor pseudo, Tensor kernel_size, Tensor is_open_spline, int degree=1) -> (Tensor, Tensor)");
  m.def(
      "spline_basis_backward(Tensor grad, Tensor pseudo, Tensor kernel_size, Tensor is_open_spline, int degree) -> "
      "Tensor");
  m.def("gaussian_weights(Tensor pseudo, Tensor mu, Tensor sigma) -> Tensor");
}

STABLE_TORCH_LIBRARY_IMPL(geocompile, CPU, m) {
  m.impl("spline_basis", TORCH_BOX(&spline_basis));
  m.impl("spline_basis_backward", TORCH_BOX(&spline_basis_backward));
  m.impl("gaussian_weights", TORCH_BOX(&gaussian_weights));
}

}  // namespace geocompile::torch_binding
