// The emulated CUDA kernels as C functions of plain arguments, for the case table. The answer is an error or nullptr.
#include <exception>
#include <string>
#include <vector>

#include "kernels/csr_from_coo.h"
#include "kernels/gather_segment_reduce.h"

using namespace geocompile;

namespace {

template <class Body>
const char* guarded(const Body& body) {
  static std::string message;
  try {
    body();
    return nullptr;
  } catch (const std::exception& error) {
    message = error.what();
    return message.c_str();
  }
}

}  // namespace

extern "C" {

const char* call_count_graphs(int32_t dtype, const void* batch, int64_t num_nodes, int64_t* result) {
  return guarded([&] {
    char workspace[cuda::kCountGraphsWorkspace];
    *result = cuda::count_graphs(static_cast<DType>(dtype), batch, num_nodes, workspace, nullptr);
  });
}

const char* call_csr_from_coo(int32_t dtype, int64_t num_edges, int64_t num_rows, const void* index, const void* other,
                              void* rowptr, void* perm, void* other_sorted) {
  return guarded([&] {
    const CsrFromCoo args{
        "csr_from_coo", "index",     static_cast<DType>(dtype), num_edges, num_rows, index, other, rowptr,
        perm,           other_sorted};
    std::vector<char> workspace(cuda::csr_from_coo_workspace(args));
    cuda::csr_from_coo(args, workspace.data(), nullptr);
  });
}

const char* call_gather_segment_reduce(const char* reduce, int32_t value, int32_t index, int64_t num_rows,
                                       int64_t num_sources, int64_t num_edges, int64_t channels, int64_t heads,
                                       const void* x, const void* rowptr, const void* col, const void* weight,
                                       const void* self_weight, void* out) {
  return guarded([&] {
    const CsrGraph graph{static_cast<DType>(index), num_rows, num_sources, num_edges, rowptr, col};
    const GatherSegmentReduce args{"gather_segment_reduce",
                                   "col",
                                   reduce_of("gather_segment_reduce", reduce),
                                   static_cast<DType>(value),
                                   graph,
                                   channels,
                                   heads,
                                   x,
                                   weight,
                                   self_weight,
                                   out};
    std::vector<char> workspace(cuda::gather_segment_reduce_workspace(args));
    cuda::gather_segment_reduce(args, workspace.data(), nullptr);
  });
}

}  // extern "C"
