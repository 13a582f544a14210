// spline_basis: the weights of an edge add up to 1, their slopes to 0, kernels are in range whatever the coordinates;
// gaussian_weights against its formula.
#include "kernels/spline_basis.h"

#include "kernels/gaussian_weights.h"
#include "testing.h"

namespace testing {
namespace {

using geocompile::GaussianWeights;
using geocompile::SplineBasis;

template <class T>
struct Spline {
  int64_t edges = draw(200), dims = 1 + draw(3), degree = 1 + draw(3), terms = 1, kernels = 1;
  Buffer<T> pseudo{edges * dims};
  Buffer<int64_t> kernel_size{dims}, is_open{dims};

  Spline() {
    for (int64_t d = 0; d < dims; ++d) {
      kernel_size[d] = 1 + draw(6);
      is_open[d] = draw(2);
      kernels *= kernel_size[d];
      terms *= degree + 1;
    }
    pseudo.fill(0, 1);
    const double hostile[] = {NAN, INFINITY, -INFINITY, -0.0, 1.0, -1e30, 1e30, 3.5};
    for (int64_t i = 0; i < pseudo.count; ++i)
      if (draw(10) == 0) pseudo[i] = nearest<T>(hostile[draw(8)]);
  }

  bool is_finite(int64_t e) {
    for (int64_t d = 0; d < dims; ++d)
      if (!(std::fabs(value_of(pseudo[e * dims + d])) < 1e4)) return false;
    return true;
  }

  void check() {
    Buffer<T> basis(edges * terms), grad(edges * terms), grad_pseudo(edges * dims);
    Buffer<int64_t> index(edges * terms);
    grad.fill(1, 1);
    const SplineBasis args{dtype_of<T>,      edges,        dims,       degree,    terms, pseudo.data,
                           kernel_size.data, is_open.data, basis.data, index.data};
    const Parallel parallel = threads(1 + draw(4));
    Buffer<char> workspace(geocompile::cpu::spline_basis_workspace(args, parallel.threads()));
    geocompile::cpu::spline_basis(args, workspace.data, parallel);
    geocompile::cpu::spline_basis_backward({args, grad.data, grad_pseudo.data}, workspace.data, parallel);
    for (int64_t e = 0; e < edges; ++e) {
      double sum = 0;
      for (int64_t s = e * terms; s < (e + 1) * terms; ++s) {
        sum += value_of(basis[s]);
        require(index[s] >= 0 && index[s] < kernels, "a kernel in range");
      }
      if (!is_finite(e)) continue;
      require(std::fabs(sum - 1) < 64 * unit_of<T> * terms, "the weights of an edge add up to 1");
      for (int64_t d = 0; d < dims; ++d)
        require(std::fabs(value_of(grad_pseudo[e * dims + d])) < 64 * sum_unit_of<T> * terms * 16,
                "the slopes of an edge add up to 0");
    }
  }
};

template <class T>
void random_gaussians() {
  const int64_t edges = draw(150), kernels = draw(9), dims = draw(4);
  Buffer<T> pseudo(edges * dims), mu(kernels * dims), sigma(kernels * dims), out(edges * kernels);
  pseudo.fill(-1, 1);
  mu.fill(-1, 1);
  sigma.fill(0.5, 2);
  const GaussianWeights args{dtype_of<T>, edges, kernels, dims, pseudo.data, mu.data, sigma.data, out.data};
  const Parallel parallel = threads(1 + draw(4));
  Buffer<char> workspace(geocompile::cpu::gaussian_weights_workspace(args, parallel.threads()));
  geocompile::cpu::gaussian_weights(args, workspace.data, parallel);
  for (int64_t e = 0; e < edges; ++e)
    for (int64_t k = 0; k < kernels; ++k) {
      double sum = 0;
      for (int64_t d = 0; d < dims; ++d) {
        const double distance = value_of(pseudo[e * dims + d]) - value_of(mu[k * dims + d]);
        const double deviation = value_of(sigma[k * dims + d]);
        sum += distance * distance / (1e-15 + deviation * deviation);
      }
      require(std::fabs(value_of(out[e * kernels + k]) - std::exp(-0.5 * sum)) < 64 * unit_of<T>, "a Gaussian weight");
    }
}

template <class T>
void random_splines() {
  Spline<T>().check();
  random_gaussians<T>();
}

const Family family(
    [] {
      random_splines<float>();
      random_splines<double>();
      random_splines<Half>();
      random_splines<BFloat16>();
    },
    [] {});

}  // namespace
}  // namespace testing
