#include "spline_basis.h"

#include "checker.h"

namespace geocompile {
namespace {

constexpr int64_t kMostDims = 16;

}  // namespace

SplineBasis check_spline_basis(const char* op, const TensorInfo& pseudo, const TensorInfo& kernel_size,
                               const TensorInfo& is_open_spline, int64_t degree) {
  const Checker check(op);
  check.values(pseudo);
  check.require(pseudo.rank == 2 && pseudo.size(1) >= 1 && pseudo.size(1) <= kMostDims,
                "'pseudo' must have shape [num_edges, dims] with 1 to ", kMostDims, " dims, got ",
                Checker::shape_of(pseudo));
  for (const TensorInfo* t : {&kernel_size, &is_open_spline}) {
    check.require(t->dtype == DType::kInt64, "'", t->name, "' must be int64, got ", name_of(t->dtype));
    check.vector_of(*t, pseudo.size(1), "one for each dimension of 'pseudo'");
  }
  check.require(degree >= 1 && degree <= 3, "'degree' must be 1, 2 or 3, got ", degree);
  int64_t terms = 1;
  for (int64_t d = 0; d < pseudo.size(1); ++d) terms *= degree + 1;
  check.fits(static_cast<double>(terms) * pseudo.size(0) * sizeof(int64_t), "a basis of ", pseudo.size(0),
             " edges with ", terms, " active kernels each");
  return {pseudo.dtype, pseudo.size(0), pseudo.size(1), degree, terms, nullptr, nullptr, nullptr, nullptr, nullptr};
}

void check_spline_grad(const TensorInfo& grad, const SplineBasis& args) {
  const Checker check("spline_basis_backward");
  check.require(grad.dtype == args.value, "'grad' must be ", name_of(args.value), " as 'pseudo', got ",
                name_of(grad.dtype));
  check.require(grad.rank == 2 && grad.size(0) == args.num_edges && grad.size(1) == args.terms,
                "'grad' must have shape [", args.num_edges, ", ", args.terms, "], got ", Checker::shape_of(grad));
}

}  // namespace geocompile
