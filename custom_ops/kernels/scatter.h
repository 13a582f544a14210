// Reduction of a tensor along one dimension into the rows that an index names.
#pragma once

#include <cstddef>
#include <cstdint>

#include "parallel.h"
#include "reduce.h"
#include "tensor_info.h"

namespace geocompile {

// out[o, index[e], i] = reduce of src[o, e, i] over e, first to last; a row that no e names gets 0, for mul 1. Halves
// are reduced in float32 and rounded once, integers exactly (modulo 2^bits), their mean rounded down.
struct Scatter {
  const char* op;
  Reduce reduce;
  DType value;  // of src and out: values, int32 or int64
  DType index_dtype;
  int64_t outer, num_elements, inner;  // src [outer, num_elements, inner]
  int64_t num_rows;                    // out [outer, num_rows, inner]
  bool full_index;                     // index has the shape of src; else [num_elements], the same for all o and i
  const void* src;
  const void* index;
  void* out;
  int64_t* arg;  // with max or min, or null: [outer, num_rows, inner], the lowest e at which out was reached, else
                 // num_elements
};

// The scatter that these arguments ask for, its pointers still missing. Throws std::invalid_argument for a wrong dtype,
// shape or dim; a negative dim counts from the end.
Scatter check_scatter(const char* op, Reduce reduce, const TensorInfo& src, const TensorInfo& index,
                      const TensorInfo& like, int64_t dim);
// As check_scatter, for the arguments of scatter_arg.
Scatter check_scatter_arg(Reduce reduce, const TensorInfo& src, const TensorInfo& index, const TensorInfo& like,
                          int64_t dim);

namespace cpu {

// The result does not depend on the threads.
size_t scatter_workspace(const Scatter& args, int64_t threads);
void scatter(const Scatter& args, void* workspace, const Parallel& parallel);

}  // namespace cpu
}  // namespace geocompile
