// GraphPtr, GraphPtrLike, TopK and FilterEdges.
#include "kernels/selection.h"

#include "op_type.h"

namespace geocompile::ort_binding {
namespace {

void graph_ptr(const Call& call, bool with_like) {
  const Input batch = call.input(0);
  const std::optional<Input> like = call.input_if(with_like, 1);
  check_graph_ptr(batch.info(), info(like));
  const int64_t num_nodes = batch.size(0);
  const int64_t num_graphs =
      like ? like->size(0) : cpu::count_sorted_graphs("graph_ptr", batch.dtype(), batch.data(), num_nodes);
  cpu::graph_ptr({batch.dtype(), num_nodes, num_graphs, batch.data(), call.output(0, {num_graphs + 1})});
}

void topk(const Call& call) {
  const Input score = call.input(0), ptr = call.input(1);
  check_topk(score.info(), ptr.info(), call.attribute(0));
  TopK args{score.dtype(),     ptr.dtype(),  score.size(0), ptr.size(0) - 1,
            call.attribute(0), score.data(), ptr.data(),    nullptr};
  args.perm = static_cast<int64_t*>(call.output(0, {cpu::topk_size(args)}));
  Workspace workspace = call.workspace(cpu::topk_workspace(args));
  cpu::topk(args, workspace.data(), call.parallel());
}

void filter_edges(const Call& call) {
  const Input edge_index = call.input(0), perm = call.input(1), like = call.input(2);
  check_filter_edges(edge_index.info(), perm.info(), like.info());
  FilterEdges args{edge_index.dtype(),
                   edge_index.size(1),
                   perm.size(0),
                   like.size(0),
                   edge_index.data(),
                   static_cast<const int64_t*>(perm.data()),
                   nullptr,
                   nullptr};
  const Parallel threads = call.parallel();
  Workspace workspace = call.workspace(cpu::filter_edges_workspace(args));
  const int64_t size = cpu::filter_edges_size(args, workspace.data(), threads);
  args.out = call.output(0, {2, size});
  args.edges = static_cast<int64_t*>(call.output(1, {size}));
  cpu::filter_edges(args, size, workspace.data(), threads);
}

}  // namespace

std::vector<OpType> selection_types() {
  const Formal batch{"batch", 'I', {"N"}}, ptr{"ptr", 'I', {"B + 1"}}, like{"like", 'L', {"N", "..."}};
  return {
      {"GraphPtr", {batch}, {ptr}, {}, [](auto& call) { graph_ptr(call, false); }},
      {"GraphPtrLike", {batch, {"like", 'L', {"B", "..."}}}, {ptr}, {}, [](auto& call) { graph_ptr(call, true); }},
      {"GraphTopK", {{"score", 'T', {"N"}}, ptr}, {{"perm", 'P', {"M"}}}, {{"ratio", false, 0.5}}, topk},
      {"FilterEdges",
       {{"edge_index", 'I', {"2", "E"}}, {"perm", 'P', {"M"}}, like},
       {{"out", 'I', {"2", "U"}}, {"edges", 'P', {"U"}}},
       {},
       filter_edges},
  };
}

}  // namespace geocompile::ort_binding
