// Stands in for CUDA's own header, so that kernels/cuda is compiled for the processor and runs without a GPU, under the
// sanitizers. A warp's 32 threads are fibers in lockstep at shuffles; warps run one after the other.
#pragma once

#include <math.h>
#include <ucontext.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <vector>

#define __global__
#define __device__
#define __host__
#define __launch_bounds__(threads)

struct dim3 {
  unsigned x = 1, y = 1, z = 1;
  dim3(unsigned x_ = 1) : x(x_) {}
};

struct alignas(16) uint4 {
  unsigned x, y, z, w;
};

inline dim3 threadIdx, blockIdx, blockDim, gridDim;

namespace emulation {

constexpr int kLanes = 32;
constexpr size_t kStack = size_t{1} << 18;

// What a test may turn: neither may change a result.
inline unsigned most_blocks = ~0u;
inline bool backwards = false;
// What a test may ask.
inline int64_t launches = 0;

[[noreturn]] inline void fail(const char* what) {
  std::fprintf(stderr, "emulated CUDA: %s\n", what);
  std::abort();
}

struct Warp {
  std::function<void()> kernel;
  ucontext_t scheduler, fibers[kLanes];
  bool done[kLanes];
  int64_t shuffles[kLanes];
  uint64_t exchanged[2][kLanes];  // in turns: a lane may be one shuffle ahead of those that still read
  int lane;
  std::vector<char> stacks = std::vector<char>(kStack * kLanes);

  static Warp& current() {
    static Warp warp;
    return warp;
  }

  static void enter() {
    Warp& warp = current();
    warp.kernel();
    warp.done[warp.lane] = true;
    swapcontext(&warp.fibers[warp.lane], &warp.scheduler);
  }

  void yield() { swapcontext(&fibers[lane], &scheduler); }

  void run(unsigned first_thread) {
    for (lane = 0; lane < kLanes; ++lane) {
      done[lane] = false;
      shuffles[lane] = 0;
      getcontext(&fibers[lane]);
      fibers[lane].uc_stack.ss_sp = stacks.data() + lane * kStack;
      fibers[lane].uc_stack.ss_size = kStack;
      fibers[lane].uc_link = nullptr;
      makecontext(&fibers[lane], enter, 0);
    }
    while (!done[0]) {
      for (lane = 0; lane < kLanes; ++lane) {
        threadIdx.x = first_thread + lane;
        swapcontext(&scheduler, &fibers[lane]);
      }
      for (lane = 1; lane < kLanes; ++lane)
        if (done[lane] != done[0] || shuffles[lane] != shuffles[0]) fail("not all threads of a warp join a shuffle");
    }
  }
};

}  // namespace emulation

template <class V>
V __shfl_down_sync(unsigned mask, V value, unsigned offset, int width = emulation::kLanes) {
  static_assert(sizeof(V) <= sizeof(uint64_t));
  emulation::Warp& warp = emulation::Warp::current();
  if (mask != ~0u || (width & (width - 1)) != 0) emulation::fail("a shuffle of part of a warp");
  const int lane = warp.lane, turn = warp.shuffles[lane]++ % 2;
  std::memcpy(&warp.exchanged[turn][lane], &value, sizeof(V));
  warp.yield();
  const int from = lane % width + static_cast<int>(offset) < width ? lane + static_cast<int>(offset) : lane;
  std::memcpy(&value, &warp.exchanged[turn][from], sizeof(V));
  return value;
}

template <class V>
void __stwb(V* to, V value) {
  *to = value;
}

template <class V>
void atomicMax(V* at, V value) {
  if (value > *at) *at = value;
}

template <class V>
void atomicMin(V* at, V value) {
  if (value < *at) *at = value;
}

// --- the runtime
// ------------------------------------------------------------------------------------------------------

using cudaError_t = int;
using cudaStream_t = struct CUstream_st*;
constexpr cudaError_t cudaSuccess = 0, cudaErrorInvalidValue = 1;
constexpr int cudaMemcpyDeviceToHost = 2;

inline const char* cudaGetErrorString(cudaError_t error) { return error ? "invalid argument" : "no error"; }
inline cudaError_t cudaGetLastError() { return cudaSuccess; }
inline cudaError_t cudaStreamSynchronize(cudaStream_t) { return cudaSuccess; }

inline cudaError_t cudaMemsetAsync(void* at, int value, size_t bytes, cudaStream_t) {
  std::memset(at, value, bytes);
  return cudaSuccess;
}

inline cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, int, cudaStream_t) {
  std::memcpy(to, from, bytes);
  return cudaSuccess;
}

struct cudaLaunchConfig_t {
  dim3 gridDim, blockDim;
  size_t dynamicSmemBytes;
  cudaStream_t stream;
};

template <class... Parameters, class... Arguments>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* config, void (*kernel)(Parameters...),
                               Arguments... arguments) {
  const unsigned threads = config->blockDim.x;
  if (config->gridDim.x == 0 || config->gridDim.x > 0x7fffffffu || threads == 0 || threads > 1024)
    return cudaErrorInvalidValue;
  ++emulation::launches;
  blockDim = config->blockDim;
  gridDim = config->gridDim.x < emulation::most_blocks ? config->gridDim : dim3(emulation::most_blocks);
  emulation::Warp& warp = emulation::Warp::current();
  warp.kernel = [&] { kernel(static_cast<Parameters>(arguments)...); };
  for (unsigned block = 0; block < gridDim.x; ++block) {
    blockIdx.x = emulation::backwards ? gridDim.x - 1 - block : block;
    for (unsigned thread = 0; thread < threads; thread += emulation::kLanes) warp.run(thread);
  }
  return cudaSuccess;
}
