// A sort of edges by row, unpacked and checked, with what keeps its memory alive: the same for every device.
#pragma once

#include <tuple>

#include "kernels/checks.h"
#include "kernels/csr_from_coo.h"
#include "tensors.h"

namespace geocompile::torch_binding {

struct Sort {
  Tensor index;
  std::optional<Tensor> other;
  Tensor rowptr, perm, other_sorted;
  CsrFromCoo args;

  Sort(const char* op, const char* argument, const Tensor& index_, const std::optional<Tensor>& other_,
       int64_t num_rows)
      : index(torch::stable::contiguous(index_)),
        other(contiguous(other_)),
        rowptr(empty(index, {num_rows + 1})),
        perm(empty(index, {index.size(0)})),
        other_sorted(empty(index, {other ? index.size(0) : 0})),
        args{op,
             argument,
             dtype_of(index),
             index.size(0),
             num_rows,
             index.const_data_ptr(),
             data(other),
             rowptr.mutable_data_ptr(),
             perm.mutable_data_ptr(),
             other_sorted.mutable_data_ptr()} {}

  static Sort of_coo(const Tensor& index, const Tensor& like, const std::optional<Tensor>& other) {
    check_csr_from_coo(info("index", index), info("like", like), info("other", other));
    return Sort("csr_from_coo", "index", index, other, like.size(0));
  }

  static Sort of_batch(const Tensor& batch, int64_t num_graphs) {
    return Sort("batch_ptr", "batch", batch, std::nullopt, num_graphs);
  }
};

}  // namespace geocompile::torch_binding
