// exp of a vector of floats or doubles, within 1.1 units in the last place of the exact value.
//
// exp(x) = 2^n exp(r) with n = round(x / ln 2), so that |r| <= ln(2) / 2 (Cody and Waite: ln 2 in two parts, the first
// so short that n times it is exact); exp(r) = 1 + r + r^2 q(r), q interpolated at Chebyshev nodes. 2^n is multiplied
// in by halves, as it need not be a number while the result is: subnormal results are rounded once.
#pragma once

#include <cstdint>

#include "simd.h"

namespace geocompile::cpu::GEOCOMPILE_ISA {

template <class A>
struct ExpConstants;

template <>
struct ExpConstants<float> {
  using Bits = uint32_t;
  static constexpr int kMantissa = 23;
  static constexpr Bits kBias = 127;
  static constexpr float kLowest = -110, kHighest = 100;  // beyond: exactly 0 and infinity
  static constexpr float kRound = 0x1.8p23f;              // adding it leaves the integer in the lowest bits
  static constexpr float kInverseLn2 = 0x1.715476p+0f;
  static constexpr float kLn2 = 0.693359375f, kLn2Rest = -0.000212194440055f;
  static constexpr float kQ[] = {0.5f, 0.166665766661199283f, 0.0416665542129841503f, 0.00836323288368261820f,
                                 0.00139262508314976117f};
};

template <>
struct ExpConstants<double> {
  using Bits = uint64_t;
  static constexpr int kMantissa = 52;
  static constexpr Bits kBias = 1023;
  static constexpr double kLowest = -760, kHighest = 720;
  static constexpr double kRound = 0x1.8p52;
  static constexpr double kInverseLn2 = 0x1.71547652b82fep+0;
  static constexpr double kLn2 = 0x1.62e42feep-1, kLn2Rest = 0x1.a39ef35793c76p-33;
  static constexpr double kQ[] = {0.50000000000000010314,   0.1666666666666666746,    0.041666666666623820532,
                                  0.0083333333333300381973, 0.0013888888917367080562, 0.00019841269863171556026,
                                  2.4801521057868205199e-5, 2.7557268276905696187e-6, 2.7620201591031548792e-7,
                                  2.5100472505694996003e-8};
};

// 2^n for the integer n that stands in the lowest bits of `shifted` = n + kRound.
template <class V>
static inline V power_of_two(V shifted) {
  using Constants = ExpConstants<std::decay_t<decltype(V{}[0])>>;
  using Bits = typename Vector<typename Constants::Bits, sizeof(V)>::type;
  const Bits n = bits_as<Bits>(shifted) - bits_as<Bits>(splat<V>(Constants::kRound));
  return bits_as<V>((n + Constants::kBias) << Constants::kMantissa);
}

template <class V>
static inline V exp_of(V x) {
  using A = std::decay_t<decltype(V{}[0])>;
  using Constants = ExpConstants<A>;
  const V lowest = splat<V>(Constants::kLowest), highest = splat<V>(Constants::kHighest);
  const V round = splat<V>(Constants::kRound);
  x = x < lowest ? lowest : x;  // NaN stays
  x = x > highest ? highest : x;
  const V n = (x * splat<V>(Constants::kInverseLn2) + round) - round;
  const V r = (x - n * splat<V>(Constants::kLn2)) - n * splat<V>(Constants::kLn2Rest);
  constexpr int kTerms = sizeof(Constants::kQ) / sizeof(A);
  V q = splat<V>(Constants::kQ[kTerms - 1]);
  for (int i = kTerms - 2; i >= 0; --i) q = q * r + splat<V>(Constants::kQ[i]);
  const V exp_r = splat<V>(A(1)) + (r + r * r * q);
  const V half = (n * splat<V>(A(0.5)) + round) - round;
  return exp_r * power_of_two(half + round) * power_of_two((n - half) + round);
}

}  // namespace geocompile::cpu::GEOCOMPILE_ISA
