// Consecutive.
#include "kernels/consecutive.h"

#include "op_type.h"

namespace geocompile::ort_binding {
namespace {

void consecutive(const Call& call) {
  const Input ids = call.input(0);
  Consecutive args = check_consecutive(ids.info());
  args.ids = ids.data();
  auto* inverse = static_cast<int64_t*>(call.output(0, {args.count}));
  Workspace workspace = call.workspace(cpu::consecutive_workspace(args));
  const int64_t num_unique = cpu::consecutive_number(args, workspace.data(), inverse);
  void* unique = call.output(1, {num_unique});
  auto* first = static_cast<int64_t*>(call.output(2, {num_unique}));
  cpu::consecutive_list(args, workspace.data(), num_unique, unique, first);
}

}  // namespace

std::vector<OpType> consecutive_types() {
  return {{"Consecutive",
           {{"ids", 'I', {"N"}}},
           {{"inverse", 'P', {"N"}}, {"unique", 'I', {"C"}}, {"first", 'P', {"C"}}},
           {},
           consecutive}};
}

}  // namespace geocompile::ort_binding
