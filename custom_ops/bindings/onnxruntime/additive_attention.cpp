// AdditiveCoefficients[Edge] and AdditiveAttention[Edge].
#include "kernels/checks.h"
#include "kernels/edge_attention.h"
#include "op_type.h"

namespace geocompile::ort_binding {
namespace {

// What the scores are made of.
struct Scores {
  Input target, source, att, rowptr, col;
  std::optional<Input> edge, edge_weight;

  Scores(const Call& call, bool with_edge)
      : target(call.input(0)),
        source(call.input(1)),
        att(call.input(2)),
        rowptr(call.input(3)),
        col(call.input(4)),
        edge(call.input_if(with_edge, 5)),
        edge_weight(call.input_if(with_edge, 6)) {}

  AdditiveInfo infos() const {
    return {target.info(), source.info(), col.info(), att.info(), rowptr.info(), info(edge), info(edge_weight)};
  }

  // To be called once the inputs are checked.
  AdditiveScores args(const char* op, const Call& call) const {
    return {op,
            target.dtype(),
            {rowptr.dtype(), rowptr.size(0) - 1, source.size(0), col.size(0), rowptr.data(), col.data()},
            target.size(1),
            target.size(2),
            edge ? edge->size(1) : 0,
            call.attribute(0),
            target.data(),
            source.data(),
            att.data(),
            data(edge),
            data(edge_weight)};
  }
};

void additive_coefficients(const Call& call, bool with_edge) {
  const Scores in(call, with_edge);
  check_additive_scores("additive_coefficients", in.infos());
  const AdditiveScores scores = in.args("additive_coefficients", call);
  const AdditiveCoefficients args{scores, call.output(0, {scores.graph.num_edges, scores.heads})};
  Workspace workspace = call.workspace(cpu::additive_coefficients_workspace(args));
  cpu::additive_coefficients(args, workspace.data(), call.parallel());
}

void additive_attention(const Call& call, bool with_edge) {
  const Scores in(call, with_edge);
  check_additive_scores("additive_attention", in.infos());
  const AdditiveScores scores = in.args("additive_attention", call);
  const AdditiveAttention args{scores, call.output(0, in.target.sizes())};
  Workspace workspace = call.workspace(cpu::additive_attention_workspace(args));
  cpu::additive_attention(args, workspace.data(), call.parallel());
}

OpType type_of(bool is_attention, bool with_edge) {
  const auto run = is_attention ? additive_attention : additive_coefficients;
  OpType type{std::string(is_attention ? "AdditiveAttention" : "AdditiveCoefficients") + (with_edge ? "Edge" : ""),
              {{"target", 'T', {"N", "H", "C"}},
               {"source", 'T', {"M", "H", "C"}},
               {"att", 'T', {"H", "C"}},
               {"rowptr", 'I', {"N + 1"}},
               {"col", 'I', {"E"}}},
              {},
              {{"negative_slope", false, static_cast<double>(0.2f)}},
              [=](const Call& call) { run(call, with_edge); }};
  if (with_edge) {
    type.inputs.push_back({"edge", 'T', {"E", "P"}});
    type.inputs.push_back({"edge_weight", 'T', {"H", "C", "P"}});
  }
  if (is_attention) {
    type.outputs = {{"out", 'T', {"N", "H", "C"}}};
  } else {
    type.outputs = {{"alpha", 'T', {"E", "H"}}};
  }
  return type;
}

}  // namespace

std::vector<OpType> additive_attention_types() {
  std::vector<OpType> types;
  for (const bool is_attention : {false, true})
    for (const bool with_edge : {false, true}) types.push_back(type_of(is_attention, with_edge));
  return types;
}

}  // namespace geocompile::ort_binding
