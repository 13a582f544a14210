// Softmax within segments.
#include "kernels/segment_softmax.h"

#include "kernels/checks.h"
#include "tensors.h"

namespace geocompile::torch_binding {
namespace {

Tensor segment_softmax(const Tensor& src, const Tensor& rowptr, const std::optional<Tensor>& perm) {
  check_segment_softmax(info("src", src), info("rowptr", rowptr), info("perm", perm));
  const Tensor values = torch::stable::contiguous(src), starts = torch::stable::contiguous(rowptr);
  const std::optional<Tensor> places = contiguous(perm);
  Tensor out = empty(values, with_rows(values, src.size(0)));
  const CsrGraph graph{dtype_of(starts),        starts.size(0) - 1, src.size(0), perm ? perm->size(0) : src.size(0),
                       starts.const_data_ptr(), data(places)};
  const SegmentSoftmax args{"segment_softmax",       dtype_of(src),         graph, info("src", values).row_size(),
                            values.const_data_ptr(), out.mutable_data_ptr()};
  Workspace workspace(src, cpu::segment_softmax_workspace(args));
  cpu::segment_softmax(args, workspace.data(), parallel());
  return out;
}

}  // namespace

STABLE_TORCH_LIBRARY_FRAGMENT(geocompile, m) {
  m.def("segment_softmax(Tensor src, Tensor rowptr, Tensor? perm=None) -> Tensor");
}

STABLE_TORCH_LIBRARY_IMPL(geocompile, CPU, m) { m.impl("segment_softmax", TORCH_BOX(&segment_softmax)); }

}  // namespace geocompile::torch_binding
