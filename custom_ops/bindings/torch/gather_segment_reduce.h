// A reduction over rows, unpacked and checked, with what keeps its memory alive: the same for every device.
#pragma once

#include "graph.h"
#include "kernels/checks.h"
#include "kernels/gather_segment_reduce.h"
#include "tensors.h"

namespace geocompile::torch_binding {

// One weight per edge, or one per edge and head; without channels any number of heads is as good.
inline int64_t heads_of(const std::optional<Tensor>& weight, int64_t channels) {
  return weight && weight->dim() == 2 && channels > 0 ? weight->size(1) : 1;
}

// The arguments of a gather-reduce, with what keeps their memory alive.
struct Gather {
  Tensor x, rowptr;
  std::optional<Tensor> col, weight, self_weight;
  GatherSegmentReduce args;

  Gather(const char* op, const char* col_name, const Tensor& x_, const Tensor& rowptr_,
         const std::optional<Tensor>& col_, const std::optional<Tensor>& weight_,
         const std::optional<Tensor>& self_weight_, const std::string& reduce)
      : x(torch::stable::contiguous(x_)),
        rowptr(torch::stable::contiguous(rowptr_)),
        col(contiguous(col_)),
        weight(contiguous(weight_)),
        self_weight(contiguous(self_weight_)) {
    const int64_t channels = info("x", x).row_size();
    args = {op,
            col_name,
            reduce_of(op, reduce),
            dtype_of(x),
            graph_of(rowptr, col, x.size(0)),
            channels,
            heads_of(weight ? weight : self_weight, channels),
            x.const_data_ptr(),
            data(weight),
            data(self_weight),
            nullptr};
  }

  static Gather of_segments(const Tensor& src, const Tensor& rowptr, const std::optional<Tensor>& perm,
                            const std::string& reduce) {
    check_segment_reduce(info("src", src), info("rowptr", rowptr), info("perm", perm));
    return Gather("segment_reduce", "perm", src, rowptr, perm, std::nullopt, std::nullopt, reduce);
  }

  static Gather of_sources(const char* op, const Tensor& x, const Tensor& rowptr, const Tensor& col,
                           const std::optional<Tensor>& weight, const std::optional<Tensor>& self_weight,
                           const std::string& reduce) {
    check_gather_segment_reduce(op, info("x", x), info("rowptr", rowptr), info("col", col), info("weight", weight),
                                info("self_weight", self_weight));
    return Gather(op, "col", x, rowptr, col, weight, self_weight, reduce);
  }

  // The tensor that args.out points to from now on.
  Tensor make_out() {
    Tensor out = empty(x, with_rows(x, args.graph.num_rows));
    args.out = out.mutable_data_ptr();
    return out;
  }
};

}  // namespace geocompile::torch_binding
