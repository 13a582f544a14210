// Stands in for CUB's own header: a stable sort by the lowest bits of the keys, which leaves its result in the other
// half of each double buffer, as a radix sort with an odd number of passes does.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <vector>

#include "cuda_runtime.h"

namespace cub {

template <class T>
struct DoubleBuffer {
  T* halves[2];
  int selector = 0;
  DoubleBuffer(T* current, T* alternate) : halves{current, alternate} {}
  T* Current() const { return halves[selector]; }
  T* Alternate() const { return halves[1 - selector]; }
};

struct DeviceRadixSort {
  static constexpr size_t kTemporaryBytes = 100;

  template <class Key, class Value, class Count>
  static cudaError_t SortPairs(void* temporary, size_t& bytes, DoubleBuffer<Key>& keys, DoubleBuffer<Value>& values,
                               Count count, int begin_bit, int end_bit, cudaStream_t) {
    if (temporary == nullptr) {
      bytes = kTemporaryBytes;
      return cudaSuccess;
    }
    if (bytes < kTemporaryBytes || begin_bit != 0 || end_bit < 1 || end_bit > static_cast<int>(8 * sizeof(Key)))
      return cudaErrorInvalidValue;
    std::memset(temporary, 0x5a, kTemporaryBytes);
    const uint64_t mask = end_bit == 64 ? ~uint64_t{0} : (uint64_t{1} << end_bit) - 1;
    std::vector<Count> order(count);
    std::iota(order.begin(), order.end(), Count{0});
    const Key* unsorted = keys.Current();
    std::stable_sort(order.begin(), order.end(),
                     [&](Count a, Count b) { return (unsorted[a] & mask) < (unsorted[b] & mask); });
    for (Count i = 0; i < count; ++i) {
      keys.Alternate()[i] = keys.Current()[order[i]];
      values.Alternate()[i] = values.Current()[order[i]];
    }
    keys.selector = values.selector = 1 - keys.selector;
    return cudaSuccess;
  }
};

}  // namespace cub
