// SplineBasis{Linear,Quadratic,Cubic} and GaussianWeights.
#include "kernels/spline_basis.h"

#include "kernels/gaussian_weights.h"
#include "op_type.h"

namespace geocompile::ort_binding {
namespace {

void spline_basis(const Call& call, int64_t degree) {
  const Input pseudo = call.input(0), kernel_size = call.input(1), is_open_spline = call.input(2);
  SplineBasis args =
      check_spline_basis("spline_basis", pseudo.info(), kernel_size.info(), is_open_spline.info(), degree);
  args.pseudo = pseudo.data();
  args.kernel_size = static_cast<const int64_t*>(kernel_size.data());
  args.is_open = static_cast<const int64_t*>(is_open_spline.data());
  args.basis = call.output(0, {args.num_edges, args.terms});
  args.weight_index = static_cast<int64_t*>(call.output(1, {args.num_edges, args.terms}));
  const Parallel threads = call.parallel();
  Workspace workspace = call.workspace(cpu::spline_basis_workspace(args, threads.threads()));
  cpu::spline_basis(args, workspace.data(), threads);
}

void gaussian_weights(const Call& call) {
  const Input pseudo = call.input(0), mu = call.input(1), sigma = call.input(2);
  GaussianWeights args = check_gaussian_weights(pseudo.info(), mu.info(), sigma.info());
  args.pseudo = pseudo.data();
  args.mu = mu.data();
  args.sigma = sigma.data();
  args.out = call.output(0, {args.num_edges, args.kernels});
  const Parallel threads = call.parallel();
  Workspace workspace = call.workspace(cpu::gaussian_weights_workspace(args, threads.threads()));
  cpu::gaussian_weights(args, workspace.data(), threads);
}

OpType basis_of(const char* name, int64_t degree) {
  return {name,
          {{"pseudo", 'T', {"E", "D"}}, {"kernel_size", 'P', {"D"}}, {"is_open_spline", 'P', {"D"}}},
          {{"basis", 'T', {"E", "S"}}, {"weight_index", 'P', {"E", "S"}}},
          {},
          [=](const Call& call) { spline_basis(call, degree); }};
}

}  // namespace

std::vector<OpType> spline_basis_types() {
  return {
      basis_of("SplineBasisLinear", 1),
      basis_of("SplineBasisQuadratic", 2),
      basis_of("SplineBasisCubic", 3),
      {"GaussianWeights",
       {{"pseudo", 'T', {"E", "D"}}, {"mu", 'T', {"K", "D"}}, {"sigma", 'T', {"K", "D"}}},
       {{"out", 'T', {"E", "K"}}},
       {},
       gaussian_weights},
  };
}

}  // namespace geocompile::ort_binding
