// Which threads work on which channels of which row.
//
// A row's channels are cut into tiles; a tile of a row is an item, and the work of a group of lanes * slots threads of
// one warp: lanes stand side by side on the channels, kWidth neighbours each, and slots take turns on the edges.
#pragma once

#include "launch.cuh"

namespace geocompile::cuda {

struct Tiling {
  int64_t tiles;
  int lanes;  // both powers of two; their product is at most a warp
  int slots;

  __host__ __device__ int group() const { return lanes * slots; }
};

constexpr int kMostSlots = 4;  // rows are short: more would mostly wait

// For threads that own `width` channels each. Lanes and slots, and with them the order of reduction, follow from
// `natural_width` alone, the width that channels and heads allow; data in an odd place may need a narrower one.
inline Tiling tiling_of(int64_t channels, int natural_width, int width) {
  Tiling tiling{0, 1, 1};
  while (tiling.lanes < kWarp && tiling.lanes * natural_width < channels) tiling.lanes *= 2;
  tiling.slots = std::min(kMostSlots, kWarp / tiling.lanes);
  tiling.tiles = (channels - 1) / (tiling.lanes * width) + 1;
  return tiling;
}

// What one thread has to do: `channel` is the first of its own; not active: nothing, but it joins its warp's shuffles.
struct Place {
  bool active;
  int64_t row;
  int64_t channel;
  int slot;
};

// Calls body(Place) for each tile of each of num_rows rows. All threads of a warp come along, also past the last item.
template <int kWidth, class Body>
__device__ inline void for_each_place(const Tiling& tiling, int64_t num_rows, int64_t channels, const Body& body) {
  const int64_t items = num_rows * tiling.tiles, step = thread_count() / tiling.group();
  const int lane = threadIdx.x % tiling.lanes, slot = threadIdx.x % tiling.group() / tiling.lanes;
  const int group_of_warp = threadIdx.x % kWarp / tiling.group(), groups = kWarp / tiling.group();
  for (int64_t first = thread_index() / kWarp * groups; first < items; first += step) {
    const int64_t item = first + group_of_warp;
    const int64_t row = tiling.tiles == 1 ? item : item / tiling.tiles;
    const int64_t channel = ((item - row * tiling.tiles) * tiling.lanes + lane) * kWidth;
    body(Place{item < items && channel < channels, row, channel, slot});
  }
}

// Combines what the slots of a group have, in their order; slot 0 has the result.
template <class Op, int kWidth, class S>
__device__ inline void merge_slots(const Tiling& tiling, S (&values)[kWidth]) {
  for (int offset = tiling.lanes; offset < tiling.group(); offset *= 2) {
#pragma unroll
    for (int i = 0; i < kWidth; ++i)
      values[i] = Op::combine(values[i], __shfl_down_sync(0xffffffffu, values[i], offset, tiling.group()));
  }
}

}  // namespace geocompile::cuda
