// Reads of rowptr and col that are not trusted: what comes out may be used as an address.
#pragma once

#include "launch.cuh"

namespace geocompile::cuda {

// Whether value lies in [0, limit): every index is asked before it becomes an address.
__device__ inline bool is_below(int64_t value, int64_t limit) {
  return static_cast<uint64_t>(value) < static_cast<uint64_t>(limit);
}

// Places [begin, end) of edges, both in [0, num_edges]; not valid: rowptr is no rowptr here, and the span is empty.
struct Span {
  int64_t begin, end;
  bool valid;
};

template <class I>
struct Rows {
  const I* rowptr;
  int64_t num_rows;
  int64_t num_edges;

  // The places of a row in [0, num_rows).
  __device__ Span span(int64_t row) const {
    const int64_t begin = rowptr[row], end = rowptr[row + 1];
    const bool valid = 0 <= begin && begin <= end && end <= num_edges;
    return valid ? Span{begin, end, true} : Span{0, 0, false};
  }

  // The row that holds a place, in [0, num_rows) whatever rowptr holds; there must be a row.
  __device__ int64_t row_of(int64_t place) const {
    int64_t low = 0, high = num_rows - 1;  // the last row that does not start after `place`
    while (low < high) {
      const int64_t middle = high - (high - low) / 2;
      if (static_cast<int64_t>(rowptr[middle]) <= place) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    return low;
  }

  // Whether the rows span all edges; that no row has a negative length is for each row to say.
  __device__ bool span_all_edges() const {
    return rowptr[0] == 0 && static_cast<int64_t>(rowptr[num_rows]) == num_edges;
  }
};

}  // namespace geocompile::cuda
