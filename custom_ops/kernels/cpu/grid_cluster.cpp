// The extent of the points, where it is not given, then the voxel of each: two readings of the points.
#include "../grid_cluster.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "../errors.h"
#include "balance.h"
#include "coordinates.h"
#include "simd.h"
#include "validate.h"
#include "workspace.h"

namespace geocompile::cpu {
namespace {

using namespace GEOCOMPILE_ISA;

constexpr int64_t kSmallestTask = 1 << 14;  // points
constexpr double kMostNumbers = 0x1p62;     // of voxels of a graph: what is added to them must not overflow

// The workspace.
template <class S>
struct Memory {
  int64_t tasks;
  int64_t* stride;                               // [dims + 1]
  S *low, *high, *start, *end, *size, *partial;  // [dims], and 2 * dims for each task
  size_t bytes;

  Memory(const GridCluster& args, int64_t threads, void* workspace)
      : tasks(task_count(args.num_points, threads, kSmallestTask)) {
    Parts parts(workspace);
    stride = parts.take<int64_t>(args.dims + 1);
    low = parts.take<S>(args.dims);
    high = parts.take<S>(args.dims);
    start = parts.take<S>(args.dims);
    end = parts.take<S>(args.dims);
    size = parts.take<S>(args.dims);
    partial = parts.take<S>(2 * args.dims * tasks);
    bytes = parts.bytes();
  }
};

// kDims: the number of dimensions where it is small, else 0.
template <class T, int kDims>
struct Grid : Memory<Sum<T>> {
  using S = Sum<T>;
  using Memory<S>::tasks, Memory<S>::stride, Memory<S>::low, Memory<S>::high, Memory<S>::start, Memory<S>::end,
      Memory<S>::size, Memory<S>::partial;
  const GridCluster& args;
  const Parallel& parallel;
  const T* pos = static_cast<const T*>(args.pos);

  int64_t dims() const { return kDims ? kDims : args.dims; }

  Grid(const GridCluster& args_, const Parallel& parallel_, void* workspace)
      : Memory<S>(args_, parallel_.threads(), workspace), args(args_), parallel(parallel_) {}

  void run() const {
    find_extent();
    std::copy_n(low, dims(), start);
    std::copy_n(high, dims(), end);
    read_corner("start", args.start, start);
    read_corner("end", args.end, end);
    read_corner("size", args.size, size);
    count_voxels();
    const int64_t most_graphs = graphs_with_numbers(largest_number());
    if (args.batch && args.index == DType::kInt32) return number<int32_t>(most_graphs);
    number<int64_t>(most_graphs);
  }

  // Into low and high, and refuses what is not finite.
  void find_extent() const {
    for_pieces(args.num_points, tasks, parallel, [&](int64_t task, int64_t first, int64_t last) {
      S few_lows[kDims ? kDims : 1], few_highs[kDims ? kDims : 1];
      S* lows = kDims ? few_lows : partial + 2 * task * dims();
      S* highs = kDims ? few_highs : lows + dims();
      std::fill_n(lows, dims(), std::numeric_limits<S>::infinity());
      std::fill_n(highs, dims(), -std::numeric_limits<S>::infinity());
      bool is_finite = true;
      for (int64_t p = first; p < last; ++p)
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
    std::fill_n(low, dims(), std::numeric_limits<S>::infinity());
    std::fill_n(high, dims(), -std::numeric_limits<S>::infinity());
    for (int64_t task = 0; task < tasks; ++task) {
      const S *lows = partial + 2 * task * dims(), *highs = lows + dims();
      if (std::isnan(lows[0])) refuse_coordinates(args.op, "pos", pos, args.num_points, dims());
      for (int64_t d = 0; d < dims(); ++d) {
        low[d] = std::min(low[d], lows[d]);
        high[d] = std::max(high[d], highs[d]);
      }
    }
  }

  void read_corner(const char* name, const void* given, S* corner) const {
    for (int64_t d = 0; given && d < dims(); ++d) {
      corner[d] = load_one(static_cast<const T*>(given) + d);
      if (!std::isfinite(corner[d]))
        refuse<std::invalid_argument>(args.op, "'", name, "'[", d, "] is ", corner[d], ", it must be finite");
    }
  }

  // The voxels of each dimension, multiplied up; points outside of the extent must have a number as well.
  void count_voxels() const {
    stride[0] = 1;
    for (int64_t d = 0; d < dims(); ++d) {
      if (!(size[d] > 0))
        refuse<std::invalid_argument>(args.op, "'size'[", d, "] is ", size[d], ", it must be above 0");
      if (args.num_points == 0) continue;
      if (!(end[d] >= start[d]))
        refuse<std::invalid_argument>(args.op, "'end'[", d, "] is ", end[d], ", it must not be below 'start'[", d,
                                      "], ", start[d]);
      const double voxels = static_cast<double>((end[d] - start[d]) / size[d]);
      if (voxels >= 0x1p53 || static_cast<double>(stride[d]) * (voxels + 1) >= kMostNumbers)
        refuse<std::invalid_argument>(args.op, "voxels of size ", size[d], " between ", start[d], " and ", end[d],
                                      " in dimension ", d, " are too many to be numbered");
      stride[d + 1] = stride[d] * (static_cast<int64_t>((end[d] - start[d]) / size[d]) + 1);
    }
  }

  // The largest number of a voxel of the first graph. Places grow with coordinates, so that no number of a point, and
  // no sum on the way to it, lies outside of those of the corners of the points' extent, which are far from 2^63.
  int64_t largest_number() const {
    double least = 0, most = 0;
    int64_t largest = 0;
    for (int64_t d = 0; args.num_points > 0 && d < dims(); ++d) {
      const S first = std::min((low[d] - start[d]) / size[d], S(0)),
              last = std::max((high[d] - start[d]) / size[d], S(0));
      least += std::trunc(static_cast<double>(first)) * static_cast<double>(stride[d]);
      most += std::trunc(static_cast<double>(last)) * static_cast<double>(stride[d]);
      if (!(least > -kMostNumbers && most < kMostNumbers))
        refuse<std::invalid_argument>(args.op, "'pos' reaches from ", low[d], " to ", high[d], " in dimension ", d,
                                      ", where voxels of size ", size[d], " that begin at ", start[d],
                                      " are too far away to be numbered");
      largest += static_cast<int64_t>(last) * stride[d];
    }
    return largest;
  }

  // How many graphs there can be, each with as many numbers of its own.
  int64_t graphs_with_numbers(int64_t largest) const {
    constexpr int64_t kMost = std::numeric_limits<int64_t>::max(), kMostGraphs = std::numeric_limits<int32_t>::max();
    return args.num_points == 0 ? kMostGraphs : std::min(kMostGraphs - 1, (kMost - largest) / stride[dims()]) + 1;
  }

  template <class I>
  void number(int64_t most_graphs) const {
    const I* batch = static_cast<const I*>(args.batch);
    std::atomic<bool> is_outside{false};
    for_pieces(args.num_points, tasks, parallel, [&](int64_t, int64_t first, int64_t last) {
      bool outside = false;
      for (int64_t p = first; p < last; ++p) {
        int64_t voxel = 0;
        for (int64_t d = 0; d < dims(); ++d)
          voxel += static_cast<int64_t>((load_one(pos + p * dims() + d) - start[d]) / size[d]) * stride[d];
        if (batch) {
          const bool is_graph = batch[p] >= 0 && static_cast<int64_t>(batch[p]) < most_graphs;
          outside |= !is_graph;
          voxel += (is_graph ? static_cast<int64_t>(batch[p]) : 0) * stride[dims()];
        }
        args.out[p] = voxel;
      }
      if (outside) is_outside = true;
    });
    if (is_outside) refuse_graph(batch);
  }

  template <class I>
  [[noreturn]] void refuse_graph(const I* batch) const {
    constexpr int64_t kMostGraphs = std::numeric_limits<int32_t>::max();
    if (!all_below(batch, 0, args.num_points, kMostGraphs))
      throw_bad_index(args.op, "batch", batch, args.num_points, kMostGraphs);
    refuse<std::invalid_argument>(args.op, "'batch' holds the graph number ",
                                  *std::max_element(batch, batch + args.num_points), ", and ", stride[dims()],
                                  " voxels for each graph are too many to be numbered");
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

size_t grid_cluster_workspace(const GridCluster& args, int64_t threads) {
  return args.value == DType::kFloat64 ? Memory<double>(args, threads, nullptr).bytes
                                       : Memory<float>(args, threads, nullptr).bytes;
}

void grid_cluster(const GridCluster& args, void* workspace, const Parallel& parallel) {
  with_value_type(args.value, [&](auto type) { run<typename decltype(type)::type>(args, workspace, parallel); });
}

}  // namespace geocompile::cpu
