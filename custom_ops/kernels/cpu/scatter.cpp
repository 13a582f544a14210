// Two ways, chosen by shape alone. Wide rows under one index are sorted, stably, and reduced row by row in registers.
// Everything else is walked: a task owns some columns of the output and meets their elements in order, so that nothing
// needs to be sorted or atomic.
#include "../scatter.h"

#include <algorithm>
#include <limits>
#include <type_traits>

#include "../csr_from_coo.h"
#include "../gather_segment_reduce.h"
#include "simd.h"
#include "validate.h"
#include "workspace.h"

namespace geocompile::cpu {
namespace {

using namespace GEOCOMPILE_ISA;

constexpr int64_t kSortedBytes = 64;      // of a row of src; narrower ones are walked faster than sorted
constexpr int64_t kTileColumns = 16;      // of a task of a walk: a cache line or two of src and of the index
constexpr int64_t kSmallSlice = 1 << 18;  // values; outer slices below it run one per thread
constexpr int64_t kSmallWalk = 8192;      // values; below it, starting a thread costs more than it brings

bool is_sorted(const Scatter& args) {
  return !args.full_index && !args.arg && is_value(args.value) &&
         args.inner * static_cast<int64_t>(size_of(args.value)) >= kSortedBytes;
}

// --- sorted ----------------------------------------------------------------------------------------------------------

// The workspace of the sorted way, cut into its parts.
struct Sorted {
  CsrFromCoo sort;
  GatherSegmentReduce reduce;  // of one outer slice
  bool slices_in_parallel;
  char* scratch;
  size_t reducing, bytes;  // of a slice, of all

  Sorted(const Scatter& args, int64_t threads, void* workspace)
      : sort{args.op,    "index", args.index_dtype, args.num_elements, args.num_rows,
             args.index, nullptr, nullptr,          nullptr,           nullptr},
        reduce{args.op,
               "index",
               args.reduce,
               args.value,
               CsrGraph{args.index_dtype, args.num_rows, args.num_elements, args.num_elements, nullptr, nullptr},
               args.inner,
               1,
               nullptr,
               nullptr,
               nullptr,
               nullptr},
        slices_in_parallel(args.outer > 1 && args.num_elements * args.inner < kSmallSlice),
        reducing(aligned(gather_segment_reduce_workspace(reduce))) {
    Parts parts(workspace);
    const size_t index = size_of(args.index_dtype), reducing_all = reducing * (slices_in_parallel ? args.outer : 1);
    sort.rowptr = parts.take<char>((args.num_rows + 1) * index);
    sort.perm = parts.take<char>(args.num_elements * index);
    scratch = parts.take<char>(std::max(csr_from_coo_workspace(sort, threads), reducing_all));
    bytes = parts.bytes();
    reduce.graph.rowptr = sort.rowptr;
    reduce.graph.col = sort.perm;
  }
};

void run_sorted(const Scatter& args, void* workspace, const Parallel& parallel) {
  const Sorted s(args, parallel.threads(), workspace);
  csr_from_coo(s.sort, s.scratch, parallel);
  const size_t slice = args.inner * size_of(args.value);
  const auto reduce_slice = [&](int64_t o, char* own_scratch, const Parallel& threads) {
    GatherSegmentReduce one = s.reduce;
    one.x = static_cast<const char*>(args.src) + o * args.num_elements * slice;
    one.out = static_cast<char*>(args.out) + o * args.num_rows * slice;
    gather_segment_reduce(one, own_scratch, threads);
  };
  if (s.slices_in_parallel) {  // nothing is thrown in there: rowptr and perm are our own
    parallel(args.outer, [&](int64_t o) { reduce_slice(o, s.scratch + o * s.reducing, Parallel::serial()); });
  } else {
    for (int64_t o = 0; o < args.outer; ++o) reduce_slice(o, s.scratch, parallel);
  }
}

// --- walked ----------------------------------------------------------------------------------------------------------

// What elements are reduced in: halves in float32, integers in themselves.
template <class T>
using Acc = typename std::conditional_t<std::is_integral_v<T>, Type<T>, Type<Sum<T>>>::type;

template <class T>
Acc<T> read(const T* from) {
  if constexpr (std::is_integral_v<T>) {
    return *from;
  } else {
    return load_one(from);
  }
}

template <class T>
void write(T* to, Acc<T> value) {
  if constexpr (std::is_integral_v<T>) {
    *to = value;
  } else {
    store_one(to, value);
  }
}

template <Reduce kReduce, class A>
A combine(A a, A b) {
  if constexpr (kReduce == Reduce::kMax) return Maximum<A>::combine(a, b);
  if constexpr (kReduce == Reduce::kMin) return Minimum<A>::combine(a, b);
  constexpr bool kProduct = kReduce == Reduce::kMul;
  if constexpr (std::is_integral_v<A>) {
    using Wrapping = std::make_unsigned_t<A>;
    const Wrapping x = static_cast<Wrapping>(a), y = static_cast<Wrapping>(b);
    return static_cast<A>(kProduct ? x * y : x + y);
  } else {
    return kProduct ? a * b : a + b;
  }
}

// What a maximum or minimum starts from where there is something.
template <Reduce kReduce, class A>
A lowest() {
  using Limits = std::numeric_limits<A>;
  if constexpr (std::is_integral_v<A>) return kReduce == Reduce::kMax ? Limits::lowest() : Limits::max();
  return kReduce == Reduce::kMax ? -Limits::infinity() : Limits::infinity();
}

template <class A>
A divided(A sum, int64_t count) {
  if constexpr (std::is_integral_v<A>) {
    const int64_t quotient = sum / count;
    return static_cast<A>(quotient - (sum % count < 0));  // rounded down
  } else {
    return sum / static_cast<A>(count);
  }
}

// The columns [first, last) of outer slice o.
struct Tile {
  int64_t o, first, last;
};

// One scatter, its pointers typed. kFull: an index for each value of src.
template <class T, class I, bool kFull>
class Walk {
  using A = Acc<T>;
  static constexpr bool kInPlace = std::is_same_v<A, T>;  // else the sums stand in the workspace

 public:
  Walk(const Scatter& args, void* workspace)
      : args_(args),
        src_(static_cast<const T*>(args.src)),
        index_(static_cast<const I*>(args.index)),
        out_(static_cast<T*>(args.out)),
        counts_(static_cast<int64_t*>(workspace)) {
    void* sums = counts_ + (args.reduce == Reduce::kMean ? count_size(args) : 0);
    sums_ = static_cast<A*>(kInPlace ? args.out : sums);
  }

  static size_t workspace(const Scatter& args) {
    if (args.arg) return 0;
    const int64_t counts = args.reduce == Reduce::kMean ? count_size(args) : 0;
    return counts * sizeof(int64_t) + (kInPlace ? 0 : out_size(args) * sizeof(A));
  }

  void run(const Parallel& parallel) {
    check_index(parallel);
    if (args_.reduce == Reduce::kMean && !kFull) count_rows();
    const int64_t tiles = (args_.inner + kTileColumns - 1) / kTileColumns;
    const bool is_small = args_.outer * (args_.num_elements + args_.num_rows) * args_.inner < kSmallWalk;
    const Parallel& threads = is_small ? serial_ : parallel;
    threads(args_.outer * tiles, [&](int64_t task) {
      const int64_t first = task % tiles * kTileColumns;
      const Tile tile{task / tiles, first, std::min(first + kTileColumns, args_.inner)};
      args_.arg ? select(tile) : reduce(tile);
    });
  }

 private:
  static int64_t out_size(const Scatter& args) { return args.outer * args.num_rows * args.inner; }
  static int64_t count_size(const Scatter& args) { return kFull ? out_size(args) : args.num_rows; }

  void check_index(const Parallel& parallel) const {
    const int64_t size = kFull ? args_.outer * args_.num_elements * args_.inner : args_.num_elements;
    check_indices(args_.op, "index", index_, size, args_.num_rows, parallel);
  }

  void count_rows() {
    std::fill_n(counts_, args_.num_rows, int64_t{0});
    for (int64_t e = 0; e < args_.num_elements; ++e) ++counts_[index_[e]];
  }

  // body(at in src, at in out, e) for every element of the tile, first to last.
  template <class Body>
  void for_each(const Tile& t, const Body& body) const {
    const int64_t inner = args_.inner;
    const int64_t to_slice = t.o * args_.num_rows * inner;
    for (int64_t e = 0; e < args_.num_elements; ++e) {
      const int64_t from = (t.o * args_.num_elements + e) * inner;
      const int64_t to = kFull ? to_slice : to_slice + static_cast<int64_t>(index_[e]) * inner;
      for (int64_t c = t.first; c < t.last; ++c)
        body(from + c, kFull ? to + static_cast<int64_t>(index_[from + c]) * inner + c : to + c, e);
    }
  }

  // body(at in out, row) for every place of the tile's output.
  template <class Body>
  void for_each_place(const Tile& t, const Body& body) const {
    for (int64_t row = 0; row < args_.num_rows; ++row)
      for (int64_t c = t.first; c < t.last; ++c) body((t.o * args_.num_rows + row) * args_.inner + c, row);
  }

  void reduce(const Tile& tile) {
    switch (args_.reduce) {
      case Reduce::kSum: return reduce_by<Reduce::kSum>(tile);
      case Reduce::kMean: return reduce_by<Reduce::kMean>(tile);
      case Reduce::kMax: return reduce_by<Reduce::kMax>(tile);
      case Reduce::kMin: return reduce_by<Reduce::kMin>(tile);
      case Reduce::kMul: return reduce_by<Reduce::kMul>(tile);
    }
  }

  template <Reduce kReduce>
  void reduce_by(const Tile& tile) {
    constexpr bool kCounts = kReduce == Reduce::kMean && kFull;
    for_each_place(tile, [&](int64_t at, int64_t) {
      sums_[at] = A(kReduce == Reduce::kMul);
      if (kCounts) counts_[at] = 0;
    });
    if (kReduce == Reduce::kMax || kReduce == Reduce::kMin)
      for_each(tile, [&](int64_t, int64_t to, int64_t) { sums_[to] = lowest<kReduce, A>(); });
    for_each(tile, [&](int64_t from, int64_t to, int64_t) {
      sums_[to] = combine<kReduce>(sums_[to], read(src_ + from));
      if (kCounts) ++counts_[to];
    });
    if (kInPlace && kReduce != Reduce::kMean) return;
    for_each_place(tile, [&](int64_t at, int64_t row) {
      const int64_t count = kReduce != Reduce::kMean ? 1 : std::max<int64_t>(counts_[kFull ? at : row], 1);
      write(out_ + at, divided(sums_[at], count));
    });
  }

  void select(const Tile& tile) { args_.reduce == Reduce::kMax ? select_by<true>(tile) : select_by<false>(tile); }

  // Ties stay with the first, and so does NaN.
  template <bool kMax>
  void select_by(const Tile& tile) {
    int64_t* const arg = args_.arg;
    const int64_t nothing = args_.num_elements;
    for_each_place(tile, [&](int64_t at, int64_t) {
      write(out_ + at, A(0));
      arg[at] = nothing;
    });
    for_each(tile, [&](int64_t from, int64_t to, int64_t e) {  // without branches: which is better is hard to predict
      const A value = read(src_ + from), best = read(out_ + to);
      const bool better = (kMax ? value > best : value < best) | ((value != value) & (best == best));
      const bool takes = better | (arg[to] == nothing);
      out_[to] = takes ? src_[from] : out_[to];
      arg[to] = takes ? e : arg[to];
    });
  }

  const Parallel serial_ = Parallel::serial();
  const Scatter& args_;
  const T* src_;
  const I* index_;
  T* out_;
  int64_t* counts_;  // of each row, or with a full index of each place
  A* sums_;
};

// Calls body with the type of the walk that fits.
template <class Body>
void with_walk(const Scatter& args, const Body& body) {
  const auto with_index = [&](auto value) {
    using T = typename decltype(value)::type;
    with_index_type(args.index_dtype, [&](auto index) {
      using I = typename decltype(index)::type;
      args.full_index ? body(Type<Walk<T, I, true>>{}) : body(Type<Walk<T, I, false>>{});
    });
  };
  is_index(args.value) ? with_index_type(args.value, with_index) : with_value_type(args.value, with_index);
}

}  // namespace

size_t scatter_workspace(const Scatter& args, int64_t threads) {
  if (is_sorted(args)) return Sorted(args, threads, nullptr).bytes;
  size_t bytes = 0;
  with_walk(args, [&](auto walk) { bytes = decltype(walk)::type::workspace(args); });
  return bytes;
}

void scatter(const Scatter& args, void* workspace, const Parallel& parallel) {
  if (is_sorted(args)) return run_sorted(args, workspace, parallel);
  with_walk(args, [&](auto walk) { typename decltype(walk)::type(args, workspace).run(parallel); });
}

}  // namespace geocompile::cpu
