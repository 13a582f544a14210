// GroupedMatMul.
#include "kernels/grouped_matmul.h"

#include "op_type.h"

namespace geocompile::ort_binding {
namespace {

void grouped_matmul(const Call& call) {
  const Input x = call.input(0), ptr = call.input(1), weight = call.input(2);
  GroupedMatmul args{};
  args.groups = check_grouped_matmul(x.info(), ptr.info(), weight.info());
  args.groups.ptr = ptr.data();
  args.x = x.data();
  args.weight = weight.data();
  args.result = call.output(0, {args.groups.num_rows, args.groups.out});
  const Parallel threads = call.parallel();
  Workspace workspace = call.workspace(cpu::grouped_matmul_workspace(args, threads.threads()));
  cpu::grouped_matmul(args, workspace.data(), threads);
}

}  // namespace

std::vector<OpType> grouped_matmul_types() {
  return {{"GroupedMatMul",
           {{"x", 'T', {"N", "F"}}, {"ptr", 'I', {"K + 1"}}, {"weight", 'T', {"K", "F", "G"}}},
           {{"out", 'T', {"N", "G"}}},
           {},
           grouped_matmul}};
}

}  // namespace geocompile::ort_binding
