// Reductions over rows, with and without the gather fused in, and what their gradients need.
#include "gather_segment_reduce.h"

namespace geocompile::torch_binding {
namespace {

Tensor run(Gather gather) {
  Tensor out = gather.make_out();
  Workspace workspace(gather.x, cpu::gather_segment_reduce_workspace(gather.args));
  cpu::gather_segment_reduce(gather.args, workspace.data(), parallel());
  return out;
}

Tensor segment_reduce(const Tensor& src, const Tensor& rowptr, const std::optional<Tensor>& perm,
                      const std::string& reduce) {
  return run(Gather::of_segments(src, rowptr, perm, reduce));
}

Tensor gather_segment_reduce(const Tensor& x, const Tensor& rowptr, const Tensor& col,
                             const std::optional<Tensor>& weight, const std::optional<Tensor>& self_weight,
                             const std::string& reduce) {
  return run(Gather::of_sources("gather_segment_reduce", x, rowptr, col, weight, self_weight, reduce));
}

Tensor gather_segment_arg(const Tensor& x, const Tensor& rowptr, const Tensor& col, const std::optional<Tensor>& weight,
                          const std::optional<Tensor>& self_weight, const std::string& reduce) {
  if (reduce != "max" && reduce != "min")
    throw std::invalid_argument("geocompile.gather_segment_arg: reduce must be 'max' or 'min', got '" + reduce + "'");
  const Gather gather = Gather::of_sources("gather_segment_arg", x, rowptr, col, weight, self_weight, reduce);
  Tensor arg = empty(gather.rowptr, with_rows(x, gather.args.graph.num_rows));
  cpu::gather_segment_arg(GatherSegmentArg{gather.args, arg.mutable_data_ptr()}, parallel());
  return arg;
}

Tensor edge_dot(const Tensor& a, const Tensor& b, const Tensor& rowptr, const Tensor& col, bool per_head) {
  check_edge_dot(info("a", a), info("b", b), info("rowptr", rowptr), info("col", col), per_head);
  const Tensor rows = torch::stable::contiguous(a), sources = torch::stable::contiguous(b);
  const Tensor starts = torch::stable::contiguous(rowptr), edges = torch::stable::contiguous(col);
  const int64_t channels = info("a", a).row_size(), heads = per_head ? a.size(1) : 1;
  Tensor out = per_head ? empty(a, {col.size(0), heads}) : empty(a, {col.size(0)});
  if (channels == 0) return torch::stable::zero_(out);
  cpu::edge_dot(EdgeDot{"edge_dot", dtype_of(a), graph_of(starts, edges, b.size(0)), channels, heads,
                        rows.const_data_ptr(), sources.const_data_ptr(), out.mutable_data_ptr()},
                parallel());
  return out;
}

}  // namespace

STABLE_TORCH_LIBRARY_FRAGMENT(geocompile, m) {
  m.def("segment_reduce(Tensor src, Tensor rowptr, Tensor? perm=None, str reduce='sum') -> Tensor");
  m.def(
      "gather_segment_reduce(Tensor x, Tensor rowptr, Tensor col, Tensor? weight=None, Tensor? self_weight=None, "
      "str reduce='sum') -> Tensor");
  m.def(
      "gather_segment_arg(Tensor x, Tensor rowptr, Tensor col, Tensor? weight, Tensor? self_weight, str reduce) -> "
      "Tensor");
  m.def("edge_dot(Tensor a, Tensor b, Tensor rowptr, Tensor col, bool per_head=False) -> Tensor");
}

STABLE_TORCH_LIBRARY_IMPL(geocompile, CPU, m) {
  m.impl("segment_reduce", TORCH_BOX(&segment_reduce));
  m.impl("gather_segment_reduce", TORCH_BOX(&gather_segment_reduce));
  m.impl("gather_segment_arg", TORCH_BOX(&gather_segment_arg));
  m.impl("edge_dot", TORCH_BOX(&edge_dot));
}

}  // namespace geocompile::torch_binding
