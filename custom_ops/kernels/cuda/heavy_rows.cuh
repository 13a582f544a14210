// Where the chunks of heavy rows lie, found from rowptr alone: no list of heavy rows is made, so no atomics, no scan.
//
// The places of all edges are cut into windows of kChunk. A heavy row is cut every kChunk places from its own start, so
// at most two chunks start in a window: one of the row that holds the window's first place, and the first chunk of a
// heavy row that starts inside it, which then also holds the first place of the next window. Each has its own slot.
#pragma once

#include "graph.cuh"

namespace geocompile::cuda {

// A warp is slower than a processor's core, so rows are cut shorter than on the CPU: nobody should wait for one.
constexpr int64_t kChunk = 256;
constexpr int64_t kHeavyRow = 2 * kChunk;  // a longer row is heavy; at least 2 * kChunk, see above

inline int64_t count_slots(int64_t num_edges) { return num_edges > kHeavyRow ? 2 * ((num_edges - 1) / kChunk + 1) : 0; }

// The slot of the chunk that starts at `place` in a row that starts at `row_begin`.
__device__ inline int64_t slot_of(int64_t place, int64_t row_begin) {
  const int64_t window = place / kChunk;
  return 2 * window + (window * kChunk < row_begin ? 1 : 0);
}

// The places of the chunk in a slot; empty if there is none.
template <class I>
__device__ inline Span chunk_in(int64_t slot, const Rows<I>& rows) {
  const int64_t first = slot / 2 * kChunk, next = first + kChunk;
  const bool starts_inside = slot % 2 != 0;
  const Span none{0, 0, true};
  if (starts_inside && next >= rows.num_edges) return none;
  const Span row = rows.span(rows.row_of(starts_inside ? next : first));
  if (!row.valid || row.end - row.begin <= kHeavyRow || row.begin >= next) return none;
  if (starts_inside != (row.begin > first)) return none;
  const int64_t begin = starts_inside ? row.begin : first + (kChunk - (first - row.begin) % kChunk) % kChunk;
  if (begin >= row.end) return none;
  return Span{begin, begin + kChunk < row.end ? begin + kChunk : row.end, true};
}

}  // namespace geocompile::cuda
