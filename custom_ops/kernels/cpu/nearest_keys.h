// The nearest of all candidates that are offered: distance and index as one key, few of them kept sorted, many pooled.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include "simd.h"

// A namespace per instruction set: the linker must not hand one set's copy of a function to another's callers.
namespace geocompile::cpu::GEOCOMPILE_ISA {

constexpr int64_t kMostInserted = 64;  // kept sorted by insertion; more are pooled, and the far half thrown away

template <class T>
struct Key {
  T distance;
  int32_t index;

  static Key of(T distance, int32_t index) { return {distance, index}; }
  static Key lowest() { return {-std::numeric_limits<T>::infinity(), 0}; }
  bool operator<(const Key& other) const {
    return distance < other.distance || (distance == other.distance && index < other.index);
  }
  int32_t place() const { return index; }
  T limit() const { return distance; }
};

// A float's bits, those of negative ones turned, are in the order of the floats: with the index below, one comparison.
template <>
struct Key<float> {
  int64_t bits;

  static int32_t turned(int32_t word) { return word ^ (word >> 31 & 0x7fffffff); }
  static Key of(float distance, int32_t index) {
    int32_t word;
    std::memcpy(&word, &distance, sizeof(word));
    return {static_cast<int64_t>(turned(word)) * (int64_t{1} << 32) | index};
  }
  static Key lowest() { return {std::numeric_limits<int64_t>::min()}; }
  bool operator<(const Key& other) const { return bits < other.bits; }
  int32_t place() const { return static_cast<int32_t>(bits & 0x7fffffff); }
  float limit() const {
    const int32_t word = turned(static_cast<int32_t>(bits >> 32));
    float distance;
    std::memcpy(&distance, &word, sizeof(distance));
    return distance;
  }
};

constexpr int64_t kKeyLanes = GEOCOMPILE_VECTOR_BYTES / 8;

static inline int64_t key_slots(int64_t most) {
  return most <= kMostInserted ? 8 + (most + 7) / 8 * 8 : 2 * most;  // a lowest key in front, and whole vectors
}

// Keys below a bound; `memory` holds key_slots(most) of them.
template <class T>
class Nearest {
 public:
  void start(Key<T>* memory, int64_t most, T limit, int32_t index) {
    most_ = most;
    inserts_ = most <= kMostInserted;
    keys_ = inserts_ ? memory + 8 : memory;
    worst_ = Key<T>::of(limit, index);
    limit_ = limit;
    count_ = 0;
    if (!inserts_) return;
    keys_[-1] = Key<T>::lowest();
    for (int64_t i = 0; i < (most + 7) / 8 * 8; ++i) keys_[i] = worst_;
  }

  T limit() const { return limit_; }  // what is farther is not wanted
  bool wants(T distance, int32_t index) const { return Key<T>::of(distance, index) < worst_; }

  void offer(T distance, int32_t index) {
    const Key<T> key = Key<T>::of(distance, index);
    if (!(key < worst_)) return;
    if (inserts_) {
      insert(key);
      count_ += count_ < most_;
      set_worst(keys_[most_ - 1]);
    } else {
      keys_[count_++] = key;
      if (count_ == 2 * most_) keep_nearest();
    }
  }

  int64_t finish() {
    if (!inserts_) {
      if (count_ > most_) keep_nearest();
      std::sort(keys_, keys_ + count_);
    }
    return count_;
  }

  int32_t place(int64_t i) const { return keys_[i].place(); }

 private:
  void set_worst(Key<T> worst) {
    worst_ = worst;
    limit_ = worst.limit();
  }

  // Every key but those before the new one moves by one place.
  void insert(Key<T> key) {
    if constexpr (sizeof(Key<T>) == 8) {
      using V = typename Vector<int64_t, GEOCOMPILE_VECTOR_BYTES>::type;
      const V fresh = splat<V>(key.bits);
      for (int64_t i = (most_ - 1) / kKeyLanes * kKeyLanes; i >= 0; i -= kKeyLanes) {
        V here, before;
        std::memcpy(&here, keys_ + i, sizeof(V));
        std::memcpy(&before, keys_ + i - 1, sizeof(V));
        const V moved = before > fresh ? before : fresh;
        const V kept = here < moved ? here : moved;
        std::memcpy(keys_ + i, &kept, sizeof(V));
      }
    } else {
      int64_t at = most_ - 1;
      for (; at > 0 && key < keys_[at - 1]; --at) keys_[at] = keys_[at - 1];
      keys_[at] = key;
    }
  }

  void keep_nearest() {
    std::nth_element(keys_, keys_ + most_ - 1, keys_ + count_);
    count_ = most_;
    set_worst(keys_[most_ - 1]);
  }

  Key<T>* keys_;
  Key<T> worst_;
  T limit_;
  int64_t most_, count_;
  bool inserts_;
};

}  // namespace geocompile::cpu::GEOCOMPILE_ISA
