// A bundle's tensors as torch's and back.
#pragma once

#include <ATen/ATen.h>

#include "samples.h"

namespace bundle {

inline at::ScalarType scalar_type(const std::string& dtype) {
  static const std::map<std::string, at::ScalarType> types = {
      {"float32", at::kFloat}, {"float64", at::kDouble}, {"float16", at::kHalf},
      {"int64", at::kLong},    {"int32", at::kInt},      {"int16", at::kShort},
      {"int8", at::kChar},     {"uint8", at::kByte},     {"bool", at::kBool}};
  return types.at(dtype);
}

inline at::Tensor to_torch(const Tensor& tensor) {
  at::Tensor result = at::empty(tensor.shape, scalar_type(tensor.dtype));
  if (!tensor.bytes.empty()) std::memcpy(result.mutable_data_ptr(), tensor.bytes.data(), tensor.bytes.size());
  return result;
}

inline Tensor from_torch(const at::Tensor& tensor) {
  const at::Tensor dense = tensor.detach().contiguous();
  for (const Dtype& dtype : dtypes) {
    if (scalar_type(dtype.name) != dense.scalar_type()) continue;
    const char* data = static_cast<const char*>(dense.const_data_ptr());
    return {dtype.name, dense.sizes().vec(), std::vector<char>(data, data + dense.nbytes())};
  }
  throw std::runtime_error(std::string("the runners have no dtype ") + toString(dense.scalar_type()));
}

inline std::vector<at::Tensor> to_torch(const std::vector<Tensor>& tensors) {
  std::vector<at::Tensor> result;
  for (const Tensor& tensor : tensors) result.push_back(to_torch(tensor));
  return result;
}

}  // namespace bundle
