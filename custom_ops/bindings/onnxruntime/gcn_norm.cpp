// GcnNorm and GcnNormWeighted.
#include "kernels/gcn_norm.h"

#include "kernels/checks.h"
#include "op_type.h"

namespace geocompile::ort_binding {
namespace {

void gcn_norm(const Call& call, bool weighted) {
  const Input rowptr = call.input(0), col = call.input(1), like = call.input(2);
  const std::optional<Input> weight = call.input_if(weighted, 3);
  check_gcn_norm(rowptr.info(), col.info(), like.info(), info(weight));
  const int64_t num_rows = rowptr.size(0) - 1, num_edges = col.size(0);
  const GcnNorm args{"gcn_norm",
                     like.dtype(),
                     CsrGraph{rowptr.dtype(), num_rows, num_rows, num_edges, rowptr.data(), col.data()},
                     call.attribute(0),
                     call.attribute(1) != 0,
                     data(weight),
                     call.output(0, {num_edges}),
                     call.output(1, {num_rows})};
  Workspace workspace = call.workspace(cpu::gcn_norm_workspace(args));
  cpu::gcn_norm(args, workspace.data(), call.parallel());
}

OpType type_of(const char* name, bool weighted) {
  OpType type{name,
              {{"rowptr", 'I', {"N + 1"}}, {"col", 'I', {"E"}}, {"like", 'T', {"..."}}},
              {{"edge_weight", 'T', {"E"}}, {"self_weight", 'T', {"N"}}},
              {{"fill_value", false, 1.0}, {"add_self_loops", true, 1.0}},
              [=](const Call& call) { gcn_norm(call, weighted); }};
  if (weighted) type.inputs.push_back({"weight", 'T', {"E"}});
  return type;
}

}  // namespace

std::vector<OpType> gcn_norm_types() { return {type_of("GcnNorm", false), type_of("GcnNormWeighted", true)}; }

}  // namespace geocompile::ort_binding
