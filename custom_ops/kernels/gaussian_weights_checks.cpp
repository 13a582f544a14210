#include "gaussian_weights.h"

#include "checker.h"

namespace geocompile {

GaussianWeights check_gaussian_weights(const TensorInfo& pseudo, const TensorInfo& mu, const TensorInfo& sigma) {
  const Checker check("gaussian_weights");
  check.values(pseudo);
  check.require(pseudo.rank == 2, "'pseudo' must have shape [num_edges, dims], got ", Checker::shape_of(pseudo));
  check.same_dtype(pseudo, mu);
  check.require(mu.rank == 2 && mu.size(1) == pseudo.size(1), "'mu' must have shape [kernels, ", pseudo.size(1),
                "] (one for each dimension of 'pseudo'), got ", Checker::shape_of(mu));
  check.same_dtype(pseudo, sigma);
  check.require(sigma.rank == 2 && sigma.size(0) == mu.size(0) && sigma.size(1) == mu.size(1),
                "'sigma' must have the shape of 'mu', ", Checker::shape_of(mu), ", got ", Checker::shape_of(sigma));
  return {pseudo.dtype, pseudo.size(0), mu.size(0), mu.size(1), nullptr, nullptr, nullptr, nullptr};
}

}  // namespace geocompile
