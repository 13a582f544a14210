// Vectors of the compiler's own (GCC and Clang vector extensions): one notation for every instruction set.
#pragma once

#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

#include "isa.h"
#include "numbers.h"
#ifdef __F16C__
#include <immintrin.h>
#endif

namespace geocompile::cpu::GEOCOMPILE_ISA {

template <class T, int kBytes>
struct Vector {
  typedef T type __attribute__((vector_size(kBytes)));
};

template <class V>
constexpr int lanes_of = sizeof(V) / sizeof(V{}[0]);

template <class V>
using Words = typename Vector<uint32_t, sizeof(V)>::type;  // of a vector of floats

template <class V>
using HalfWords = typename Vector<uint16_t, sizeof(V) / 2>::type;

template <class V, class T>
static inline V splat(T value) {
  return value - V{};  // and not V{} + value, which loses the sign of -0.0
}

template <class To, class From>
static inline To bits_as(From from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(&to, &from, sizeof(To));
  return to;
}

// --- halves to floats and back: round to nearest, ties to even; NaN stays NaN --------------------------------------

template <class V>
static inline V widen(HalfWords<V> bits, Type<BFloat16>) {
  return bits_as<V>(__builtin_convertvector(bits, Words<V>) << 16);
}

template <class V>
static inline HalfWords<V> narrow(V value, Type<BFloat16>) {
  const auto bits = bits_as<Words<V>>(value);
  const Words<V> rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  const Words<V> quiet = (bits >> 16) | 0x40;
  return __builtin_convertvector((bits & 0x7fffffff) > 0x7f800000 ? quiet : rounded, HalfWords<V>);
}

// The exponent is moved by a multiplication, which is exact and handles subnormal halves.
template <class V>
static inline V widen(HalfWords<V> bits, Type<Half>) {
#ifdef __F16C__
  if constexpr (sizeof(V) == 32) return (V)_mm256_cvtph_ps((__m128i)bits);
#endif
#ifdef __AVX512F__
  if constexpr (sizeof(V) == 64) return (V)_mm512_maskz_cvtph_ps(0xffff, (__m256i)bits);
#endif
  const Words<V> word = __builtin_convertvector(bits, Words<V>);
  const Words<V> magnitude = (word & 0x7fff) << 13;
  const auto finite = bits_as<Words<V>>(bits_as<V>(magnitude) * splat<V>(0x1p112f));
  const Words<V> special = magnitude | 0x7f800000;
  const Words<V> result = (word & 0x7c00) == 0x7c00 ? special : finite;
  return bits_as<V>(result | ((word & 0x8000) << 16));
}

template <class V>
static inline HalfWords<V> narrow(V value, Type<Half>) {
#ifdef __F16C__
  if constexpr (sizeof(V) == 32) return (HalfWords<V>)_mm256_cvtps_ph((__m256)value, _MM_FROUND_TO_NEAREST_INT);
#endif
#ifdef __AVX512F__
  if constexpr (sizeof(V) == 64)
    return (HalfWords<V>)_mm512_maskz_cvtps_ph(0xffff, (__m512)value, _MM_FROUND_TO_NEAREST_INT);
#endif
  const auto bits = bits_as<Words<V>>(value);
  const Words<V> sign = (bits >> 16) & 0x8000, magnitude = bits & 0x7fffffff;
  const Words<V> normal = (magnitude - 0x38000000 + 0xfff + ((magnitude >> 13) & 1)) >> 13;
  // Below 2^-14 the half is subnormal: adding 0.5 leaves its bits, rounded, at the bottom of the float.
  const Words<V> small = bits_as<Words<V>>(bits_as<V>(magnitude) + splat<V>(0.5f)) - 0x3f000000;
  Words<V> half = magnitude < 0x38800000 ? small : normal;
  half = magnitude >= 0x477ff000 ? splat<Words<V>>(0x7c00u) : half;  // rounds to 65536 or more
  half = magnitude > 0x7f800000 ? (magnitude >> 13 & 0x3ff) | 0x7e00 : half;
  return __builtin_convertvector(half | sign, HalfWords<V>);
}

// --- loads and stores: V is a vector of Sum<T>
// ------------------------------------------------------------------------

template <class V, class T>
static inline V load(const T* from) {
  if constexpr (std::is_same_v<Sum<T>, T>) {
    V value;
    std::memcpy(&value, from, sizeof(V));
    return value;
  } else {
    HalfWords<V> bits;
    std::memcpy(&bits, from, sizeof(bits));
    return widen<V>(bits, Type<T>{});
  }
}

template <class V, class T>
static inline void store(T* to, V value) {
  if constexpr (std::is_same_v<Sum<T>, T>) {
    std::memcpy(to, &value, sizeof(V));
  } else {
    const HalfWords<V> bits = narrow<V>(value, Type<T>{});
    std::memcpy(to, &bits, sizeof(bits));
  }
}

template <class T>
static inline Sum<T> load_one(const T* from) {
  return load<typename Vector<Sum<T>, sizeof(Sum<T>)>::type>(from)[0];
}

template <class T>
static inline void store_one(T* to, Sum<T> value) {
  store(to, splat<typename Vector<Sum<T>, sizeof(Sum<T>)>::type>(value));
}

// --- reductions. NaN travels through all of them: a comparison with NaN is false, so it is asked for by name ---------

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
