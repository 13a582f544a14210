// The extent of the points, where it is not given, then the voxel of each: two readings of the points.
#include "../grid_cluster.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <sstream>
#include <stdexcept>

#include "simd.h"
#include "validate.h"

namespace geocompile::cpu {
namespace {

using namespace GEOCOMPILE_ISA;

constexpr int64_t kTask = 1 << 14;  // points
constexpr int64_t kMostTasks = 64;

template <class... Parts>
[[noreturn]] void refuse(const char* op, const Parts&... parts) {
  std::ostringstream message;
  message << "geocompile." << op << ": ";
  (message << ... << parts);
  throw std::invalid_argument(message.str());
}

int64_t tasks_of(const GridCluster& args) { return std::clamp<int64_t>(args.num_points / kTask, 1, kMostTasks); }

// kDims: the number of dimensions where it is small, else 0.
template <class T, int kDims>
struct Grid {
  using S = Sum<T>;
  const GridCluster& args;
  const Parallel& parallel;
  S *start, *end, *size, *partial;  // [dims], and 2 * dims for each task
  int64_t* stride;                  // [dims + 1]
  const T* pos = static_cast<const T*>(args.pos);
  int64_t tasks = tasks_of(args);

  int64_t dims() const { return kDims ? kDims : args.dims; }

  Grid(const GridCluster& args_, const Parallel& parallel_, void* workspace) : args(args_), parallel(parallel_) {
    stride = static_cast<int64_t*>(workspace);
    start = reinterpret_cast<S*>(stride + args.dims + 1);
    end = start + args.dims;
    size = end + args.dims;
    partial = size + args.dims;
  }

  void run() const {
    find_extent();
    read_corner("start", args.start, start);
    read_corner("end", args.end, end);
    read_corner("size", args.size, size);
    count_voxels();
    if (args.batch && args.index == DType::kInt32) return number<int32_t>();
    number<int64_t>();
  }

  // Into start and end, and refuses what is not finite.
  void find_extent() const {
    parallel(tasks, [&](int64_t task) {
      S low[kDims ? kDims : 1], high[kDims ? kDims : 1];
      S* lows = kDims ? low : partial + 2 * task * dims();
      S* highs = kDims ? high : lows + dims();
      std::fill_n(lows, dims(), std::numeric_limits<S>::infinity());
      std::fill_n(highs, dims(), -std::numeric_limits<S>::infinity());
      bool is_finite = true;
      for (int64_t p = begin(task); p < begin(task + 1); ++p)
        for (int64_t d = 0; d < dims(); ++d) {
          const S value = load_one(pos + p * dims() + d);
          is_finite &= std::fabs(value) <= std::numeric_limits<S>::max();
          lows[d] = value < lows[d] ? value : lows[d];
          highs[d] = value > highs[d] ? value : highs[d];
        }
      if (!is_finite) lows[0] = std::numeric_limits<S>::quiet_NaN();
      std::copy_n(lows, dims(), partial + 2 * task * dims());
      std::copy_n(highs, dims(), partial + (2 * task + 1) * dims());
    });
    std::fill_n(start, dims(), std::numeric_limits<S>::infinity());
    std::fill_n(end, dims(), -std::numeric_limits<S>::infinity());
    for (int64_t task = 0; task < tasks; ++task) {
      const S *lows = partial + 2 * task * dims(), *highs = lows + dims();
      if (std::isnan(lows[0])) refuse_infinite();
      for (int64_t d = 0; d < dims(); ++d) {
        start[d] = std::min(start[d], lows[d]);
        end[d] = std::max(end[d], highs[d]);
      }
    }
  }

  int64_t begin(int64_t task) const { return args.num_points * task / tasks; }

  [[noreturn]] void refuse_infinite() const {
    int64_t i = 0;
    while (i + 1 < args.num_points * dims() && std::isfinite(load_one(pos + i))) ++i;
    refuse(args.op, "'pos'[", i / dims(), ", ", i % dims(), "] is ", load_one(pos + i), ", coordinates must be finite");
  }

  void read_corner(const char* name, const void* given, S* corner) const {
    for (int64_t d = 0; given && d < dims(); ++d) {
      corner[d] = load_one(static_cast<const T*>(given) + d);
      if (!std::isfinite(corner[d])) refuse(args.op, "'", name, "'[", d, "] is ", corner[d], ", it must be finite");
    }
  }

  // The voxels of each dimension, multiplied up; points outside of the extent must have a number as well.
  void count_voxels() const {
    stride[0] = 1;
    for (int64_t d = 0; d < dims(); ++d) {
      if (!(size[d] > 0)) refuse(args.op, "'size'[", d, "] is ", size[d], ", it must be above 0");
      if (args.num_points == 0) continue;
      if (!(end[d] >= start[d]))
        refuse(args.op, "'end'[", d, "] is ", end[d], ", it must not be below 'start'[", d, "], ", start[d]);
      const double voxels = static_cast<double>((end[d] - start[d]) / size[d]);
      if (voxels >= 0x1p53 || static_cast<double>(stride[d]) * (voxels + 1) >= 0x1p62)
        refuse(args.op, "voxels of size ", size[d], " between ", start[d], " and ", end[d], " in dimension ", d,
               " are too many to be numbered");
      stride[d + 1] = stride[d] * (static_cast<int64_t>((end[d] - start[d]) / size[d]) + 1);
    }
  }

  template <class I>
  void number() const {
    const I* batch = static_cast<const I*>(args.batch);
    std::atomic<bool> is_far{false}, is_negative{false};
    parallel(tasks, [&](int64_t task) {
      bool far = false, negative = false;
      for (int64_t p = begin(task); p < begin(task + 1); ++p) {
        int64_t voxel = 0;
        for (int64_t d = 0; d < dims(); ++d) {
          const S place = (load_one(pos + p * dims() + d) - start[d]) / size[d];
          const bool can_be_numbered = std::fabs(place) < S(0x1p31);
          far |= !can_be_numbered;
          voxel += static_cast<int64_t>(can_be_numbered ? place : S(0)) * stride[d];
        }
        if (batch) {
          far |= static_cast<int64_t>(batch[p]) >= std::numeric_limits<int32_t>::max();
          negative |= batch[p] < 0;
          voxel += static_cast<int64_t>(static_cast<uint64_t>(batch[p]) * static_cast<uint64_t>(stride[dims()]));
        }
        args.out[p] = voxel;
      }
      if (far) is_far = true;
      if (negative) is_negative = true;
    });
    constexpr int64_t kMost = std::numeric_limits<int32_t>::max();
    if (batch && (is_negative || is_far) && !all_below(batch, 0, args.num_points, kMost))
      throw_bad_index(args.op, "batch", batch, args.num_points, kMost);
    if (is_far) refuse(args.op, "'pos' holds a point that is 2^31 voxels or more away from 'start'");
  }
};

template <class T>
void run(const GridCluster& args, void* workspace, const Parallel& parallel) {
  switch (args.dims) {
    case 1: return Grid<T, 1>(args, parallel, workspace).run();
    case 2: return Grid<T, 2>(args, parallel, workspace).run();
    case 3: return Grid<T, 3>(args, parallel, workspace).run();
    case 4: return Grid<T, 4>(args, parallel, workspace).run();
    default: return Grid<T, 0>(args, parallel, workspace).run();
  }
}

}  // namespace

size_t grid_cluster_workspace(const GridCluster& args) {
  return sizeof(int64_t) * (args.dims + 1) + sizeof(double) * args.dims * (3 + 2 * tasks_of(args));
}

void grid_cluster(const GridCluster& args, void* workspace, const Parallel& parallel) {
  with_value_type(args.value, [&](auto type) { run<typename decltype(type)::type>(args, workspace, parallel); });
}

}  // namespace geocompile::cpu
