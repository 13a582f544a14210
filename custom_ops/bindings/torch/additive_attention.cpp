// Additive attention over edges, and the sums that its gradients need.
#include <tuple>

#include "graph.h"
#include "kernels/checks.h"
#include "kernels/edge_attention.h"
#include "tensors.h"

namespace geocompile::torch_binding {
namespace {

using Optional = std::optional<Tensor>;

// What the scores are made of, with what keeps its memory alive.
struct Scores {
  Tensor target, source, col;
  Optional att, rowptr, edge, edge_weight;

  Scores(const Tensor& target_, const Tensor& source_, const Optional& att_, const Optional& rowptr_,
         const Tensor& col_, const Optional& edge_, const Optional& edge_weight_)
      : target(torch::stable::contiguous(target_)),
        source(torch::stable::contiguous(source_)),
        col(torch::stable::contiguous(col_)),
        att(contiguous(att_)),
        rowptr(contiguous(rowptr_)),
        edge(contiguous(edge_)),
        edge_weight(contiguous(edge_weight_)) {}

  AdditiveInfo infos() const {
    return {info("target", target),
            info("source", source),
            info("col", col),
            info("att", att),
            info("rowptr", rowptr),
            info("edge", edge),
            info("edge_weight", edge_weight)};
  }

  // To be called once they are checked.
  AdditiveScores args(const char* op, double negative_slope) const {
    return {op,
            dtype_of(target),
            {dtype_of(col), target.size(0), source.size(0), col.size(0), data(rowptr), col.const_data_ptr()},
            target.size(1),
            target.size(2),
            edge ? edge->size(1) : 0,
            negative_slope,
            target.const_data_ptr(),
            source.const_data_ptr(),
            data(att),
            data(edge),
            data(edge_weight)};
  }
};

Tensor additive_coefficients(const Tensor& target, const Tensor& source, const Tensor& att, const Tensor& rowptr,
                             const Tensor& col, double negative_slope, const Optional& edge,
                             const Optional& edge_weight) {
  const Scores in(target, source, att, rowptr, col, edge, edge_weight);
  check_additive_scores("additive_coefficients", in.infos());
  Tensor alpha = empty(target, {col.size(0), target.size(1)});
  const AdditiveCoefficients args{in.args("additive_coefficients", negative_slope), alpha.mutable_data_ptr()};
  Workspace workspace(target, cpu::additive_coefficients_workspace(args));
  cpu::additive_coefficients(args, workspace.data(), parallel());
  return alpha;
}

Tensor additive_attention(const Tensor& target, const Tensor& source, const Tensor& att, const Tensor& rowptr,
                          const Tensor& col, double negative_slope, const Optional& edge, const Optional& edge_weight) {
  const Scores in(target, source, att, rowptr, col, edge, edge_weight);
  check_additive_scores("additive_attention", in.infos());
  Tensor out = empty(target, with_rows(target, target.size(0)));
  const AdditiveAttention args{in.args("additive_attention", negative_slope), out.mutable_data_ptr()};
  Workspace workspace(target, cpu::additive_attention_workspace(args));
  cpu::additive_attention(args, workspace.data(), parallel());
  return out;
}

std::tuple<Tensor, Tensor> additive_sums(const Tensor& weight, const Tensor& target, const Tensor& source,
                                         const Tensor& rowptr, const Tensor& col, double negative_slope,
                                         const Optional& edge, const Optional& edge_weight) {
  const Scores in(target, source, std::nullopt, rowptr, col, edge, edge_weight);
  const Tensor weights = torch::stable::contiguous(weight);
  check_additive_sums(info("weight", weights), in.infos());
  Tensor slopes = empty(target, with_rows(target, target.size(0)));
  Tensor values = empty(target, with_rows(target, target.size(0)));
  const AdditiveSums args{in.args("additive_sums", negative_slope), weights.const_data_ptr(), slopes.mutable_data_ptr(),
                          values.mutable_data_ptr()};
  Workspace workspace(target, cpu::additive_sums_workspace(args));
  cpu::additive_sums(args, workspace.data(), parallel());
  return {slopes, values};
}

std::tuple<Tensor, Tensor> additive_edge_gradients(const Tensor& weight, const Tensor& target, const Tensor& source,
                                                   const Tensor& att, const Tensor& row, const Tensor& col,
                                                   double negative_slope, const Tensor& edge,
                                                   const Tensor& edge_weight) {
  const Scores in(target, source, att, std::nullopt, col, edge, edge_weight);
  const Tensor weights = torch::stable::contiguous(weight), rows = torch::stable::contiguous(row);
  check_additive_edge_gradients(info("weight", weights), info("row", rows), in.infos());
  Tensor grad_edge = empty(edge, {edge.size(0), edge.size(1)});
  Tensor grad_weight = empty(edge_weight, with_rows(edge_weight, edge_weight.size(0)));
  const AdditiveEdgeGradients args{in.args("additive_edge_gradients", negative_slope), rows.const_data_ptr(),
                                   weights.const_data_ptr(), grad_edge.mutable_data_ptr(),
                                   grad_weight.mutable_data_ptr()};
  Workspace workspace(target, cpu::additive_edge_gradients_workspace(args));
  cpu::additive_edge_gradients(args, workspace.data(), parallel());
  return {grad_edge, grad_weight};
}

}  // namespace

STABLE_TORCH_LIBRARY_FRAGMENT(geocompile, m) {
  m.def(
      "additive_coefficients(Tensor target, Tensor source, Tensor att, Tensor rowptr, Tensor col, "
      "float negative_slope=0.2, Tensor? edge=None, Tensor? edge_weight=None) -> Tensor");
  m.def(
      "additive_attention(Tensor target, Tensor source, Tensor att, Tensor rowptr, Tensor col, "
      "float negative_slope=0.2, Tensor? edge=None, Tensor? edge_weight=None) -> Tensor");
  m.def(
      "additive_sums(Tensor weight, Tensor target, Tensor source, Tensor rowptr, Tensor col, float negative_slope, "
      "Tensor? edge, Tensor? edge_weight) -> (Tensor, Tensor)");
  m.def(
      "additive_edge_gradients(Tensor weight, Tensor target, Tensor source, Tensor att, Tensor row, Tensor col, "
      "float negative_slope, Tensor edge, Tensor edge_weight) -> (Tensor, Tensor)");
}

STABLE_TORCH_LIBRARY_IMPL(geocompile, CPU, m) {
  m.impl("additive_coefficients", TORCH_BOX(&additive_coefficients));
  m.impl("additive_attention", TORCH_BOX(&additive_attention));
  m.impl("additive_sums", TORCH_BOX(&additive_sums));
  m.impl("additive_edge_gradients", TORCH_BOX(&additive_edge_gradients));
}

}  // namespace geocompile::torch_binding
