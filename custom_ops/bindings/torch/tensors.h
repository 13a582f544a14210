// What every torch operator needs to hand tensors to a kernel: descriptions, contiguous data, scratch memory, threads.
#pragma once

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>
#include <torch/headeronly/core/ScalarType.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernels/memory.h"
#include "kernels/parallel.h"
#include "kernels/tensor_info.h"

namespace geocompile::torch_binding {

using torch::headeronly::ScalarType;
using torch::stable::Tensor;

inline DType dtype_of(const Tensor& tensor) {
  switch (tensor.scalar_type()) {
    case ScalarType::Float: return DType::kFloat32;
    case ScalarType::Double: return DType::kFloat64;
    case ScalarType::Int: return DType::kInt32;
    case ScalarType::Long: return DType::kInt64;
    case ScalarType::Half: return DType::kFloat16;
    case ScalarType::BFloat16: return DType::kBFloat16;
    case ScalarType::Bool: return DType::kBool;
    default: return DType::kOther;
  }
}

// Valid while the tensor lives.
inline TensorInfo info(const char* name, const Tensor& tensor) {
  return TensorInfo{name, dtype_of(tensor), tensor.dim(), tensor.sizes().data()};
}

inline std::optional<TensorInfo> info(const char* name, const std::optional<Tensor>& tensor) {
  return tensor ? std::optional<TensorInfo>(info(name, *tensor)) : std::nullopt;
}

inline std::optional<Tensor> contiguous(const std::optional<Tensor>& tensor) {
  return tensor ? std::optional<Tensor>(torch::stable::contiguous(*tensor)) : std::nullopt;
}

inline const void* data(const std::optional<Tensor>& tensor) { return tensor ? tensor->const_data_ptr() : nullptr; }

// Memory that is not yet written, on the device of `like`, of its type where none is given.
inline Tensor empty(const Tensor& like, const std::vector<int64_t>& sizes, std::optional<ScalarType> type = {}) {
  Tensor tensor = torch::stable::new_empty(like, sizes, type);
  if (tensor.is_cpu()) use_huge_pages(tensor.mutable_data_ptr(), tensor.numel() * tensor.element_size());
  return tensor;
}

// The sizes of `like` with another first one.
inline std::vector<int64_t> with_rows(const Tensor& like, int64_t rows) {
  const auto sizes = like.sizes();
  std::vector<int64_t> result(sizes.begin(), sizes.end());
  result[0] = rows;
  return result;
}

// Scratch memory from torch's allocator, freed when it goes out of scope.
class Workspace {
 public:
  explicit Workspace(const Tensor& like, size_t bytes)
      : memory_(empty(like, {static_cast<int64_t>((bytes + 7) / 8)}, ScalarType::Long)) {}
  void* data() { return memory_.mutable_data_ptr(); }

 private:
  Tensor memory_;
};

// torch's own intra-op threads.
inline Parallel parallel() {
  return Parallel(
      [](void*, int64_t tasks, Parallel::Task task, void* body) {
        torch::stable::parallel_for(0, tasks, 1, [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) task(body, i);
        });
      },
      nullptr, torch::stable::get_num_threads());
}

}  // namespace geocompile::torch_binding
