// Stands in for CUDA's own header; the conversions are those of the CPU kernels.
#pragma once

#include "kernels/cpu/simd.h"

struct __nv_bfloat16 {
  geocompile::cpu::generic::BFloat16 value;
};

inline float __bfloat162float(__nv_bfloat16 half) { return geocompile::cpu::generic::load_one(&half.value); }

inline __nv_bfloat16 __float2bfloat16_rn(float value) {
  __nv_bfloat16 half;
  geocompile::cpu::generic::store_one(&half.value, value);
  return half;
}
