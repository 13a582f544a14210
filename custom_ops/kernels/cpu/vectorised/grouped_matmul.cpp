// Grouped products, cut by rows (the product) and by rows of the weights (their gradient) and not by groups, which may
// be of any size. A panel of the right side is packed once for many rows of the left one.
#include "../../grouped_matmul.h"

#include <algorithm>
#include <cstring>

#include "../balance.h"
#include "../gemm.h"
#include "../validate.h"

namespace geocompile::cpu::GEOCOMPILE_ISA {
namespace {

constexpr int64_t kChunkValues = 1 << 16;    // of x: its rows stay in the second-level cache for all panels
constexpr int64_t kFewRows = 2 * kTileRows;  // up to which packing a panel costs more than it brings
constexpr int64_t kTilesOfBlock = 8;  // of a gradient: its columns of x stay in the second-level cache for all panels
constexpr int64_t kSteps = 128;       // of a gradient's sum at a time: thousands one by one would lose low bits

int64_t tasks_of(const RowGroups& g, int64_t threads) {
  const double work = static_cast<double>(g.num_rows) * (g.in + 1) * g.out;
  return task_count(work < 1e15 ? static_cast<int64_t>(work) : int64_t{1} << 50, threads);
}

// The workspace in parts, one for each task, none of which shares a line with another.
template <class A>
class Scratch {
 public:
  Scratch(int64_t values) : values_((values + kLine - 1) / kLine * kLine) {}
  size_t bytes(int64_t tasks) const { return tasks * values_ * sizeof(A) + kLine; }
  A* of(void* workspace, int64_t task) const {
    const auto address = reinterpret_cast<uintptr_t>(workspace);
    return reinterpret_cast<A*>((address + kLine - 1) / kLine * kLine) + task * values_;
  }

 private:
  int64_t values_;
};

void check_groups(const RowGroups& g) {
  with_index_type(g.index, [&](auto index) {
    using I = typename decltype(index)::type;
    check_ptr(g.op, kGroupPtr, static_cast<const I*>(g.ptr), g.num_groups, g.num_rows);
  });
}

int64_t begin_of(const RowGroups& g, int64_t group) {
  return g.index == DType::kInt32 ? static_cast<const int32_t*>(g.ptr)[group]
                                  : static_cast<const int64_t*>(g.ptr)[group];
}

// The group that holds a row; empty ones hold none.
int64_t group_of(const RowGroups& g, int64_t row) {
  int64_t low = 0, high = g.num_groups - 1;
  while (low < high) {
    const int64_t middle = low + (high - low) / 2;
    if (begin_of(g, middle + 1) <= row) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

// Values that are of the type of their sums; for others it is not called.
template <class T>
Sum<T>* as_sums(T* values) {
  return reinterpret_cast<Sum<T>*>(values);
}

template <class T>
const Sum<T>* as_sums(const T* values) {
  return reinterpret_cast<const Sum<T>*>(values);
}

template <class T>
class Product {
  using A = Sum<T>;
  static constexpr bool kIsSum = std::is_same_v<A, T>;
  static constexpr int64_t kColumns = kTileColumns<A>;

 public:
  explicit Product(const GroupedMatmul& args) : args_(args) {
    const int64_t fitting = kChunkValues / std::max<int64_t>(groups_.in, 1) / kTileRows;
    chunk_ = std::clamp<int64_t>(fitting, 8, 40) * kTileRows;
  }

  // A panel of the weight, a tile of sums that cannot be written in place, and rows of x in the type of their sums.
  Scratch<A> scratch() const {
    const int64_t rows = std::min(chunk_, groups_.num_rows);
    return (groups_.in + kTileRows) * kColumns + (kIsSum ? 0 : rows * groups_.in);
  }

  void run(void* workspace, const Parallel& parallel) const {
    const int64_t tasks = tasks_of(groups_, parallel.threads()), rows = groups_.num_rows;
    if (rows == 0 || groups_.out == 0) return;
    for_pieces(rows, tasks, parallel, [&](int64_t task, int64_t row, int64_t end) {
      A* panel = scratch().of(workspace, task);
      for (int64_t group = group_of(groups_, row); row < end; ++group)
        for (const int64_t last = std::min(end, begin_of(groups_, group + 1)); row < last;) {
          const int64_t count = std::min(chunk_, last - row);
          multiply(group, row, count, panel);
          row += count;
        }
    });
  }

 private:
  void multiply(int64_t group, int64_t row, int64_t count, A* panel) const {
    const int64_t in = groups_.in, out = groups_.out;
    const T* x = static_cast<const T*>(args_.x) + row * in;
    const T* weight = static_cast<const T*>(args_.weight) + group * in * out;
    T* result = static_cast<T*>(args_.result) + row * out;
    A *sums = panel + in * kColumns, *wide = sums + kTileRows * kColumns;
    if (!kIsSum) widen_to(wide, x, count * in);
    for (int64_t column = 0; column < out; column += kColumns) {
      const int64_t columns = std::min(kColumns, out - column);
      const bool in_place = kIsSum && columns % kTileLanes<A> == 0;
      TileProduct<A> product{kIsSum ? as_sums(x) : wide, in, panel, kColumns, in};
      if (in_place && count <= kFewRows) {
        product.b = as_sums(weight + column);
        product.b_stride = out;
      } else {
        pack_panel(panel, weight + column, out, in, columns);
      }
      if (in_place) {
        multiply_rows<false>(product, count, columns, as_sums(result + column), out, false);
      } else {
        multiply_and_narrow(product, count, columns, sums, result + column);
      }
    }
  }

  void multiply_and_narrow(TileProduct<A> product, int64_t count, int64_t columns, A* sums, T* result) const {
    for (int64_t row = 0; row < count; row += kTileRows, product.a += kTileRows * product.a_stride) {
      const int64_t rows = std::min<int64_t>(kTileRows, count - row);
      multiply_rows<false>(product, rows, columns, sums, kColumns, false);
      for (int64_t i = 0; i < rows; ++i) narrow_to(result + (row + i) * groups_.out, sums + i * kColumns, columns);
    }
  }

  const GroupedMatmul& args_;
  const RowGroups& groups_ = args_.groups;
  int64_t chunk_;  // rows
};

template <class T>
class Outer {
  using A = Sum<T>;
  static constexpr bool kIsSum = std::is_same_v<A, T>;
  static constexpr int64_t kColumns = kTileColumns<A>;

 public:
  Outer(const GroupedOuter& args, int64_t threads) : args_(args) {
    const int64_t tiles = parts(std::max<int64_t>(groups_.in, 1), kTileRows), items = 8 * threads;
    const int64_t wanted = groups_.num_groups < items ? parts(items, std::max<int64_t>(groups_.num_groups, 1)) : 1;
    block_ = parts(tiles, std::clamp(wanted, parts(tiles, kTilesOfBlock), tiles)) * kTileRows;
    num_blocks_ = parts(tiles * kTileRows, block_);
    tasks_ = std::min(groups_.num_groups * num_blocks_, tasks_of(groups_, threads));
  }

  // The sums of a block, a panel of the gradient, and columns of x in the type of their sums.
  Scratch<A> scratch() const { return block_ * width() + kSteps * kColumns + (kIsSum ? 0 : kSteps * block_); }

  size_t bytes() const { return is_empty() ? 0 : scratch().bytes(tasks_); }

  void run(void* workspace, const Parallel& parallel) const {
    if (is_empty()) {
      std::memset(args_.result, 0, groups_.num_groups * groups_.in * groups_.out * sizeof(T));
      return;
    }
    parallel(tasks_, [&](int64_t task) {
      A* sums = scratch().of(workspace, task);
      const int64_t last = first_item(task + 1);
      for (int64_t item = first_item(task); item < last; ++item) sum(item / num_blocks_, item % num_blocks_, sums);
    });
  }

 private:
  bool is_empty() const { return groups_.num_rows * groups_.in * groups_.out == 0; }
  static int64_t parts(int64_t count, int64_t size) { return (count + size - 1) / size; }

  // The first block of a task: all have equal work, and a group may be of any size. Empty groups count as one row.
  int64_t first_item(int64_t task) const {
    const int64_t items = groups_.num_groups * num_blocks_;
    if (task == tasks_) return items;
    const double target = static_cast<double>(work_before(items)) / tasks_ * task;
    int64_t low = 0, high = items;
    while (low < high) {
      const int64_t middle = low + (high - low) / 2;
      if (work_before(middle) < target) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  // Rows times the blocks that read them, of all blocks before this one.
  int64_t work_before(int64_t item) const {
    const int64_t group = item / num_blocks_, block = item % num_blocks_, begin = begin_of(groups_, group);
    const int64_t rows = group < groups_.num_groups ? begin_of(groups_, group + 1) - begin + 1 : 0;
    return (begin + group) * num_blocks_ + rows * block;
  }

  int64_t width() const { return (groups_.out + kColumns - 1) / kColumns * kColumns; }

  void sum(int64_t group, int64_t block, A* sums) const {
    const int64_t first = block * block_, count = std::min(block_, groups_.in - first), out = groups_.out;
    std::memset(sums, 0, count * width() * sizeof(A));
    const int64_t end = begin_of(groups_, group + 1);
    for (int64_t row = begin_of(groups_, group); row < end; row += kSteps)
      add_rows(row, std::min(kSteps, end - row), first, count, sums);
    T* result = static_cast<T*>(args_.result) + (group * groups_.in + first) * out;
    for (int64_t i = 0; i < count; ++i) narrow_to(result + i * out, sums + i * width(), out);
  }

  void add_rows(int64_t row, int64_t steps, int64_t first, int64_t count, A* sums) const {
    A* panel = sums + block_ * width();
    const T* x = static_cast<const T*>(args_.x) + row * groups_.in + first;
    const T* grad = static_cast<const T*>(args_.grad) + row * groups_.out;
    TileProduct<A> product{nullptr, 0, panel, kColumns, steps};
    if (kIsSum) {
      product.a = as_sums(x);
      product.a_stride = groups_.in;
    } else {
      A* wide = panel + kSteps * kColumns;
      for (int64_t s = 0; s < steps; ++s) widen_to(wide + s * block_, x + s * groups_.in, count);
      product.a = wide;
      product.a_stride = block_;
    }
    for (int64_t column = 0; column < groups_.out; column += kColumns) {
      const int64_t columns = std::min(kColumns, groups_.out - column);
      pack_panel(panel, grad + column, groups_.out, steps, columns);
      multiply_rows<true>(product, count, columns, sums + column, width(), true);
    }
  }

  const GroupedOuter& args_;
  const RowGroups& groups_ = args_.groups;
  int64_t block_, num_blocks_, tasks_;  // rows of a block of the result, blocks of a group
};

}  // namespace

size_t grouped_matmul_workspace(const GroupedMatmul& args, int64_t threads) {
  if (args.groups.num_rows == 0 || args.groups.out == 0) return 0;
  size_t bytes = 0;
  with_value_type(args.groups.value, [&](auto value) {
    bytes = Product<typename decltype(value)::type>(args).scratch().bytes(tasks_of(args.groups, threads));
  });
  return bytes;
}

void grouped_matmul(const GroupedMatmul& args, void* workspace, const Parallel& parallel) {
  check_groups(args.groups);
  with_value_type(args.groups.value,
                  [&](auto value) { Product<typename decltype(value)::type>(args).run(workspace, parallel); });
}

size_t grouped_outer_workspace(const GroupedOuter& args, int64_t threads) {
  size_t bytes = 0;
  with_value_type(args.groups.value,
                  [&](auto value) { bytes = Outer<typename decltype(value)::type>(args, threads).bytes(); });
  return bytes;
}

void grouped_outer(const GroupedOuter& args, void* workspace, const Parallel& parallel) {
  check_groups(args.groups);
  with_value_type(args.groups.value, [&](auto value) {
    Outer<typename decltype(value)::type>(args, parallel.threads()).run(workspace, parallel);
  });
}

}  // namespace geocompile::cpu::GEOCOMPILE_ISA
