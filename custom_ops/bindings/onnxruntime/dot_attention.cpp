// DotCoefficients[Edge] and DotAttention[Edge].
#include "kernels/checks.h"
#include "kernels/edge_attention.h"
#include "op_type.h"

namespace geocompile::ort_binding {
namespace {

// What the scores are made of; `value` stands behind `key` where there is one.
struct Scores {
  Input query, key, rowptr, col;
  std::optional<Input> edge_query, edge;

  Scores(const Call& call, bool with_value, bool with_edge)
      : query(call.input(0)),
        key(call.input(1)),
        rowptr(call.input(2 + with_value)),
        col(call.input(3 + with_value)),
        edge_query(call.input_if(with_edge, 4 + with_value)),
        edge(call.input_if(with_edge, 5 + with_value)) {}

  DotInfo infos() const { return {query.info(), key.info(), rowptr.info(), col.info(), info(edge_query), info(edge)}; }

  // To be called once the inputs are checked.
  DotScores args(const char* op, const Call& call) const {
    return {op,
            query.dtype(),
            {rowptr.dtype(), rowptr.size(0) - 1, key.size(0), col.size(0), rowptr.data(), col.data()},
            query.size(1),
            query.size(2),
            edge ? edge->size(1) : 0,
            call.attribute(0),
            query.data(),
            key.data(),
            data(edge_query),
            data(edge)};
  }
};

void dot_coefficients(const Call& call, bool with_edge) {
  const Scores in(call, false, with_edge);
  check_dot_scores("dot_coefficients", in.infos());
  const DotScores scores = in.args("dot_coefficients", call);
  const DotCoefficients args{scores, call.output(0, {scores.graph.num_edges, scores.heads})};
  Workspace workspace = call.workspace(cpu::dot_coefficients_workspace(args));
  cpu::dot_coefficients(args, workspace.data(), call.parallel());
}

void dot_attention(const Call& call, bool with_edge) {
  const Input value = call.input(2);
  const Scores in(call, true, with_edge);
  check_dot_attention(value.info(), in.infos());
  const DotScores scores = in.args("dot_attention", call);
  const int64_t num_rows = scores.graph.num_rows, heads = scores.heads;
  void* out = call.output(0, {num_rows, heads, value.size(2)});
  void* edge_out = with_edge ? call.output(1, {num_rows, heads, scores.edge_channels}) : nullptr;
  const DotAttention args{scores, value.size(2), value.data(), out, edge_out};
  Workspace workspace = call.workspace(cpu::dot_attention_workspace(args));
  cpu::dot_attention(args, workspace.data(), call.parallel());
}

OpType type_of(bool is_attention, bool with_edge) {
  OpType type{
      std::string(is_attention ? "DotAttention" : "DotCoefficients") + (with_edge ? "Edge" : ""),
      {{"query", 'T', {"N", "H", "C"}}, {"key", 'T', {"M", "H", "C"}}},
      {},
      {{"scale", false, 1.0}},
      [=](const Call& call) { is_attention ? dot_attention(call, with_edge) : dot_coefficients(call, with_edge); }};
  if (is_attention) type.inputs.push_back({"value", 'T', {"M", "H", "D"}});
  type.inputs.push_back({"rowptr", 'I', {"N + 1"}});
  type.inputs.push_back({"col", 'I', {"E"}});
  if (with_edge) {
    type.inputs.push_back({"edge_query", 'T', {"N", "H", "P"}});
    type.inputs.push_back({"edge", 'T', {"E", "P"}});
  }
  if (!is_attention) {
    type.outputs = {{"alpha", 'T', {"E", "H"}}};
  } else {
    type.outputs = {{"out", 'T', {"N", "H", "D"}}};
    if (with_edge) type.outputs.push_back({"edge_out", 'T', {"N", "H", "P"}});
  }
  return type;
}

}  // namespace

std::vector<OpType> dot_attention_types() {
  std::vector<OpType> types;
  for (const bool is_attention : {false, true})
    for (const bool with_edge : {false, true}) types.push_back(type_of(is_attention, with_edge));
  return types;
}

}  // namespace geocompile::ort_binding
