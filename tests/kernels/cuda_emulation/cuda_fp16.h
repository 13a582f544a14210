// Stands in for CUDA's own header; the conversions are those of the CPU kernels.
#pragma once

#include "kernels/cpu/simd.h"

struct __half {
  geocompile::cpu::generic::Half value;
};

inline float __half2float(__half half) { return geocompile::cpu::generic::load_one(&half.value); }

inline __half __float2half_rn(float value) {
  __half half;
  geocompile::cpu::generic::store_one(&half.value, value);
  return half;
}
