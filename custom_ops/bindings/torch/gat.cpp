// Attention of GAT.
#include "kernels/gat.h"

#include <tuple>

#include "kernels/checks.h"
#include "tensors.h"

namespace geocompile::torch_binding {
namespace {

// The arguments that scores are made of, with what keeps their memory alive.
struct Attention {
  Tensor rowptr, col, source, target;
  std::optional<Tensor> edge, self_edge;
  GatAttention args;

  Attention(const char* op, const Tensor& rowptr_, const Tensor& col_, const Tensor& source_, const Tensor& target_,
            const std::optional<Tensor>& edge_, const std::optional<Tensor>& self_edge_, double negative_slope,
            bool self_loops)
      : rowptr(torch::stable::contiguous(rowptr_)),
        col(torch::stable::contiguous(col_)),
        source(torch::stable::contiguous(source_)),
        target(torch::stable::contiguous(target_)),
        edge(contiguous(edge_)),
        self_edge(contiguous(self_edge_)) {
    args = {op,
            dtype_of(source),
            {dtype_of(rowptr), rowptr.size(0) - 1, source.size(0), col.size(0), rowptr.const_data_ptr(),
             col.const_data_ptr()},
            source.size(1),
            negative_slope,
            self_loops,
            source.const_data_ptr(),
            target.const_data_ptr(),
            data(edge),
            data(self_edge)};
  }
};

GatInfo info_of(const Tensor& rowptr, const Tensor& col, const Tensor& source, const Tensor& target,
                const std::optional<Tensor>& edge, const std::optional<Tensor>& self_edge, bool self_loops) {
  return {info("rowptr", rowptr),
          info("col", col),
          info("source", source),
          info("target", target),
          info("edge", edge),
          info("self_edge", self_edge),
          self_loops};
}

std::tuple<Tensor, Tensor> gat_coefficients(const Tensor& rowptr, const Tensor& col, const Tensor& source,
                                            const Tensor& target, const std::optional<Tensor>& edge,
                                            const std::optional<Tensor>& self_edge, double negative_slope,
                                            bool self_loops) {
  check_gat_scores("gat_coefficients", info_of(rowptr, col, source, target, edge, self_edge, self_loops));
  const Attention attention("gat_coefficients", rowptr, col, source, target, edge, self_edge, negative_slope,
                            self_loops);
  Tensor alpha = empty(source, with_rows(source, col.size(0)));
  Tensor self_alpha = empty(source, with_rows(source, rowptr.size(0) - 1));
  const GatCoefficients args{attention.args, alpha.mutable_data_ptr(), self_alpha.mutable_data_ptr()};
  Workspace workspace(source, cpu::gat_coefficients_workspace(args));
  cpu::gat_coefficients(args, workspace.data(), parallel());
  return {alpha, self_alpha};
}

Tensor gat_aggregate(const Tensor& x, const Tensor& rowptr, const Tensor& col, const Tensor& source,
                     const Tensor& target, const std::optional<Tensor>& edge, const std::optional<Tensor>& self_edge,
                     double negative_slope, bool self_loops) {
  check_gat_aggregate(info("x", x), info_of(rowptr, col, source, target, edge, self_edge, self_loops));
  const Attention attention("gat_aggregate", rowptr, col, source, target, edge, self_edge, negative_slope, self_loops);
  const Tensor sources = torch::stable::contiguous(x);
  Tensor out = empty(x, with_rows(x, rowptr.size(0) - 1));
  const GatAggregate args{attention.args, x.size(2), sources.const_data_ptr(), out.mutable_data_ptr()};
  Workspace workspace(x, cpu::gat_aggregate_workspace(args));
  cpu::gat_aggregate(args, workspace.data(), parallel());
  return out;
}

}  // namespace

STABLE_TORCH_LIBRARY_FRAGMENT(geocompile, m) {
  m.def(
      "gat_coefficients(Tensor rowptr, Tensor col, Tensor source, Tensor target, Tensor? edge=None, "
      "Tensor? self_edge=None, float negative_slope=0.2, bool self_loops=False) -> (Tensor, Tensor)");
  m.def(
      "gat_aggregate(Tensor x, Tensor rowptr, Tensor col, Tensor source, Tensor target, Tensor? edge=None, "
      "Tensor? self_edge=None, float negative_slope=0.2, bool self_loops=False) -> Tensor");
}

STABLE_TORCH_LIBRARY_IMPL(geocompile, CPU, m) {
  m.impl("gat_coefficients", TORCH_BOX(&gat_coefficients));
  m.impl("gat_aggregate", TORCH_BOX(&gat_aggregate));
}

}  // namespace geocompile::torch_binding
