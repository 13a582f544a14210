// One execution of a node as an operator sees it: inputs, outputs, attributes, scratch memory and threads.
#pragma once

#include <optional>
#include <vector>

#include "kernels/parallel.h"
#include "kernels/tensor_info.h"
#include "ort.h"

namespace geocompile::ort_binding {

struct OpType;

// What a node keeps from its creation to its end.
struct Kernel {
  const OrtApi& api;
  const OpType& type;
  OrtAllocator* allocator;
  std::vector<double> attributes;  // in the order of OpType::attributes
};

// An input: sizes are copied, data stays ONNX Runtime's.
class Input {
 public:
  Input(const OrtApi& api, const OrtValue* value, const char* name);

  TensorInfo info() const { return TensorInfo{name_, dtype_, static_cast<int64_t>(sizes_.size()), sizes_.data()}; }
  DType dtype() const { return dtype_; }
  int64_t size(size_t dim) const { return sizes_[dim]; }
  const std::vector<int64_t>& sizes() const { return sizes_; }
  const void* data() const { return data_; }

 private:
  const char* name_;
  DType dtype_;
  std::vector<int64_t> sizes_;
  const void* data_;
};

inline std::optional<TensorInfo> info(const std::optional<Input>& input) {
  return input ? std::optional<TensorInfo>(input->info()) : std::nullopt;
}

inline const void* data(const std::optional<Input>& input) { return input ? input->data() : nullptr; }

// Scratch memory from the session's allocator.
class Workspace {
 public:
  Workspace(const Kernel& kernel, size_t bytes);
  ~Workspace();
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;
  void* data() { return data_; }

 private:
  const Kernel& kernel_;
  void* data_ = nullptr;
};

class Call {
 public:
  Call(const Kernel& kernel, OrtKernelContext* context) : kernel_(kernel), context_(context) {}

  Input input(size_t index) const;
  std::optional<Input> input_if(bool present, size_t index) const;
  void* output(size_t index, const std::vector<int64_t>& sizes) const;
  double attribute(size_t index) const { return kernel_.attributes[index]; }
  int64_t integer(size_t index) const;  // of an attribute
  Workspace workspace(size_t bytes) const { return Workspace(kernel_, bytes); }
  Parallel parallel() const;

 private:
  const Kernel& kernel_;
  OrtKernelContext* context_;
};

}  // namespace geocompile::ort_binding
