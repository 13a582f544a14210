// SegmentSoftmax and SegmentSoftmaxPermuted.
#include "kernels/segment_softmax.h"

#include "kernels/checks.h"
#include "op_type.h"

namespace geocompile::ort_binding {
namespace {

void segment_softmax(const Call& call, bool permuted) {
  const Input src = call.input(0), rowptr = call.input(1);
  const std::optional<Input> perm = call.input_if(permuted, 2);
  check_segment_softmax(src.info(), rowptr.info(), info(perm));
  const int64_t num_edges = perm ? perm->size(0) : src.size(0);
  const CsrGraph graph{rowptr.dtype(), rowptr.size(0) - 1, src.size(0), num_edges, rowptr.data(), data(perm)};
  const SegmentSoftmax args{"segment_softmax",     src.dtype(), graph,
                            src.info().row_size(), src.data(),  call.output(0, src.sizes())};
  Workspace workspace = call.workspace(cpu::segment_softmax_workspace(args));
  cpu::segment_softmax(args, workspace.data(), call.parallel());
}

OpType type_of(const char* name, bool permuted) {
  OpType type{name,
              {{"src", 'T', {"S", "..."}}, {"rowptr", 'I', {"N + 1"}}},
              {{"out", 'T', {"S", "..."}}},
              {},
              [=](const Call& call) { segment_softmax(call, permuted); }};
  if (permuted) type.inputs.push_back({"perm", 'I', {"E"}});
  return type;
}

}  // namespace

std::vector<OpType> segment_softmax_types() {
  return {type_of("SegmentSoftmax", false), type_of("SegmentSoftmaxPermuted", true)};
}

}  // namespace geocompile::ort_binding
