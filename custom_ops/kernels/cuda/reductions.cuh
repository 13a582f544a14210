// The reductions as identity, accumulation of factor * value, and combination. NaN travels through all of them.
#pragma once

#include <cmath>

namespace geocompile::cuda {

template <class S>
struct Add {
  __device__ static S identity() { return S(0); }
  __device__ static S combine(S a, S b) { return a + b; }
  __device__ static S add_term(S a, S factor, S value) { return fma(factor, value, a); }
};

template <class S>
struct Multiply {
  __device__ static S identity() { return S(1); }
  __device__ static S combine(S a, S b) { return a * b; }
  __device__ static S add_term(S a, S factor, S value) { return a * (factor * value); }
};

// A comparison with NaN is false, so it is asked for by name.
template <class S>
struct Maximum {
  __device__ static S identity() { return -S(INFINITY); }
  __device__ static S combine(S a, S b) { return b > a || b != b ? b : a; }
  __device__ static S add_term(S a, S factor, S value) { return combine(a, factor * value); }
};

template <class S>
struct Minimum {
  __device__ static S identity() { return S(INFINITY); }
  __device__ static S combine(S a, S b) { return b < a || b != b ? b : a; }
  __device__ static S add_term(S a, S factor, S value) { return combine(a, factor * value); }
};

}  // namespace geocompile::cuda
