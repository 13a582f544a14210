// Rows are copied in the order in which they are written; a task writes one piece of the result.
#include "../dense_batch.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "balance.h"
#include "simd.h"
#include "validate.h"

namespace geocompile::cpu {
namespace {

using namespace GEOCOMPILE_ISA;

int64_t tasks_of(const DenseBatch& args, int64_t rows, const Parallel& parallel) {
  return task_count(rows * args.channels, parallel.threads());
}

template <class T>
T value_of(double number) {
  if constexpr (std::is_integral_v<T>) {
    return static_cast<T>(number);
  } else {
    T value;
    store_one(&value, static_cast<Sum<T>>(number));
    return value;
  }
}

template <class T, class I>
struct Batch {
  const DenseBatch& args;
  const I* ptr = static_cast<const I*>(args.ptr);
  const T* from = static_cast<const T*>(args.from);
  T* to = static_cast<T*>(args.to);

  void copy(int64_t to_row, int64_t from_row, int64_t rows) const {
    if (rows * args.channels > 0)
      std::memcpy(to + to_row * args.channels, from + from_row * args.channels, rows * args.channels * sizeof(T));
  }

  void fill(int64_t row, int64_t rows, T value) const {
    std::fill_n(to + row * args.channels, rows * args.channels, value);
  }

  // The slots [begin, end) of all graphs, numbered through.
  void to_dense(int64_t begin, int64_t end) const {
    const int64_t slots = args.num_slots;
    const T empty = value_of<T>(args.fill);
    while (begin < end) {
      const int64_t graph = begin / slots, slot = begin % slots, count = std::min(slots - slot, end - begin);
      const int64_t nodes = std::clamp<int64_t>(ptr[graph + 1] - ptr[graph] - slot, 0, count);
      copy(begin, ptr[graph] + slot, nodes);
      fill(begin + nodes, count - nodes, empty);
      begin += count;
    }
  }

  void from_dense(int64_t begin, int64_t end) const {
    int64_t graph = std::upper_bound(ptr, ptr + args.num_graphs + 1, static_cast<I>(begin)) - ptr - 1;
    for (; begin < end; ++graph) {
      const int64_t first = ptr[graph], stop = std::min<int64_t>(ptr[graph + 1], end), slot = begin - first;
      const int64_t with_slot = std::clamp<int64_t>(args.num_slots - slot, 0, stop - begin);
      copy(begin, graph * args.num_slots + slot, with_slot);
      fill(begin + with_slot, stop - begin - with_slot, value_of<T>(0));
      begin = stop;
    }
  }
};

template <class Body>
void with_element_type(DType dtype, const Body& body) {
  if (is_index(dtype)) return with_index_type(dtype, body);
  with_value_type(dtype, body);
}

// Calls body with the batch, its pointers typed and ptr checked.
template <class Body>
void with_batch(const DenseBatch& args, const Body& body) {
  with_index_type(args.index, [&](auto index) {
    using I = typename decltype(index)::type;
    check_ptr(args.op, kGraphPtr, static_cast<const I*>(args.ptr), args.num_graphs, args.num_nodes);
    with_element_type(args.value, [&](auto value) { body(Batch<typename decltype(value)::type, I>{args}); });
  });
}

template <class I>
int64_t largest(const I* ptr, int64_t num_graphs, int64_t num_nodes) {
  check_ptr("slots", kGraphPtr, ptr, num_graphs, num_nodes);
  int64_t most = 0;
  for (int64_t g = 0; g < num_graphs; ++g) most = std::max<int64_t>(most, ptr[g + 1] - ptr[g]);
  return most;
}

}  // namespace

int64_t largest_graph(DType index, const void* ptr, int64_t num_graphs, int64_t num_nodes) {
  return index == DType::kInt32 ? largest(static_cast<const int32_t*>(ptr), num_graphs, num_nodes)
                                : largest(static_cast<const int64_t*>(ptr), num_graphs, num_nodes);
}

void to_dense(const DenseBatch& args, const Parallel& parallel) {
  with_batch(args, [&](const auto& batch) {
    const int64_t rows = args.num_graphs * args.num_slots;
    for_pieces(rows, tasks_of(args, rows, parallel), parallel,
               [&](int64_t, int64_t begin, int64_t end) { batch.to_dense(begin, end); });
  });
}

void from_dense(const DenseBatch& args, const Parallel& parallel) {
  with_batch(args, [&](const auto& batch) {
    for_pieces(args.num_nodes, tasks_of(args, args.num_nodes, parallel), parallel,
               [&](int64_t, int64_t begin, int64_t end) { batch.from_dense(begin, end); });
  });
}

}  // namespace geocompile::cpu
