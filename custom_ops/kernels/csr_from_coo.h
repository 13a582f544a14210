// Stable counting sort of an index vector into compressed rows.
#pragma once

#include <cstddef>
#include <cstdint>

#include "parallel.h"
#include "stream.h"
#include "tensor_info.h"

namespace geocompile {

// index[num_edges] holds rows in [0, num_rows); rowptr[num_rows + 1]; perm[num_edges] (sorted position -> edge);
// other and other_sorted, both or neither: other_sorted[p] = other[perm[p]].
struct CsrFromCoo {
  const char* op;  // named in errors
  const char* argument;
  DType dtype;
  int64_t num_edges;
  int64_t num_rows;
  const void* index;
  const void* other;
  void* rowptr;
  void* perm;
  void* other_sorted;
};

namespace cpu {

// Bytes of scratch memory that csr_from_coo needs with that many threads. The result does not depend on the threads.
size_t csr_from_coo_workspace(const CsrFromCoo& args, int64_t threads);
void csr_from_coo(const CsrFromCoo& args, void* workspace, const Parallel& parallel);

// The number of graphs of a batch vector: its largest value + 1, 0 if it is empty.
int64_t count_graphs(DType dtype, const void* batch, int64_t num_nodes);

}  // namespace cpu

namespace cuda {

// An edge whose index is out of range comes after all rows: rowptr then ends before num_edges, which every kernel that
// reads it answers with NaN. (To raise an error here, the caller would have to wait for the device.)
size_t csr_from_coo_workspace(const CsrFromCoo& args);
void csr_from_coo(const CsrFromCoo& args, void* workspace, Stream stream);

// As on the CPU, errors included. The answer is a number on the host, so this call waits for the stream.
constexpr size_t kCountGraphsWorkspace = 16;
int64_t count_graphs(DType dtype, const void* batch, int64_t num_nodes, void* workspace, Stream stream);

}  // namespace cuda
}  // namespace geocompile
