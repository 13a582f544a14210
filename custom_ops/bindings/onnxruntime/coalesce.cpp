// Coalesce.
#include "kernels/coalesce.h"

#include "op_type.h"

namespace geocompile::ort_binding {
namespace {

void coalesce(const Call& call) {
  const Input edge_index = call.input(0), like = call.input(1);
  Coalesce args = check_coalesce(edge_index.info(), like.info());
  args.edge_index = edge_index.data();
  const Parallel threads = call.parallel();
  Workspace workspace = call.workspace(cpu::coalesce_workspace(args, threads.threads()));
  const int64_t num_unique = cpu::coalesce_sort(args, workspace.data(), threads);
  void* out = call.output(0, {2, num_unique});
  void* ptr = call.output(1, {num_unique + 1});
  void* perm = call.output(2, {args.num_edges});
  cpu::coalesce_fill(args, workspace.data(), num_unique, out, ptr, perm, threads);
}

}  // namespace

std::vector<OpType> coalesce_types() {
  return {{"Coalesce",
           {{"edge_index", 'I', {"2", "E"}}, {"like", 'L', {"N", "..."}}},
           {{"out", 'I', {"2", "U"}}, {"ptr", 'I', {"U + 1"}}, {"perm", 'I', {"E"}}},
           {},
           coalesce}};
}

}  // namespace geocompile::ort_binding
