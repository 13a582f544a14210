// Clouds are counted, cut into leaves of neighbours by a kd-tree, and sampled, one cloud to a thread.
#include "../fps.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <stdexcept>

#include "../errors.h"
#include "../selection.h"
#include "coordinates.h"
#include "fps_cloud.h"
#include "simd.h"
#include "validate.h"
#include "workspace.h"

namespace geocompile::cpu {

namespace {

using namespace GEOCOMPILE_ISA;

constexpr int64_t kProbes = 128;         // points of a part that tell in which dimension it is widest
constexpr int64_t kSmallestPart = 4096;  // points that are worth a task of their own

struct Cloud {
  int64_t first, count, graph, out, samples;
};

int64_t samples_of(int64_t points, float ratio) {
  const auto wanted = static_cast<int64_t>(std::ceil(ratio * static_cast<float>(points)));
  return std::min(wanted, points);
}

// Calls body(Cloud) for each cloud that has points.
template <class I, class Body>
void for_clouds(const Fps& args, const I* batch, const Body& body) {
  Cloud cloud{0, 0, 0, 0, 0};
  while (cloud.first < args.num_points) {
    int64_t end = args.num_points;
    if (batch) {
      cloud.graph = batch[cloud.first];
      for (end = cloud.first + 1; end < args.num_points && batch[end] == batch[cloud.first];) ++end;
    }
    cloud.count = end - cloud.first;
    cloud.samples = samples_of(cloud.count, args.ratio);
    body(cloud);
    cloud.first = end;
    cloud.out += cloud.samples;
  }
}

template <class Body>
void for_clouds(const Fps& args, const Body& body) {
  if (args.index == DType::kInt32) {
    for_clouds(args, static_cast<const int32_t*>(args.batch), body);
  } else {
    for_clouds(args, static_cast<const int64_t*>(args.batch), body);
  }
}

// --- what is refused -------------------------------------------------------------------------------------------------

void check_start(const Fps& args, const Cloud& cloud) {
  if (!args.start) return;
  if (cloud.graph >= args.num_starts)
    refuse<std::invalid_argument>(args.op, "'start' must have a place for each graph, ", cloud.graph + 1,
                                  " or more, got ", args.num_starts);
  const int64_t start = args.start[cloud.graph];
  if (start < 0 || start >= cloud.count)
    refuse<std::out_of_range>(args.op, "'start'[", cloud.graph, "] is ", start, ", the valid range is 0 to ",
                              cloud.count - 1, " (the points of graph ", cloud.graph, ")");
}

// --- cutting a cloud into leaves -------------------------------------------------------------------------------------

template <class T>
struct Key {
  T coordinate;
  int32_t point;
};

// Splits parts at the median of their widest dimension. Any order of points gives the same samples, a good one sooner.
template <class T>
struct Cut {
  const T* points;
  int64_t dims;
  int32_t* order;
  Key<T>* keys;

  int64_t widest(int64_t begin, int64_t end) const {
    const int64_t step = std::max<int64_t>(1, (end - begin) / kProbes);
    int64_t found = 0;
    T width = -1;
    for (int64_t d = 0; d < dims; ++d) {
      T low = points[order[begin] * dims + d], high = low;
      for (int64_t p = begin; p < end; p += step) {
        const T value = points[order[p] * dims + d];
        low = std::min(low, value);
        high = std::max(high, value);
      }
      if (high - low > width) {
        width = high - low;
        found = d;
      }
    }
    return found;
  }

  // The first part gets the largest power of two of leaves, so that every node's children come from one part.
  int64_t halve(int64_t begin, int64_t end) const {
    const int64_t leaves = leaves_of(end - begin);
    int64_t left = 1;
    while (2 * left < leaves) left *= 2;
    const int64_t middle = begin + left * kLeafPoints, d = widest(begin, end);
    for (int64_t p = begin; p < end; ++p) keys[p] = {points[order[p] * dims + d], order[p]};
    std::nth_element(keys + begin, keys + middle, keys + end,
                     [](const Key<T>& a, const Key<T>& b) { return a.coordinate < b.coordinate; });
    for (int64_t p = begin; p < end; ++p) order[p] = keys[p].point;
    return middle;
  }

  void into_leaves(int64_t begin, int64_t end) const {
    if (dims == 0) return;  // the points are all the same
    if (end - begin <= kLeafPoints) return std::sort(order + begin, order + end);
    const int64_t middle = halve(begin, end);
    into_leaves(begin, middle);
    into_leaves(middle, end);
  }

  // The same, the first cuts by one thread, the parts by all.
  void into_leaves(int64_t count, const Parallel& parallel) const {
    constexpr int kMostParts = 16;
    int64_t ends[kMostParts + 1] = {0, count};
    int parts = 1;
    for (; parallel.threads() > 1 && dims && parts < kMostParts && count / parts > kSmallestPart; parts *= 2)
      for (int part = parts; part > 0; --part) {
        ends[2 * part] = ends[part];
        ends[2 * part - 1] = halve(ends[part - 1], ends[part]);
      }
    parallel(parts, [&](int64_t part) { into_leaves(ends[part], ends[part + 1]); });
  }
};

// --- all clouds ------------------------------------------------------------------------------------------------------

// What the largest cloud needs.
struct CloudMemory {
  int32_t* order;
  void *keys, *tree;
  size_t bytes;

  CloudMemory(const Fps& args, const FpsCount& count, void* workspace) {
    const size_t key = args.value == DType::kFloat64 ? sizeof(Key<double>) : sizeof(Key<float>);
    Parts parts(workspace);
    order = parts.take<int32_t>(count.largest);
    keys = parts.take<char>(count.largest * key);
    tree = parts.take<char>(tree_bytes(args.value, args.dims, count.largest));
    bytes = parts.bytes();
  }
};

// The workspace: the clouds, the points of halves in float32, and what a cloud needs, once for each task.
struct Memory {
  int64_t tasks;
  Cloud* clouds;
  float* points;
  char* of_tasks;
  size_t bytes_of_task, bytes;

  Memory(const Fps& args, const FpsCount& count, int64_t threads, void* workspace)
      : tasks(std::min(threads, count.num_clouds)), bytes_of_task(CloudMemory(args, count, nullptr).bytes) {
    Parts parts(workspace);
    clouds = parts.take<Cloud>(count.num_clouds);
    points = parts.take<float>(is_half(args.value) ? args.num_points * args.dims : 0);
    of_tasks = parts.take<char>(tasks * bytes_of_task);
    bytes = parts.bytes();
  }
};

template <class T>
void sample(const Fps& args, const T* src, const Cloud& cloud, const CloudMemory& memory, int64_t* out,
            const Parallel& parallel) {
  int32_t* order = memory.order;
  const T* points = src + cloud.first * args.dims;
  for (int64_t p = 0; p < cloud.count; ++p) order[p] = static_cast<int32_t>(p);
  Cut<T>{points, args.dims, order, static_cast<Key<T>*>(memory.keys)}.into_leaves(cloud.count, parallel);
  const DType value = sizeof(T) == 8 ? DType::kFloat64 : DType::kFloat32;
  sample_cloud({value, args.dims, cloud.count, cloud.samples, points, order, args.start ? args.start[cloud.graph] : 0,
                cloud.first, out + cloud.out, memory.tree});
}

template <class T>
void run(const Fps& args, const FpsCount& count, const Memory& memory, const T* src, int64_t* out,
         const Parallel& parallel) {
  check_finite(args.op, "src", src, args.num_points, args.dims, parallel);
  const auto of_task = [&](int64_t task) {
    return CloudMemory(args, count, memory.of_tasks + task * memory.bytes_of_task);
  };
  int64_t listed = 0;
  for_clouds(args, [&](const Cloud& cloud) { memory.clouds[listed++] = cloud; });
  if (memory.tasks == 1 && listed == 1) return sample(args, src, memory.clouds[0], of_task(0), out, parallel);
  std::atomic<int64_t> next{0};
  parallel(memory.tasks, [&](int64_t task) {
    for (int64_t i = next++; i < listed; i = next++)
      sample(args, src, memory.clouds[i], of_task(task), out, Parallel::serial());
  });
}

template <class T>
const float* widened(const Fps& args, float* points) {
  const T* src = static_cast<const T*>(args.src);
  for (int64_t i = 0; i < args.num_points * args.dims; ++i) points[i] = load_one(src + i);
  return points;
}

}  // namespace

FpsCount count_fps(const Fps& args) {
  if (args.batch) count_sorted_graphs(args.op, args.index, args.batch, args.num_points);
  FpsCount count{0, 0, 0};
  for_clouds(args, [&](const Cloud& cloud) {
    check_start(args, cloud);
    ++count.num_clouds;
    count.largest = std::max(count.largest, cloud.count);
    count.num_samples += cloud.samples;
  });
  return count;
}

size_t fps_workspace(const Fps& args, const FpsCount& count, int64_t threads) {
  return Memory(args, count, threads, nullptr).bytes;
}

void fps(const Fps& args, const FpsCount& count, void* workspace, int64_t* out, const Parallel& parallel) {
  if (count.num_samples == 0) return;
  const Memory memory(args, count, parallel.threads(), workspace);
  with_value_type(args.value, [&](auto type) {
    using T = typename decltype(type)::type;
    if constexpr (sizeof(T) == 2) {
      run(args, count, memory, widened<T>(args, memory.points), out, parallel);
    } else {
      run(args, count, memory, static_cast<const T*>(args.src), out, parallel);
    }
  });
}

}  // namespace geocompile::cpu
