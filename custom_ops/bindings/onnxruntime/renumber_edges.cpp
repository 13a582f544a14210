// RenumberEdges.
#include "kernels/renumber_edges.h"

#include "op_type.h"

namespace geocompile::ort_binding {
namespace {

void renumber_edges(const Call& call) {
  const Input edge_index = call.input(0), number = call.input(1);
  RenumberEdges args = check_renumber_edges(edge_index.info(), number.info());
  args.edge_index = edge_index.data();
  args.number = number.data();
  args.out = call.output(0, {2, args.num_edges});
  cpu::renumber_edges(args, call.parallel());
}

}  // namespace

std::vector<OpType> renumber_edges_types() {
  return {{"RenumberEdges",
           {{"edge_index", 'I', {"2", "E"}}, {"number", 'I', {"N"}}},
           {{"out", 'I', {"2", "E"}}},
           {},
           renumber_edges}};
}

}  // namespace geocompile::ort_binding
