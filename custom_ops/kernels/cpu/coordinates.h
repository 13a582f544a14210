// Coordinates of points, which must be finite.
#pragma once

#include <atomic>
#include <cmath>
#include <cstdint>
#include <limits>
#include <stdexcept>

#include "../errors.h"
#include "../parallel.h"
#include "balance.h"
#include "simd.h"

namespace geocompile::cpu::GEOCOMPILE_ISA {

// Names the first coordinate of values [points, dims] that is not finite.
template <class T>
[[noreturn]] static void refuse_coordinates(const char* op, const char* name, const T* values, int64_t points,
                                            int64_t dims) {
  int64_t i = 0;
  while (i < points * dims && std::isfinite(load_one(values + i))) ++i;
  if (i == points * dims) refuse<std::invalid_argument>(op, "'", name, "' changed while it was read");
  refuse<std::invalid_argument>(op, "'", name, "'[", i / dims, ", ", i % dims, "] is ", load_one(values + i),
                                ", coordinates must be finite");
}

template <class T>
static void check_finite(const char* op, const char* name, const T* values, int64_t points, int64_t dims,
                         const Parallel& parallel) {
  constexpr int64_t kSmallest = 1 << 15;
  const int64_t count = points * dims, tasks = task_count(count, parallel.threads(), kSmallest);
  std::atomic<bool> bad{false};
  for_pieces(count, tasks, parallel, [&](int64_t, int64_t begin, int64_t end) {
    bool is_finite = true;
    for (int64_t i = begin; i < end; ++i)
      is_finite &= std::fabs(load_one(values + i)) <= std::numeric_limits<Sum<T>>::max();
    if (!is_finite) bad = true;
  });
  if (bad) refuse_coordinates(op, name, values, points, dims);
}

}  // namespace geocompile::cpu::GEOCOMPILE_ISA
