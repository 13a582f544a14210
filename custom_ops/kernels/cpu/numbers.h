// The element types of kernels as C++ types, and the switch from a DType to them.
#pragma once

#include <cstdint>
#include <cstring>

#include "../numbers.h"
#include "../tensor_info.h"
#include "isa.h"

// A namespace per instruction set: the linker must not hand one set's copy of a function to another's callers.
namespace geocompile::cpu::GEOCOMPILE_ISA {

struct Half {  // IEEE binary16
  uint16_t bits;
};

struct BFloat16 {
  uint16_t bits;
};

// Calls body(Type<T>{}) with the C++ type of a value dtype.
template <class Body>
static inline void with_value_type(DType dtype, const Body& body) {
  switch (dtype) {
    case DType::kFloat32: return body(Type<float>{});
    case DType::kFloat64: return body(Type<double>{});
    case DType::kFloat16: return body(Type<Half>{});
    case DType::kBFloat16: return body(Type<BFloat16>{});
    default: return;  // refused by the checks
  }
}

// Calls body(Type<I>{}) with the C++ type of an index dtype.
template <class Body>
static inline void with_index_type(DType dtype, const Body& body) {
  dtype == DType::kInt32 ? body(Type<int32_t>{}) : body(Type<int64_t>{});
}

}  // namespace geocompile::cpu::GEOCOMPILE_ISA
