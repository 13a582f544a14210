// Graclus, GraclusWeighted, GraclusOrdered and GraclusWeightedOrdered.
#include "kernels/graclus.h"

#include "op_type.h"

namespace geocompile::ort_binding {
namespace {

void graclus(const Call& call, bool weighted, bool ordered) {
  const Input rowptr = call.input(0), col = call.input(1);
  const std::optional<Input> weight = call.input_if(weighted, 2), order = call.input_if(ordered, weighted ? 3 : 2);
  Graclus args = check_graclus(rowptr.info(), col.info(), info(weight), info(order));
  args.graph.rowptr = rowptr.data();
  args.graph.col = col.data();
  args.weight = data(weight);
  args.order = data(order);
  args.out = static_cast<int64_t*>(call.output(0, {args.graph.num_rows}));
  Workspace workspace = call.workspace(cpu::graclus_workspace(args));
  cpu::graclus(args, workspace.data(), call.parallel());
}

OpType type_of(const char* name, bool weighted, bool ordered) {
  OpType type{
      name, {{"rowptr", 'I', {"N + 1"}}, {"col", 'I', {"E"}}}, {{"out", 'P', {"N"}}}, {}, [=](const Call& call) {
        graclus(call, weighted, ordered);
      }};
  if (weighted) type.inputs.push_back({"weight", 'T', {"E"}});
  if (ordered) type.inputs.push_back({"order", 'I', {"K"}});
  return type;
}

}  // namespace

std::vector<OpType> graclus_types() {
  return {type_of("Graclus", false, false), type_of("GraclusWeighted", true, false),
          type_of("GraclusOrdered", false, true), type_of("GraclusWeightedOrdered", true, true)};
}

}  // namespace geocompile::ort_binding
