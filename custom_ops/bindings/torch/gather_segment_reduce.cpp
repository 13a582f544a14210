// Reductions over rows, with and without the gather fused in, and what their gradients need.
#include "kernels/gather_segment_reduce.h"

#include "kernels/checks.h"
#include "tensors.h"

namespace geocompile::torch_binding {
namespace {

// One weight per edge, or one per edge and head; without channels any number of heads is as good.
int64_t heads_of(const std::optional<Tensor>& weight, int64_t channels) {
  return weight && weight->dim() == 2 && channels > 0 ? weight->size(1) : 1;
}

CsrGraph graph_of(const Tensor& rowptr, const std::optional<Tensor>& col, int64_t num_sources) {
  return {dtype_of(rowptr),        rowptr.size(0) - 1, num_sources, col ? col->size(0) : num_sources,
          rowptr.const_data_ptr(), data(col)};
}

// The arguments of a gather-reduce, with what keeps their memory alive.
struct Gather {
  Tensor x, rowptr;
  std::optional<Tensor> col, weight, self_weight;
  GatherSegmentReduce args;

  Gather(const char* op, const char* col_name, const Tensor& x_, const Tensor& rowptr_,
         const std::optional<Tensor>& col_, const std::optional<Tensor>& weight_,
         const std::optional<Tensor>& self_weight_, const std::string& reduce)
      : x(torch::stable::contiguous(x_)),
        rowptr(torch::stable::contiguous(rowptr_)),
        col(contiguous(col_)),
        weight(contiguous(weight_)),
        self_weight(contiguous(self_weight_)) {
    const int64_t channels = info("x", x).row_size();
    args = {op,
            col_name,
            reduce_of(op, reduce),
            dtype_of(x),
            graph_of(rowptr, col, x.size(0)),
            channels,
            heads_of(weight ? weight : self_weight, channels),
            x.const_data_ptr(),
            data(weight),
            data(self_weight),
            nullptr};
  }

  Tensor run() {
    Tensor out = empty(x, with_rows(x, args.graph.num_rows));
    args.out = out.mutable_data_ptr();
    Workspace workspace(x, cpu::gather_segment_reduce_workspace(args));
    cpu::gather_segment_reduce(args, workspace.data(), parallel());
    return out;
  }
};

Tensor segment_reduce(const Tensor& src, const Tensor& rowptr, const std::optional<Tensor>& perm,
                      const std::string& reduce) {
  check_segment_reduce(info("src", src), info("rowptr", rowptr), info("perm", perm));
  return Gather("segment_reduce", "perm", src, rowptr, perm, std::nullopt, std::nullopt, reduce).run();
}

Tensor gather_segment_reduce(const Tensor& x, const Tensor& rowptr, const Tensor& col,
                             const std::optional<Tensor>& weight, const std::optional<Tensor>& self_weight,
                             const std::string& reduce) {
  check_gather_segment_reduce("gather_segment_reduce", info("x", x), info("rowptr", rowptr), info("col", col),
                              info("weight", weight), info("self_weight", self_weight));
  return Gather("gather_segment_reduce", "col", x, rowptr, col, weight, self_weight, reduce).run();
}

Tensor gather_segment_arg(const Tensor& x, const Tensor& rowptr, const Tensor& col, const std::optional<Tensor>& weight,
                          const std::optional<Tensor>& self_weight, const std::string& reduce) {
  check_gather_segment_reduce("gather_segment_arg", info("x", x), info("rowptr", rowptr), info("col", col),
                              info("weight", weight), info("self_weight", self_weight));
  if (reduce != "max" && reduce != "min")
    throw std::invalid_argument("geocompile.gather_segment_arg: reduce must be 'max' or 'min', got '" + reduce + "'");
  Gather gather("gather_segment_arg", "col", x, rowptr, col, weight, self_weight, reduce);
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
