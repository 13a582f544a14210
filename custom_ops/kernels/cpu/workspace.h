// How a workspace is cut into its parts.
#pragma once

#include <cstddef>
#include <cstdint>

#include "isa.h"

namespace geocompile::cpu {

// Rounded up to whole cache lines.
static constexpr size_t aligned(size_t bytes) { return (bytes + 63) / 64 * 64; }

}  // namespace geocompile::cpu

// A namespace per instruction set: the linker must not hand one set's copy of a function to another's callers.
namespace geocompile::cpu::GEOCOMPILE_ISA {

// Hands out parts of a workspace, one after the other, each of whole cache lines. Without a workspace it only counts.
class Parts {
 public:
  explicit Parts(void* workspace) : base_(reinterpret_cast<uintptr_t>(workspace)) {}

  template <class T>
  T* take(size_t count) {
    T* part = reinterpret_cast<T*>(base_ + bytes_);
    bytes_ += aligned(count * sizeof(T));
    return part;
  }

  size_t bytes() const { return bytes_; }  // of all parts

 private:
  uintptr_t base_;
  size_t bytes_ = 0;
};

}  // namespace geocompile::cpu::GEOCOMPILE_ISA
