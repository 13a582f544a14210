// What the kernels of kernel-weighted aggregation share: rows in blocks with every index checked, and long rows cut.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "../gather_kernel_reduce.h"
#include "heavy_rows.h"
#include "rows.h"
#include "simd.h"
#include "validate_table.h"

namespace geocompile::cpu::GEOCOMPILE_ISA {

// Edges [begin, end) of a row, which may be a part of it; sources of edges before `limit` may be prefetched.
struct KernelSpan {
  int64_t row, begin, end, limit;
};

// The weights of an edge and the kernels that they belong to.
template <class T>
struct ActiveKernels {
  const KernelEdges& edges;
  const T* weights = static_cast<const T*>(edges.weight);
  Indices kernels{edges.graph.index, edges.kernel};
  int64_t per_edge = edges.num_active;

  [[gnu::always_inline]] Sum<T> weight(int64_t p, int64_t s) const {
    return weights ? load_one(weights + p * per_edge + s) : 1;
  }
  [[gnu::always_inline]] int64_t kernel(int64_t p, int64_t s) const {
    return edges.sparse ? kernels[p * per_edge + s] : s;
  }
};

// How many edges ahead a source of so many bytes is asked for: as in gather_segment_reduce.cpp, where it was measured.
static inline int64_t edges_ahead(int64_t bytes) { return std::max<int64_t>(1, 2048 / std::max<int64_t>(bytes, 64)); }

static inline void prefetch_bytes(const void* from, int64_t bytes) {
  for (int64_t byte = 0; byte < bytes; byte += 64) __builtin_prefetch(static_cast<const char*>(from) + byte);
}

template <class I, class Body>
static inline void for_blocks_of_kernel_rows_in(const KernelEdges& edges, const Parallel& parallel, const Body& body) {
  const Rows rows(edges.graph);
  const I* kernel = static_cast<const I*>(edges.kernel);
  const int64_t per_edge = edges.num_active;
  std::atomic<bool> bad{false};
  const int64_t cost = edges.channels * std::max<int64_t>(per_edge, 1);
  for_blocks_of_rows(edges.op, "col", edges.graph, cost, parallel, [&](int64_t begin, int64_t end) {
    if (edges.sparse &&
        !all_below(kernel, rows.begin(begin) * per_edge, rows.begin(end) * per_edge, edges.num_kernels)) {
      bad = true;
    } else {
      body(begin, end);
    }
  });
  if (bad) throw_bad_index_in_table(edges.op, "kernel", kernel, edges.graph.num_edges, per_edge, edges.num_kernels);
}

// As for_blocks_of_rows, with `kernel` checked too.
template <class Body>
static inline void for_blocks_of_kernel_rows(const KernelEdges& edges, const Parallel& parallel, const Body& body) {
  edges.graph.index == DType::kInt32 ? for_blocks_of_kernel_rows_in<int32_t>(edges, parallel, body)
                                     : for_blocks_of_kernel_rows_in<int64_t>(edges, parallel, body);
}

// Calls reduce(span, partial) for every row, with no partial: it writes the row's result; and for every chunk of a
// heavy row with the `width` sums that it is to fill. finish(row, sums) then writes a heavy row's result.
template <class T, class Reduce, class Finish>
static inline void reduce_kernel_rows(const KernelEdges& edges, int64_t width, void* workspace,
                                      const Parallel& parallel, const Reduce& reduce, const Finish& finish) {
  const CsrGraph& graph = edges.graph;
  const Rows rows(graph);
  for_blocks_of_kernel_rows(edges, parallel, [&](int64_t begin, int64_t end) {
    const int64_t limit = rows.begin(end);
    for (int64_t row = begin; row < end; ++row)
      if (rows.degree(row) <= kHeavyRow)
        reduce(KernelSpan{row, rows.begin(row), rows.end(row), limit}, static_cast<Sum<T>*>(nullptr));
  });
  if (graph.num_edges <= kHeavyRow) return;
  const HeavyRows<Sum<T>> heavy(rows, graph.num_rows, graph.num_edges, width, workspace);
  heavy.for_each_chunk(parallel, [&](int64_t row, int64_t begin, int64_t end, Sum<T>* partial) {
    const int64_t start = rows.begin(row), stop = rows.end(row);
    reduce(KernelSpan{row, start + begin, std::min(start + end, stop), stop}, partial);
  });
  heavy.for_each_row(parallel, [&](int64_t row, Sum<T>* partials, int64_t chunks) {
    for (int64_t chunk = 1; chunk < chunks; ++chunk)
      for (int64_t i = 0; i < width; ++i) partials[i] += partials[chunk * width + i];
    finish(row, partials);
  });
}

}  // namespace geocompile::cpu::GEOCOMPILE_ISA
