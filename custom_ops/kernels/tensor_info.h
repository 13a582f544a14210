// What the kernels and their checks know of a tensor: a name, an element type and sizes, whatever runtime it came from.
#pragma once

#include <cstddef>
#include <cstdint>

namespace geocompile {

// The last ones are known by name only, so that errors can say what they got.
enum class DType : int32_t { kFloat32, kFloat64, kInt32, kInt64, kFloat16, kBFloat16, kBool, kOther };

inline bool is_index(DType dtype) { return dtype == DType::kInt32 || dtype == DType::kInt64; }
inline bool is_half(DType dtype) { return dtype == DType::kFloat16 || dtype == DType::kBFloat16; }
inline bool is_value(DType dtype) { return dtype == DType::kFloat32 || dtype == DType::kFloat64 || is_half(dtype); }

inline const char* name_of(DType dtype) {
  switch (dtype) {
    case DType::kFloat32: return "float32";
    case DType::kFloat64: return "float64";
    case DType::kInt32: return "int32";
    case DType::kInt64: return "int64";
    case DType::kFloat16: return "float16";
    case DType::kBFloat16: return "bfloat16";
    case DType::kBool: return "bool";
    default: return "an unsupported dtype";
  }
}

// Bytes of an element that kernels compute with.
inline size_t size_of(DType dtype) {
  return is_half(dtype) ? 2 : dtype == DType::kFloat32 || dtype == DType::kInt32 ? 4 : 8;
}

// Bytes of the type in which elements are summed: halves in float32.
inline size_t size_of_sum(DType dtype) { return dtype == DType::kFloat64 ? 8 : 4; }

struct TensorInfo {
  const char* name;
  DType dtype;
  int64_t rank;
  const int64_t* sizes;

  int64_t size(int64_t dim) const { return sizes[dim]; }

  // Product of all sizes but the first: the number of channels of a row.
  int64_t row_size() const {
    int64_t product = 1;
    for (int64_t d = 1; d < rank; ++d) product *= sizes[d];
    return product;
  }
};

}  // namespace geocompile
