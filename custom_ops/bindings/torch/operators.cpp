// The operators as torch sees them: schemas, and CPU implementations that unpack, check and call a kernel.
#include <tuple>

#include "kernels/checks.h"
#include "kernels/csr_from_coo.h"
#include "kernels/gather_segment_reduce.h"
#include "kernels/gcn_norm.h"
#include "tensors.h"

namespace geocompile::torch_binding {
namespace {

std::tuple<Tensor, Tensor, Tensor> csr_from_coo(const Tensor& index, const Tensor& like,
                                                const std::optional<Tensor>& other) {
  check_csr_from_coo(info("index", index), info("like", like), info("other", other));
  const Tensor edges = torch::stable::contiguous(index);
  const std::optional<Tensor> others = contiguous(other);
  const int64_t num_edges = index.size(0), num_rows = like.size(0);
  Tensor rowptr = empty(index, {num_rows + 1}), perm = empty(index, {num_edges});
  Tensor other_sorted = empty(index, {other ? num_edges : 0});
  const CsrFromCoo args{"csr_from_coo",
                        "index",
                        dtype_of(index),
                        num_edges,
                        num_rows,
                        edges.const_data_ptr(),
                        data(others),
                        rowptr.mutable_data_ptr(),
                        perm.mutable_data_ptr(),
                        other_sorted.mutable_data_ptr()};
  const Parallel threads = parallel();
  Workspace workspace(index, cpu::csr_from_coo_workspace(args, threads.threads()));
  cpu::csr_from_coo(args, workspace.data(), threads);
  return {rowptr, perm, other_sorted};
}

std::tuple<Tensor, Tensor> batch_ptr(const Tensor& batch) {
  check_batch_ptr(info("batch", batch));
  const Tensor nodes = torch::stable::contiguous(batch);
  const int64_t num_nodes = batch.size(0);
  const int64_t num_graphs = cpu::count_graphs(dtype_of(batch), nodes.const_data_ptr(), num_nodes);
  Tensor ptr = empty(batch, {num_graphs + 1}), perm = empty(batch, {num_nodes});
  const CsrFromCoo args{"batch_ptr",
                        "batch",
                        dtype_of(batch),
                        num_nodes,
                        num_graphs,
                        nodes.const_data_ptr(),
                        nullptr,
                        ptr.mutable_data_ptr(),
                        perm.mutable_data_ptr(),
                        nullptr};
  const Parallel threads = parallel();
  Workspace workspace(batch, cpu::csr_from_coo_workspace(args, threads.threads()));
  cpu::csr_from_coo(args, workspace.data(), threads);
  return {ptr, perm};
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
        self_weight(contiguous(self_weight_)),
        args{op,
             col_name,
             reduce_of(op, reduce),
             dtype_of(x),
             dtype_of(rowptr),
             rowptr.size(0) - 1,
             x.size(0),
             col ? col->size(0) : x.size(0),
             info("x", x).row_size(),
             x.const_data_ptr(),
             rowptr.const_data_ptr(),
             data(col),
             data(weight),
             data(self_weight),
             nullptr} {}

  Tensor run() {
    Tensor out = empty(x, with_rows(x, args.num_rows));
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
  Tensor arg = empty(gather.rowptr, with_rows(x, gather.args.num_rows));
  cpu::gather_segment_arg(GatherSegmentArg{gather.args, arg.mutable_data_ptr()}, parallel());
  return arg;
}

Tensor edge_dot(const Tensor& a, const Tensor& b, const Tensor& rowptr, const Tensor& col) {
  check_edge_dot(info("a", a), info("b", b), info("rowptr", rowptr), info("col", col));
  const Tensor rows = torch::stable::contiguous(a), sources = torch::stable::contiguous(b);
  const Tensor starts = torch::stable::contiguous(rowptr), edges = torch::stable::contiguous(col);
  Tensor out = empty(a, {col.size(0)});
  cpu::edge_dot(EdgeDot{"edge_dot", dtype_of(a), dtype_of(col), rowptr.size(0) - 1, b.size(0), col.size(0),
                        info("a", a).row_size(), rows.const_data_ptr(), sources.const_data_ptr(),
                        starts.const_data_ptr(), edges.const_data_ptr(), out.mutable_data_ptr()},
                parallel());
  return out;
}

std::tuple<Tensor, Tensor> gcn_norm(const Tensor& rowptr, const Tensor& col, const Tensor& like,
                                    const std::optional<Tensor>& weight, double fill_value, bool add_self_loops) {
  check_gcn_norm(info("rowptr", rowptr), info("col", col), info("like", like), info("weight", weight));
  const Tensor starts = torch::stable::contiguous(rowptr), edges = torch::stable::contiguous(col);
  const std::optional<Tensor> weights = contiguous(weight);
  const int64_t num_rows = rowptr.size(0) - 1, num_edges = col.size(0);
  Tensor edge_weight = empty(like, {num_edges}), self_weight = empty(like, {num_rows});
  const GcnNorm args{"gcn_norm",
                     dtype_of(like),
                     dtype_of(col),
                     num_rows,
                     num_edges,
                     fill_value,
                     add_self_loops,
                     starts.const_data_ptr(),
                     edges.const_data_ptr(),
                     data(weights),
                     edge_weight.mutable_data_ptr(),
                     self_weight.mutable_data_ptr()};
  Workspace workspace(like, cpu::gcn_norm_workspace(args));
  cpu::gcn_norm(args, workspace.data(), parallel());
  return {edge_weight, self_weight};
}

}  // namespace

STABLE_TORCH_LIBRARY(geocompile, m) {
  m.def("csr_from_coo(Tensor index, Tensor like, Tensor? other=None) -> (Tensor, Tensor, Tensor)");
  m.def("batch_ptr(Tensor batch) -> (Tensor, Tensor)");
  m.def("segment_reduce(Tensor src, Tensor rowptr, Tensor? perm=None, str reduce='sum') -> Tensor");
  m.def(
      "gather_segment_reduce(Tensor x, Tensor rowptr, Tensor col, Tensor? weight=None, Tensor? self_weight=None, "
      "str reduce='sum') -> Tensor");
  m.def(
      "gather_segment_arg(Tensor x, Tensor rowptr, Tensor col, Tensor? weight, Tensor? self_weight, str reduce) -> "
      "Tensor");
  m.def("edge_dot(Tensor a, Tensor b, Tensor rowptr, Tensor col) -> Tensor");
  m.def(
      "gcn_norm(Tensor rowptr, Tensor col, Tensor like, Tensor? weight=None, float fill_value=1.0, "
      "bool add_self_loops=True) -> (Tensor, Tensor)");
}

STABLE_TORCH_LIBRARY_IMPL(geocompile, CPU, m) {
  m.impl("csr_from_coo", TORCH_BOX(&csr_from_coo));
  m.impl("batch_ptr", TORCH_BOX(&batch_ptr));
  m.impl("segment_reduce", TORCH_BOX(&segment_reduce));
  m.impl("gather_segment_reduce", TORCH_BOX(&gather_segment_reduce));
  m.impl("gather_segment_arg", TORCH_BOX(&gather_segment_arg));
  m.impl("edge_dot", TORCH_BOX(&edge_dot));
  m.impl("gcn_norm", TORCH_BOX(&gcn_norm));
}

}  // namespace geocompile::torch_binding
