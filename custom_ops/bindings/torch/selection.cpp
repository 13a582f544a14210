// Choosing nodes graph by graph.
#include "kernels/selection.h"

#include <tuple>

#include "tensors.h"

namespace geocompile::torch_binding {
namespace {

int64_t* places(const Tensor& tensor) { return static_cast<int64_t*>(tensor.mutable_data_ptr()); }

Tensor graph_ptr(const Tensor& batch, const std::optional<Tensor>& like) {
  check_graph_ptr(info("batch", batch), info("like", like));
  const Tensor graphs = torch::stable::contiguous(batch);
  const DType dtype = dtype_of(batch);
  const int64_t num_nodes = batch.size(0);
  const int64_t num_graphs =
      like ? like->size(0) : cpu::count_sorted_graphs("graph_ptr", dtype, graphs.const_data_ptr(), num_nodes);
  Tensor ptr = empty(batch, {num_graphs + 1});
  cpu::graph_ptr({dtype, num_nodes, num_graphs, graphs.const_data_ptr(), ptr.mutable_data_ptr()});
  return ptr;
}

Tensor topk(const Tensor& score, const Tensor& ptr, double ratio) {
  check_topk(info("score", score), info("ptr", ptr), ratio);
  const Tensor scores = torch::stable::contiguous(score), starts = torch::stable::contiguous(ptr);
  TopK args{dtype_of(score), dtype_of(ptr),           score.size(0),           ptr.size(0) - 1,
            ratio,           scores.const_data_ptr(), starts.const_data_ptr(), nullptr};
  Tensor perm = empty(score, {cpu::topk_size(args)}, ScalarType::Long);
  args.perm = places(perm);
  Workspace workspace(score, cpu::topk_workspace(args));
  cpu::topk(args, workspace.data(), parallel());
  return perm;
}

std::tuple<Tensor, Tensor> filter_edges(const Tensor& edge_index, const Tensor& perm, const Tensor& like) {
  check_filter_edges(info("edge_index", edge_index), info("perm", perm), info("like", like));
  const Tensor ends = torch::stable::contiguous(edge_index), nodes = torch::stable::contiguous(perm);
  FilterEdges args{dtype_of(edge_index),
                   edge_index.size(1),
                   perm.size(0),
                   like.size(0),
                   ends.const_data_ptr(),
                   static_cast<const int64_t*>(nodes.const_data_ptr()),
                   nullptr,
                   nullptr};
  Workspace workspace(edge_index, cpu::filter_edges_workspace(args));
  const int64_t size = cpu::filter_edges_size(args, workspace.data(), parallel());
  Tensor out = empty(edge_index, {2, size});
  Tensor edges = empty(edge_index, {size}, ScalarType::Long);
  args.out = out.mutable_data_ptr();
  args.edges = places(edges);
  cpu::filter_edges(args, size, workspace.data(), parallel());
  return {out, edges};
}

}  // namespace

STABLE_TORCH_LIBRARY_FRAGMENT(geocompile, m) {
  m.def("graph_ptr(Tensor batch, Tensor? like=None) -> Tensor");
  m.def("topk(Tensor score, Tensor ptr, float ratio) -> Tensor");
  m.def("filter_edges(Tensor edge_index, Tensor perm, Tensor like) -> (Tensor, Tensor)");
}

STABLE_TORCH_LIBRARY_IMPL(geocompile, CPU, m) {
  m.impl("graph_ptr", TORCH_BOX(&graph_ptr));
  m.impl("topk", TORCH_BOX(&topk));
  m.impl("filter_edges", TORCH_BOX(&filter_edges));
}

}  // namespace geocompile::torch_binding
