// CsrFromCoo, CsrFromIndex and BatchPtr.
#include "kernels/csr_from_coo.h"

#include "kernels/checks.h"
#include "op_type.h"

namespace geocompile::ort_binding {
namespace {

void run(const Call& call, const CsrFromCoo& args) {
  const Parallel threads = call.parallel();
  Workspace workspace = call.workspace(cpu::csr_from_coo_workspace(args, threads.threads()));
  cpu::csr_from_coo(args, workspace.data(), threads);
}

void csr_from_coo(const Call& call, bool with_other) {
  const Input index = call.input(0), like = call.input(1);
  const std::optional<Input> other = call.input_if(with_other, 2);
  check_csr_from_coo(index.info(), like.info(), info(other));
  const int64_t num_edges = index.size(0), num_rows = like.size(0);
  void* rowptr = call.output(0, {num_rows + 1});
  void* perm = call.output(1, {num_edges});
  void* other_sorted = with_other ? call.output(2, {num_edges}) : nullptr;
  run(call, CsrFromCoo{"csr_from_coo", "index", index.dtype(), num_edges, num_rows, index.data(), data(other), rowptr,
                       perm, other_sorted});
}

void batch_ptr(const Call& call) {
  const Input batch = call.input(0);
  check_batch_ptr(batch.info());
  const int64_t num_nodes = batch.size(0);
  const int64_t num_graphs = cpu::count_graphs(batch.dtype(), batch.data(), num_nodes);
  void* ptr = call.output(0, {num_graphs + 1});
  void* perm = call.output(1, {num_nodes});
  run(call, CsrFromCoo{"batch_ptr", "batch", batch.dtype(), num_nodes, num_graphs, batch.data(), nullptr, ptr, perm,
                       nullptr});
}

}  // namespace

std::vector<OpType> csr_from_coo_types() {
  const Formal index{"index", 'I', {"E"}}, like{"like", 'L', {"N", "..."}}, other{"other", 'I', {"E"}};
  const Formal rowptr{"rowptr", 'I', {"N + 1"}}, perm{"perm", 'I', {"E"}}, sorted{"other_sorted", 'I', {"E"}};
  return {
      {"CsrFromCoo", {index, like, other}, {rowptr, perm, sorted}, {}, [](auto& call) { csr_from_coo(call, true); }},
      {"CsrFromIndex", {index, like}, {rowptr, perm}, {}, [](auto& call) { csr_from_coo(call, false); }},
      {"BatchPtr", {{"batch", 'I', {"N"}}}, {{"ptr", 'I', {"B + 1"}}, {"perm", 'I', {"N"}}}, {}, batch_ptr},
  };
}

}  // namespace geocompile::ort_binding
