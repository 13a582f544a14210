// GatCoefficients[Edge][Self] and GatAggregate[Edge][Self].
#include "kernels/gat.h"

#include "kernels/checks.h"
#include "op_type.h"

namespace geocompile::ort_binding {
namespace {

struct Form {
  bool with_edge, with_self;
};

// What the scores are made of: the inputs from `first` on.
struct Scores {
  Input rowptr, col, source, target;
  std::optional<Input> edge, self_edge;
  Form form;

  Scores(const Call& call, size_t first, Form form)
      : rowptr(call.input(first)),
        col(call.input(first + 1)),
        source(call.input(first + 2)),
        target(call.input(first + 3)),
        edge(call.input_if(form.with_edge, first + 4)),
        self_edge(call.input_if(form.with_edge && form.with_self, first + 5)),
        form(form) {}

  GatInfo infos() const {
    return {rowptr.info(), col.info(), source.info(), target.info(), info(edge), info(self_edge), form.with_self};
  }

  // To be called once the inputs are checked.
  GatAttention attention(const char* op, const Call& call) const {
    return {op,
            source.dtype(),
            {rowptr.dtype(), rowptr.size(0) - 1, source.size(0), col.size(0), rowptr.data(), col.data()},
            source.size(1),
            call.attribute(0),
            form.with_self,
            source.data(),
            target.data(),
            data(edge),
            data(self_edge)};
  }
};

void gat_coefficients(const Call& call, Form form) {
  const Scores in(call, 0, form);
  check_gat_scores("gat_coefficients", in.infos());
  const GatAttention attention = in.attention("gat_coefficients", call);
  const GatCoefficients args{attention, call.output(0, {in.col.size(0), attention.heads}),
                             call.output(1, {attention.graph.num_rows, attention.heads})};
  Workspace workspace = call.workspace(cpu::gat_coefficients_workspace(args));
  cpu::gat_coefficients(args, workspace.data(), call.parallel());
}

void gat_aggregate(const Call& call, Form form) {
  const Input x = call.input(0);
  const Scores in(call, 1, form);
  check_gat_aggregate(x.info(), in.infos());
  const GatAttention attention = in.attention("gat_aggregate", call);
  const GatAggregate args{attention, x.size(2), x.data(),
                          call.output(0, {attention.graph.num_rows, attention.heads, x.size(2)})};
  Workspace workspace = call.workspace(cpu::gat_aggregate_workspace(args));
  cpu::gat_aggregate(args, workspace.data(), call.parallel());
}

OpType type_of(const char* name, bool is_aggregate, Form form) {
  const char* sources = form.with_self ? "N" : "M";
  OpType type{std::string(name) + (form.with_edge ? "Edge" : "") + (form.with_self ? "Self" : ""),
              {},
              {},
              {{"negative_slope", false, static_cast<double>(0.2f)}},
              [=](const Call& call) { is_aggregate ? gat_aggregate(call, form) : gat_coefficients(call, form); }};
  if (is_aggregate) type.inputs.push_back({"x", 'T', {sources, "H", "C"}});
  type.inputs.push_back({"rowptr", 'I', {"N + 1"}});
  type.inputs.push_back({"col", 'I', {"E"}});
  type.inputs.push_back({"source", 'T', {sources, "H"}});
  type.inputs.push_back({"target", 'T', {"N", "H"}});
  if (form.with_edge) type.inputs.push_back({"edge", 'T', {"E", "H"}});
  if (form.with_edge && form.with_self) type.inputs.push_back({"self_edge", 'T', {"N", "H"}});
  if (is_aggregate) {
    type.outputs = {{"out", 'T', {"N", "H", "C"}}};
  } else {
    type.outputs = {{"alpha", 'T', {"E", "H"}}, {"self_alpha", 'T', {"N", "H"}}};
  }
  return type;
}

}  // namespace

std::vector<OpType> gat_types() {
  std::vector<OpType> types;
  for (const bool is_aggregate : {false, true})
    for (const Form form : {Form{false, false}, Form{false, true}, Form{true, false}, Form{true, true}})
      types.push_back(type_of(is_aggregate ? "GatAggregate" : "GatCoefficients", is_aggregate, form));
  return types;
}

}  // namespace geocompile::ort_binding
