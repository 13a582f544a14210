// Stable radix sort of (row, edge) by row, on as many bits as the rows need; rowptr by binary search in the sorted
// rows. No atomics: the result is the serial one. A row out of range counts as the one after the last.
#include <cub/device/device_radix_sort.cuh>

#include "../csr_from_coo.h"
#include "graph.cuh"

namespace geocompile::cuda {
namespace {

// Key: unsigned, wide enough for num_rows and num_edges.
template <class I, class Key>
__global__ void make_keys(const I* index, int64_t num_edges, int64_t num_rows, Key* rows, Key* edges) {
  for (int64_t e = thread_index(); e < num_edges; e += thread_count()) {
    const int64_t row = index[e];
    rows[e] = static_cast<Key>(is_below(row, num_rows) ? row : num_rows);
    edges[e] = static_cast<Key>(e);
  }
}

template <class I, class Key>
__global__ void find_rows(const Key* rows, int64_t num_edges, int64_t num_rows, I* rowptr) {
  for (int64_t row = thread_index(); row <= num_rows; row += thread_count()) {
    int64_t low = 0, high = num_edges;  // the first place whose row is not less
    while (low < high) {
      const int64_t middle = low + (high - low) / 2;
      if (static_cast<int64_t>(rows[middle]) < row) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    rowptr[row] = static_cast<I>(low);
  }
}

template <class I, class Key>
__global__ void write_edges(const Key* edges, int64_t num_edges, const I* other, I* perm, I* other_sorted) {
  for (int64_t place = thread_index(); place < num_edges; place += thread_count()) {
    const Key edge = edges[place];
    perm[place] = static_cast<I>(edge);
    if (other) other_sorted[place] = other[edge];
  }
}

// Where things lie in the workspace; nullptr asks for its size.
template <class Key>
struct Sort {
  const char* op;
  int64_t count;
  int bits = 1;
  cub::DoubleBuffer<Key> rows, edges;
  void* temporary;
  size_t temporary_bytes = 0;

  Sort(const CsrFromCoo& args, void* workspace)
      : op(args.op),
        count(args.num_edges),
        rows(part(workspace, 0), part(workspace, 1)),
        edges(part(workspace, 2), part(workspace, 3)),
        temporary(part(workspace, 4)) {
    while (bits < 64 && args.num_rows >> bits != 0) ++bits;
    sort(nullptr, nullptr);  // asks for the size
  }

  size_t bytes() const { return 4 * part_bytes() + temporary_bytes; }
  size_t part_bytes() const { return (sizeof(Key) * count + 255) / 256 * 256; }
  Key* part(void* workspace, int i) const {
    return workspace ? reinterpret_cast<Key*>(static_cast<char*>(workspace) + i * part_bytes()) : nullptr;
  }

  void sort(void* storage, Stream stream) {
    const auto items = static_cast<Key>(count);
    check(op, cub::DeviceRadixSort::SortPairs(storage, temporary_bytes, rows, edges, items, 0, bits, stream));
  }
};

template <class I, class Key>
void run(const CsrFromCoo& args, void* workspace, Stream stream) {
  Sort<Key> sort(args, workspace);
  launch(args.op, make_keys<I, Key>, args.num_edges, stream, static_cast<const I*>(args.index), args.num_edges,
         args.num_rows, sort.rows.Current(), sort.edges.Current());
  sort.sort(sort.temporary, stream);
  launch(args.op, find_rows<I, Key>, args.num_rows + 1, stream, sort.rows.Current(), args.num_edges, args.num_rows,
         static_cast<I*>(args.rowptr));
  launch(args.op, write_edges<I, Key>, args.num_edges, stream, sort.edges.Current(), args.num_edges,
         static_cast<const I*>(args.other), static_cast<I*>(args.perm), static_cast<I*>(args.other_sorted));
}

bool needs_wide_keys(const CsrFromCoo& args) {
  return std::max(args.num_rows, args.num_edges) >= std::numeric_limits<uint32_t>::max();
}

void check_edges_fit(const CsrFromCoo& args) {
  if (args.dtype != DType::kInt32 || args.num_edges <= std::numeric_limits<int32_t>::max()) return;
  throw std::invalid_argument(std::string("geocompile.") + args.op + ": " + std::to_string(args.num_edges) +
                              " edges do not fit int32; use int64 indices");
}

}  // namespace

size_t csr_from_coo_workspace(const CsrFromCoo& args) {
  if (args.num_edges == 0) return 0;
  return needs_wide_keys(args) ? Sort<uint64_t>(args, nullptr).bytes() : Sort<uint32_t>(args, nullptr).bytes();
}

void csr_from_coo(const CsrFromCoo& args, void* workspace, Stream stream) {
  check_edges_fit(args);
  const bool narrow = args.dtype == DType::kInt32;
  if (args.num_edges == 0) {
    check(args.op, cudaMemsetAsync(args.rowptr, 0, size_of(args.dtype) * (args.num_rows + 1), stream));
  } else if (needs_wide_keys(args)) {
    narrow ? run<int32_t, uint64_t>(args, workspace, stream) : run<int64_t, uint64_t>(args, workspace, stream);
  } else {
    narrow ? run<int32_t, uint32_t>(args, workspace, stream) : run<int64_t, uint32_t>(args, workspace, stream);
  }
}

}  // namespace geocompile::cuda
