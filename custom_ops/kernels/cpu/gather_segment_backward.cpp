// What the gradients of a gather-reduce need beside a second one: where a maximum was reached, and a weight's share.
#include <atomic>

#include "../gather_segment_reduce.h"
#include "balance.h"
#include "simd.h"
#include "validate.h"

namespace geocompile::cpu::GEOCOMPILE_ISA {
namespace {

constexpr int64_t kTile = 64;  // channels whose best values so far stay in the first-level cache

// Calls body(row) for every row, rows of equal work at a time, after checking that every col lies below num_sources.
template <class I, class Args, class Body>
void for_each_row(const Args& args, const Parallel& parallel, const Body& body) {
  const I* rowptr = static_cast<const I*>(args.rowptr);
  const I* col = static_cast<const I*>(args.col);
  check_rowptr(args.op, rowptr, args.num_rows, args.num_edges);
  const int64_t tasks = task_count((args.num_edges + args.num_rows) * args.channels, parallel.threads());
  std::atomic<bool> bad{false};
  parallel(tasks, [&](int64_t task) {
    const int64_t begin = first_row(rowptr, args.num_rows, task, tasks);
    const int64_t end = first_row(rowptr, args.num_rows, task + 1, tasks);
    if (!all_below(col, rowptr[begin], rowptr[end], args.num_sources)) {
      bad = true;
      return;
    }
    for (int64_t row = begin; row < end; ++row) body(row);
  });
  if (bad) throw_bad_index(args.op, "col", col, args.num_edges, args.num_sources);
}

template <class Op, class T, class I>
void run_arg(const GatherSegmentArg& args, const Parallel& parallel) {
  const GatherSegmentReduce& f = args.forward;
  const T* x = static_cast<const T*>(f.x);
  const I* rowptr = static_cast<const I*>(f.rowptr);
  const I* col = static_cast<const I*>(f.col);
  const T* weight = static_cast<const T*>(f.weight);
  const T* self_weight = static_cast<const T*>(f.self_weight);
  for_each_row<I>(f, parallel, [&](int64_t row) {
    for (int64_t first = 0; first < f.channels; first += kTile) {
      const int64_t width = f.channels - first < kTile ? f.channels - first : kTile;
      I* arg = static_cast<I*>(args.arg) + row * f.channels + first;
      T best[kTile] = {};
      for (int64_t c = 0; c < width; ++c) arg[c] = -1;
      // A later term wins only if it is better, or the first NaN: ties go to the lowest index.
      const auto offer = [&](const T* from, T factor, I place) {
        for (int64_t c = 0; c < width; ++c) {
          const T value = factor * from[c];
          const bool better = Op::combine(value, best[c]) != best[c] || (value != value && best[c] == best[c]);
          if (arg[c] < 0 || (better && best[c] == best[c])) {
            best[c] = value;
            arg[c] = place;
          }
        }
      };
      for (int64_t p = rowptr[row]; p < static_cast<int64_t>(rowptr[row + 1]); ++p)
        offer(x + static_cast<int64_t>(col[p]) * f.channels + first, weight ? weight[p] : T(1), static_cast<I>(p));
      if (self_weight) offer(x + row * f.channels + first, self_weight[row], static_cast<I>(f.num_edges));
    }
  });
}

template <class T, class I>
void run_arg(const GatherSegmentArg& args, const Parallel& parallel) {
  args.forward.reduce == Reduce::kMax ? run_arg<Maximum<T>, T, I>(args, parallel)
                                      : run_arg<Minimum<T>, T, I>(args, parallel);
}

template <class T>
T dot(const T* a, const T* b, int64_t count) {
  using V = typename Vector<T, GEOCOMPILE_VECTOR_BYTES>::type;
  constexpr int64_t kLanes = GEOCOMPILE_VECTOR_BYTES / sizeof(T);
  V lanes = splat<V>(T(0));
  int64_t c = 0;
  for (; c + kLanes <= count; c += kLanes) lanes += load<V>(a + c) * load<V>(b + c);
  T sum = 0;
  for (int64_t lane = 0; lane < kLanes; ++lane) sum += lanes[lane];
  for (; c < count; ++c) sum += a[c] * b[c];
  return sum;
}

template <class T, class I>
void run_dot(const EdgeDot& args, const Parallel& parallel) {
  const T* a = static_cast<const T*>(args.a);
  const T* b = static_cast<const T*>(args.b);
  const I* rowptr = static_cast<const I*>(args.rowptr);
  const I* col = static_cast<const I*>(args.col);
  T* out = static_cast<T*>(args.out);
  for_each_row<I>(args, parallel, [&](int64_t row) {
    for (int64_t p = rowptr[row]; p < static_cast<int64_t>(rowptr[row + 1]); ++p)
      out[p] = dot(a + row * args.channels, b + static_cast<int64_t>(col[p]) * args.channels, args.channels);
  });
}

}  // namespace

void gather_segment_arg(const GatherSegmentArg& args, const Parallel& parallel) {
  const bool narrow = args.forward.index == DType::kInt32;
  if (args.forward.value == DType::kFloat32) {
    narrow ? run_arg<float, int32_t>(args, parallel) : run_arg<float, int64_t>(args, parallel);
  } else {
    narrow ? run_arg<double, int32_t>(args, parallel) : run_arg<double, int64_t>(args, parallel);
  }
}

void edge_dot(const EdgeDot& args, const Parallel& parallel) {
  const bool narrow = args.index == DType::kInt32;
  if (args.value == DType::kFloat32) {
    narrow ? run_dot<float, int32_t>(args, parallel) : run_dot<float, int64_t>(args, parallel);
  } else {
    narrow ? run_dot<double, int32_t>(args, parallel) : run_dot<double, int64_t>(args, parallel);
  }
}

}  // namespace geocompile::cpu::GEOCOMPILE_ISA
