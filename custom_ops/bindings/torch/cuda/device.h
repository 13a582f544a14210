// The device that an operator's tensors share, made current while the operator runs, and torch's stream on it.
#pragma once

#include <torch/csrc/stable/accelerator.h>

#include <initializer_list>
#include <utility>

#include "../tensors.h"
#include "kernels/stream.h"

namespace geocompile::torch_binding {

class OnDevice {
 public:
  // An argument's name, and the tensor if it was given.
  using Named = std::pair<const char*, const Tensor*>;

  // Throws std::invalid_argument unless all are on one CUDA device: no kernel may read an address of another.
  OnDevice(const char* op, std::initializer_list<Named> tensors);

  cuda::Stream stream() const { return stream_; }

 private:
  int32_t index_;
  torch::stable::accelerator::DeviceGuard guard_;
  cuda::Stream stream_;
};

inline const Tensor* pointer(const std::optional<Tensor>& tensor) { return tensor ? &*tensor : nullptr; }

}  // namespace geocompile::torch_binding
