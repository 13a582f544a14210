// GatherKernel{Sum,Mean} and GatherSparseKernel{Sum,Mean,MeanPerKernel}[Weighted].
#include "kernels/gather_kernel_reduce.h"

#include <utility>

#include "kernels/checks.h"
#include "op_type.h"

namespace geocompile::ort_binding {
namespace {

constexpr std::pair<const char*, KernelReduce> kReduces[] = {
    {"Sum", KernelReduce::kSum}, {"Mean", KernelReduce::kMean}, {"MeanPerKernel", KernelReduce::kMeanPerKernel}};

void run(const Call& call, const KernelEdges& edges, KernelReduce reduce, const Input& x) {
  std::vector<int64_t> sizes = x.sizes();
  sizes[0] = edges.graph.num_rows;
  sizes.insert(sizes.begin() + 1, edges.num_kernels);
  const GatherKernelReduce args{edges, reduce, x.data(), call.output(0, sizes)};
  Workspace workspace = call.workspace(cpu::gather_kernel_reduce_workspace(args));
  cpu::gather_kernel_reduce(args, workspace.data(), call.parallel());
}

CsrGraph graph_of(const Input& x, const Input& rowptr, const Input& col) {
  return {rowptr.dtype(), rowptr.size(0) - 1, x.size(0), col.size(0), rowptr.data(), col.data()};
}

void dense(const Call& call, KernelReduce reduce) {
  const Input x = call.input(0), rowptr = call.input(1), col = call.input(2), weight = call.input(3);
  check_gather_kernel_reduce(x.info(), rowptr.info(), col.info(), weight.info());
  const int64_t num_kernels = weight.size(1);
  run(call,
      {"gather_kernel_reduce", x.dtype(), graph_of(x, rowptr, col), x.info().row_size(), num_kernels, false,
       num_kernels, weight.data(), nullptr},
      reduce, x);
}

void sparse(const Call& call, KernelReduce reduce, bool weighted) {
  const Input x = call.input(0), rowptr = call.input(1), col = call.input(2);
  const std::optional<Input> weight = call.input_if(weighted, 3);
  const Input kernel = call.input(weighted ? 4 : 3), like = call.input(weighted ? 5 : 4);
  check_gather_sparse_kernel_reduce(x.info(), rowptr.info(), col.info(), info(weight), kernel.info(), like.info());
  const int64_t num_active = kernel.sizes().size() == 1 ? 1 : kernel.size(1);
  run(call,
      {"gather_sparse_kernel_reduce", x.dtype(), graph_of(x, rowptr, col), x.info().row_size(), like.size(0), true,
       num_active, data(weight), kernel.data()},
      reduce, x);
}

OpType dense_type(const char* name, KernelReduce reduce) {
  return {std::string("GatherKernel") + name,
          {{"x", 'T', {"M", "..."}}, {"rowptr", 'I', {"N + 1"}}, {"col", 'I', {"E"}}, {"weight", 'T', {"E", "K"}}},
          {{"out", 'T', {"N", "K", "..."}}},
          {},
          [=](const Call& call) { dense(call, reduce); }};
}

OpType sparse_type(const char* name, KernelReduce reduce, bool weighted) {
  OpType type{std::string("GatherSparseKernel") + name + (weighted ? "Weighted" : ""),
              {{"x", 'T', {"M", "..."}}, {"rowptr", 'I', {"N + 1"}}, {"col", 'I', {"E"}}},
              {{"out", 'T', {"N", "K", "..."}}},
              {},
              [=](const Call& call) { sparse(call, reduce, weighted); }};
  if (weighted) type.inputs.push_back({"weight", 'T', {"E", "..."}});
  type.inputs.push_back({"kernel", 'I', {"E", "..."}});
  type.inputs.push_back({"like", 'L', {"K", "..."}});
  return type;
}

}  // namespace

std::vector<OpType> gather_kernel_reduce_types() {
  std::vector<OpType> types;
  for (const auto& [name, reduce] : kReduces) {
    if (reduce != KernelReduce::kMeanPerKernel) types.push_back(dense_type(name, reduce));
    for (const bool weighted : {false, true}) types.push_back(sparse_type(name, reduce, weighted));
  }
  return types;
}

}  // namespace geocompile::ort_binding
