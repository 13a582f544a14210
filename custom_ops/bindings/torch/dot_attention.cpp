// Dot-product attention over edges.
#include <tuple>

#include "graph.h"
#include "kernels/checks.h"
#include "kernels/edge_attention.h"
#include "tensors.h"

namespace geocompile::torch_binding {
namespace {

// What the scores are made of, with what keeps its memory alive.
struct Scores {
  Tensor query, key, rowptr, col;
  std::optional<Tensor> edge_query, edge;

  Scores(const Tensor& query_, const Tensor& key_, const Tensor& rowptr_, const Tensor& col_,
         const std::optional<Tensor>& edge_query_, const std::optional<Tensor>& edge_)
      : query(torch::stable::contiguous(query_)),
        key(torch::stable::contiguous(key_)),
        rowptr(torch::stable::contiguous(rowptr_)),
        col(torch::stable::contiguous(col_)),
        edge_query(contiguous(edge_query_)),
        edge(contiguous(edge_)) {}

  DotInfo infos() const {
    return {info("query", query),           info("key", key),  info("rowptr", rowptr), info("col", col),
            info("edge_query", edge_query), info("edge", edge)};
  }

  // To be called once they are checked.
  DotScores args(const char* op, double scale) const {
    return {op,
            dtype_of(query),
            graph_of(rowptr, col, key.size(0)),
            query.size(1),
            query.size(2),
            edge ? edge->size(1) : 0,
            scale,
            query.const_data_ptr(),
            key.const_data_ptr(),
            data(edge_query),
            data(edge)};
  }
};

Tensor dot_coefficients(const Tensor& query, const Tensor& key, const Tensor& rowptr, const Tensor& col, double scale,
                        const std::optional<Tensor>& edge_query, const std::optional<Tensor>& edge) {
  const Scores in(query, key, rowptr, col, edge_query, edge);
  check_dot_scores("dot_coefficients", in.infos());
  Tensor alpha = empty(query, {col.size(0), query.size(1)});
  const DotCoefficients args{in.args("dot_coefficients", scale), alpha.mutable_data_ptr()};
  Workspace workspace(query, cpu::dot_coefficients_workspace(args));
  cpu::dot_coefficients(args, workspace.data(), parallel());
  return alpha;
}

std::tuple<Tensor, Tensor> dot_attention(const Tensor& query, const Tensor& key, const Tensor& value,
                                         const Tensor& rowptr, const Tensor& col, double scale,
                                         const std::optional<Tensor>& edge_query, const std::optional<Tensor>& edge) {
  const Scores in(query, key, rowptr, col, edge_query, edge);
  const Tensor values = torch::stable::contiguous(value);
  check_dot_attention(info("value", values), in.infos());
  const DotScores scores = in.args("dot_attention", scale);
  const int64_t num_rows = scores.graph.num_rows, heads = scores.heads;
  Tensor out = empty(query, {num_rows, heads, value.size(2)});
  Tensor edge_out = empty(query, {num_rows, heads, scores.edge_channels});
  const DotAttention args{scores, value.size(2), values.const_data_ptr(), out.mutable_data_ptr(),
                          edge_out.mutable_data_ptr()};
  Workspace workspace(query, cpu::dot_attention_workspace(args));
  cpu::dot_attention(args, workspace.data(), parallel());
  return {out, edge_out};
}

}  // namespace

STABLE_TORCH_LIBRARY_FRAGMENT(geocompile, m) {
  m.def(
      "dot_coefficients(Tensor query, Tensor key, Tensor rowptr, Tensor col, float scale=1.0, "
      "Tensor? edge_query=None, Tensor? edge=None) -> Tensor");
  m.def(
      "dot_attention(Tensor query, Tensor key, Tensor value, Tensor rowptr, Tensor col, float scale=1.0, "
      "Tensor? edge_query=None, Tensor? edge=None) -> (Tensor, Tensor)");
}

STABLE_TORCH_LIBRARY_IMPL(geocompile, CPU, m) {
  m.impl("dot_coefficients", TORCH_BOX(&dot_coefficients));
  m.impl("dot_attention", TORCH_BOX(&dot_attention));
}

}  // namespace geocompile::torch_binding
