// A block of ends is checked while it comes into the cache, then looked up.
#include "../renumber_edges.h"

#include <algorithm>
#include <atomic>

#include "validate.h"
#include "validate_table.h"

namespace geocompile::cpu {
namespace {

constexpr int64_t kBlock = 1 << 13;  // ends

template <class I>
void renumber(const RenumberEdges& args, const Parallel& parallel) {
  const I* ends = static_cast<const I*>(args.edge_index);
  const I* number = static_cast<const I*>(args.number);
  I* out = static_cast<I*>(args.out);
  const int64_t count = 2 * args.num_edges;
  std::atomic<bool> bad{false};
  parallel((count + kBlock - 1) / kBlock, [&](int64_t block) {
    const int64_t begin = block * kBlock, end = std::min(begin + kBlock, count);
    if (!all_below(ends, begin, end, args.num_nodes)) {
      bad = true;
      return;
    }
    for (int64_t i = begin; i < end; ++i) out[i] = number[ends[i]];
  });
  if (bad) throw_bad_index_in_table("renumber_edges", "edge_index", ends, 2, args.num_edges, args.num_nodes);
}

}  // namespace

void renumber_edges(const RenumberEdges& args, const Parallel& parallel) {
  args.index == DType::kInt32 ? renumber<int32_t>(args, parallel) : renumber<int64_t>(args, parallel);
}

}  // namespace geocompile::cpu
