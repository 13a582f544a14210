// The element types of kernels, and reads and writes of several at once.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>
#include <cstring>

#include "../numbers.h"
#include "../tensor_info.h"

namespace geocompile::cuda {

__device__ inline float widen(float value) { return value; }
__device__ inline double widen(double value) { return value; }
__device__ inline float widen(__half value) { return __half2float(value); }
__device__ inline float widen(__nv_bfloat16 value) { return __bfloat162float(value); }

// Rounds to nearest, ties to even.
__device__ inline void narrow(float value, float& to) { to = value; }
__device__ inline void narrow(double value, double& to) { to = value; }
__device__ inline void narrow(float value, __half& to) { to = __float2half_rn(value); }
__device__ inline void narrow(float value, __nv_bfloat16& to) { to = __float2bfloat16_rn(value); }

// kWidth neighbours in memory, read and written at once: their address must be a multiple of their size.
template <class T, int kWidth>
struct alignas(sizeof(T) * kWidth) Pack {
  T at[kWidth];
};

constexpr int kWidestBytes = 16;

template <class T>
constexpr int kWidest = kWidestBytes / sizeof(T);

inline bool is_aligned(const void* data) { return reinterpret_cast<uintptr_t>(data) % kWidestBytes == 0; }

template <int kWidth, class T>
__device__ inline Pack<T, kWidth> load(const T* from) {
  return *reinterpret_cast<const Pack<T, kWidth>*>(from);
}

template <int kWidth, class T>
__device__ inline void store(T* to, const Pack<T, kWidth>& pack) {
  if constexpr (sizeof(pack) == sizeof(uint4)) {
    uint4 words;
    memcpy(&words, &pack, sizeof(words));
    __stwb(reinterpret_cast<uint4*>(to), words);  // an assignment becomes four stores
  } else {
    *reinterpret_cast<Pack<T, kWidth>*>(to) = pack;
  }
}

// Calls body(Type<T>{}) with the C++ type of a value dtype.
template <class Body>
void with_value_type(DType dtype, const Body& body) {
  switch (dtype) {
    case DType::kFloat32: return body(Type<float>{});
    case DType::kFloat64: return body(Type<double>{});
    case DType::kFloat16: return body(Type<__half>{});
    case DType::kBFloat16: return body(Type<__nv_bfloat16>{});
    default: return;  // refused by the checks
  }
}

// Calls body(Type<I>{}) with the C++ type of an index dtype.
template <class Body>
void with_index_type(DType dtype, const Body& body) {
  dtype == DType::kInt32 ? body(Type<int32_t>{}) : body(Type<int64_t>{});
}

}  // namespace geocompile::cuda
