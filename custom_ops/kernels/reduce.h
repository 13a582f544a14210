// The reductions of a segment, by the names that every runtime uses.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

namespace geocompile {

enum class Reduce : int32_t { kSum, kMean, kMax, kMin, kMul };

inline Reduce reduce_of(const std::string& op, const std::string& name) {
  if (name == "sum") return Reduce::kSum;
  if (name == "mean") return Reduce::kMean;
  if (name == "max") return Reduce::kMax;
  if (name == "min") return Reduce::kMin;
  if (name == "mul") return Reduce::kMul;
  throw std::invalid_argument("geocompile." + op + ": reduce must be 'sum', 'mean', 'max', 'min' or 'mul', got '" +
                              name + "'");
}

inline const char* name_of(Reduce reduce) {
  constexpr const char* kNames[] = {"sum", "mean", "max", "min", "mul"};
  return kNames[static_cast<int32_t>(reduce)];
}

}  // namespace geocompile
