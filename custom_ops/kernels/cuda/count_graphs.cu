// The number of graphs of a batch vector: its largest value, and where a negative one stands.
#include "../csr_from_coo.h"
#include "../graph_count.h"
#include "launch.cuh"

namespace geocompile::cuda {
namespace {

struct Found {  // all bits set: nothing yet
  long long largest;
  unsigned long long first_negative;
};
static_assert(sizeof(Found) == kCountGraphsWorkspace);

constexpr int64_t kMostThreads = int64_t{1} << 18;  // each reports to the same two numbers

template <class I>
__global__ void look_through(const I* batch, int64_t num_nodes, Found* found) {
  long long largest = -1;
  unsigned long long first_negative = ~0ull;
  for (int64_t i = thread_index(); i < num_nodes; i += thread_count()) {
    const long long graph = batch[i];
    if (graph > largest) largest = graph;
    if (graph < 0 && static_cast<unsigned long long>(i) < first_negative) first_negative = i;
  }
  for (int offset = kWarp / 2; offset > 0; offset /= 2) {
    const long long other_largest = __shfl_down_sync(0xffffffffu, largest, offset);
    const unsigned long long other_negative = __shfl_down_sync(0xffffffffu, first_negative, offset);
    if (other_largest > largest) largest = other_largest;
    if (other_negative < first_negative) first_negative = other_negative;
  }
  if (threadIdx.x % kWarp != 0) return;
  atomicMax(&found->largest, largest);
  atomicMin(&found->first_negative, first_negative);
}

template <class Host>
Host fetch(const void* device, Stream stream) {
  Host value;
  check("batch_ptr", cudaMemcpyAsync(&value, device, sizeof(value), cudaMemcpyDeviceToHost, stream));
  check("batch_ptr", cudaStreamSynchronize(stream));
  return value;
}

template <class I>
int64_t count(const I* batch, int64_t num_nodes, void* workspace, Stream stream) {
  check("batch_ptr", cudaMemsetAsync(workspace, 0xff, sizeof(Found), stream));
  launch("batch_ptr", look_through<I>, std::min(num_nodes, kMostThreads), stream, batch, num_nodes,
         static_cast<Found*>(workspace));
  const Found found = fetch<Found>(workspace, stream);
  if (found.first_negative < static_cast<unsigned long long>(num_nodes))
    refuse<std::out_of_range>("batch_ptr", "'batch'[", found.first_negative, "] is ",
                              fetch<I>(batch + found.first_negative, stream), ", it must not be negative");
  return graph_count("batch_ptr", found.largest, num_nodes);
}

}  // namespace

int64_t count_graphs(DType dtype, const void* batch, int64_t num_nodes, void* workspace, Stream stream) {
  if (num_nodes == 0) return 0;
  return dtype == DType::kInt32 ? count(static_cast<const int32_t*>(batch), num_nodes, workspace, stream)
                                : count(static_cast<const int64_t*>(batch), num_nodes, workspace, stream);
}

}  // namespace geocompile::cuda
