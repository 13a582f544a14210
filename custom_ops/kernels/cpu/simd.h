// Vectors of the compiler's own (GCC and Clang vector extensions): one notation for every instruction set.
#pragma once

#include <cstdint>
#include <cstring>
#include <limits>

#include "isa.h"

// A namespace per instruction set: the linker must not hand one set's copy of a function to another's callers.
namespace geocompile::cpu::GEOCOMPILE_ISA {

template <class T, int kBytes>
struct Vector {
  typedef T type __attribute__((vector_size(kBytes)));
};

template <class V, class T>
static inline V load(const T* from) {
  V value;
  std::memcpy(&value, from, sizeof(V));
  return value;
}

template <class V, class T>
static inline void store(T* to, V value) {
  std::memcpy(to, &value, sizeof(V));
}

template <class V, class T>
static inline V splat(T value) {
  return V{} + value;
}

// The reductions. NaN travels through all of them: a comparison with NaN is false, so it is asked for by name.
template <class T>
struct Add {
  static constexpr T identity() { return T(0); }
  template <class V>
  static V combine(V a, V b) {
    return a + b;
  }
};

template <class T>
struct Multiply {
  static constexpr T identity() { return T(1); }
  template <class V>
  static V combine(V a, V b) {
    return a * b;
  }
};

template <class T>
struct Maximum {
  static constexpr T identity() { return -std::numeric_limits<T>::infinity(); }
  template <class V>
  static V combine(V a, V b) {
    return (b > a) | (b != b) ? b : a;
  }
};

template <class T>
struct Minimum {
  static constexpr T identity() { return std::numeric_limits<T>::infinity(); }
  template <class V>
  static V combine(V a, V b) {
    return (b < a) | (b != b) ? b : a;
  }
};

}  // namespace geocompile::cpu::GEOCOMPILE_ISA
