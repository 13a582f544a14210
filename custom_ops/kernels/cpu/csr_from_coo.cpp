// Stable parallel counting sort: each block of edges counts its rows, a scan over (row, block) turns counts into
// places, and each block scatters its edges. Blocks are in edge order, so the result is the serial one.
#include "../csr_from_coo.h"

#include <algorithm>
#include <atomic>
#include <limits>
#include <sstream>

#include "validate.h"

namespace geocompile::cpu {
namespace {

// A block must be long enough to pay for its own row of counters.
int64_t block_count(int64_t num_edges, int64_t num_rows, int64_t threads) {
  const int64_t worthwhile = num_edges / std::max<int64_t>(num_rows, 1 << 14);
  return std::clamp<int64_t>(std::min(threads, worthwhile), 1, 64);
}

template <class I>
void count_rows(const CsrFromCoo& args, I* counts, int64_t blocks, const Parallel& parallel) {
  const I* index = static_cast<const I*>(args.index);
  std::atomic<bool> bad{false};
  parallel(blocks, [&](int64_t block) {
    const int64_t begin = args.num_edges * block / blocks, end = args.num_edges * (block + 1) / blocks;
    if (!all_below(index, begin, end, args.num_rows)) {
      bad = true;
      return;
    }
    I* mine = counts + block * args.num_rows;
    std::fill_n(mine, args.num_rows, I{0});
    for (int64_t e = begin; e < end; ++e) ++mine[index[e]];
  });
  if (bad) throw_bad_index(args.op, args.argument, index, args.num_edges, args.num_rows);
}

// counts[block][row] becomes the first place of that block's edges of that row.
template <class I>
void scan(I* counts, I* rowptr, int64_t num_rows, int64_t blocks) {
  I place = 0;
  for (int64_t row = 0; row < num_rows; ++row) {
    rowptr[row] = place;
    for (int64_t block = 0; block < blocks; ++block) {
      const I count = counts[block * num_rows + row];
      counts[block * num_rows + row] = place;
      place += count;
    }
  }
  rowptr[num_rows] = place;
}

template <class I>
void place_edges(const CsrFromCoo& args, I* places, int64_t blocks, const Parallel& parallel) {
  const I* index = static_cast<const I*>(args.index);
  const I* other = static_cast<const I*>(args.other);
  I* perm = static_cast<I*>(args.perm);
  I* other_sorted = static_cast<I*>(args.other_sorted);
  parallel(blocks, [&](int64_t block) {
    I* next = places + block * args.num_rows;
    const int64_t begin = args.num_edges * block / blocks, end = args.num_edges * (block + 1) / blocks;
    for (int64_t e = begin; e < end; ++e) {
      const I place = next[index[e]]++;
      perm[place] = static_cast<I>(e);
      if (other) other_sorted[place] = other[e];
    }
  });
}

template <class I>
void run(const CsrFromCoo& args, void* workspace, const Parallel& parallel) {
  if (args.num_edges > static_cast<int64_t>(std::numeric_limits<I>::max())) {
    std::ostringstream message;
    message << "geocompile." << args.op << ": " << args.num_edges << " edges do not fit int32; use int64 indices";
    throw std::invalid_argument(message.str());
  }
  const int64_t blocks = block_count(args.num_edges, args.num_rows, parallel.threads());
  I* counts = static_cast<I*>(workspace);
  count_rows<I>(args, counts, blocks, parallel);
  scan<I>(counts, static_cast<I*>(args.rowptr), args.num_rows, blocks);
  place_edges<I>(args, counts, blocks, parallel);
}

template <class I>
int64_t largest(const I* values, int64_t count) {
  I result = -1;
  for (int64_t i = 0; i < count; ++i) result = std::max(result, values[i]);
  return result;
}

}  // namespace

size_t csr_from_coo_workspace(const CsrFromCoo& args, int64_t threads) {
  return size_of(args.dtype) * args.num_rows * block_count(args.num_edges, args.num_rows, threads);
}

void csr_from_coo(const CsrFromCoo& args, void* workspace, const Parallel& parallel) {
  args.dtype == DType::kInt32 ? run<int32_t>(args, workspace, parallel) : run<int64_t>(args, workspace, parallel);
}

int64_t count_graphs(DType dtype, const void* batch, int64_t num_nodes) {
  const int64_t last = dtype == DType::kInt32 ? largest(static_cast<const int32_t*>(batch), num_nodes)
                                              : largest(static_cast<const int64_t*>(batch), num_nodes);
  if (last >= std::numeric_limits<int32_t>::max()) {  // a mistake, and no number of graphs to make room for
    std::ostringstream message;
    message << "geocompile.batch_ptr: 'batch' holds the graph number " << last << ", the largest possible is "
            << std::numeric_limits<int32_t>::max() - 1;
    throw std::out_of_range(message.str());
  }
  return last + 1;
}

}  // namespace geocompile::cpu
