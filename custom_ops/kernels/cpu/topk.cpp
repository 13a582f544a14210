// Each graph's scores become integer keys that ascend as the scores fall. Few keys are sorted by comparison, many by
// their digits; where a small part is wanted, it is parted from the rest first.
#include <algorithm>
#include <cmath>
#include <limits>

#include "../selection.h"
#include "balance.h"
#include "simd.h"
#include "validate.h"
#include "workspace.h"

namespace geocompile::cpu {
namespace {

using namespace GEOCOMPILE_ISA;

constexpr int64_t kFew = 192;           // keys that are sorted by comparison
constexpr int64_t kManyKeys = 1 << 13;  // from here on longer digits pay for their counters
constexpr int64_t kSmallPart = 8;       // of this many parts, one is selected before it is sorted

template <class Key>
struct Entry {
  Key key;
  Key node;  // within its graph

  bool operator<(const Entry& other) const { return key != other.key ? key < other.key : node < other.node; }
};

// Integers whose order is that of the scores, turned around; -0.0 is 0.0, all NaN are one.
template <class Key, class A>
Key key_of(A score) {
  if (score != score) return 0;
  constexpr Key kSign = Key(1) << (sizeof(Key) * 8 - 1);
  const Key bits = bits_as<Key>(score + A(0));
  return ~(bits & kSign ? ~bits : bits | kSign);
}

// Sorts by key, stably, so that entries in the order of their nodes stay so; `other` has as much room.
template <int kBits, class Key>
void sort_by_digits(Entry<Key>* entries, Entry<Key>* other, int64_t count) {
  constexpr int kDigits = (sizeof(Key) * 8 + kBits - 1) / kBits, kValues = 1 << kBits;
  uint64_t next[kDigits][kValues] = {};
  const auto digit = [](Key key, int d) { return static_cast<int>(key >> (d * kBits)) & (kValues - 1); };
  for (int64_t i = 0; i < count; ++i)
    for (int d = 0; d < kDigits; ++d) ++next[d][digit(entries[i].key, d)];
  Entry<Key>*from = entries, *to = other;
  for (int d = 0; d < kDigits; ++d) {
    if (next[d][digit(from[0].key, d)] == static_cast<uint64_t>(count)) continue;  // all have the same
    uint64_t place = 0;
    for (int value = 0; value < kValues; ++value) {
      const uint64_t here = next[d][value];
      next[d][value] = place;
      place += here;
    }
    for (int64_t i = 0; i < count; ++i) to[next[d][digit(from[i].key, d)]++] = from[i];
    std::swap(from, to);
  }
  if (from != entries) std::copy_n(from, count, entries);
}

template <class Key>
void sort_first(Entry<Key>* entries, Entry<Key>* other, int64_t count, int64_t wanted) {
  if (wanted * kSmallPart < count) {
    std::nth_element(entries, entries + wanted, entries + count);
    std::sort(entries, entries + wanted);
  } else if (count <= kFew) {
    std::sort(entries, entries + count);
  } else if (count < kManyKeys) {
    sort_by_digits<8>(entries, other, count);
  } else {
    sort_by_digits<11>(entries, other, count);
  }
}

int64_t kept_of(int64_t num_nodes, double ratio) {
  if (ratio >= static_cast<double>(num_nodes)) return num_nodes;
  if (ratio >= 1) return static_cast<int64_t>(ratio);
  const float share = std::ceil(static_cast<float>(ratio) * static_cast<float>(num_nodes));
  return std::min(num_nodes, static_cast<int64_t>(share));
}

template <class I>
int64_t size_of_perm(const TopK& args) {
  const I* ptr = static_cast<const I*>(args.ptr);
  check_ptr("topk", kGraphPtr, ptr, args.num_graphs, args.num_nodes);
  int64_t size = 0;
  for (int64_t g = 0; g < args.num_graphs; ++g) size += kept_of(ptr[g + 1] - ptr[g], args.ratio);
  return size;
}

// Whether a key of 32 bits holds a score, and one a node.
bool is_narrow(const TopK& args) {
  return args.value != DType::kFloat64 && args.num_nodes <= std::numeric_limits<uint32_t>::max();
}

// The workspace: the first place in perm of each graph, and the entries of all nodes, twice.
template <class Key>
struct Memory {
  int64_t* starts;
  Entry<Key>*entries, *others;
  size_t bytes;

  Memory(const TopK& args, void* workspace) {
    Parts parts(workspace);
    starts = parts.take<int64_t>(args.num_graphs + 1);
    entries = parts.take<Entry<Key>>(args.num_nodes);
    others = parts.take<Entry<Key>>(args.num_nodes);
    bytes = parts.bytes();
  }
};

template <class I, class T, class Key>
void run(const TopK& args, void* workspace, const Parallel& parallel) {
  using A = std::conditional_t<sizeof(Key) == 4, float, double>;
  const I* ptr = static_cast<const I*>(args.ptr);
  const T* score = static_cast<const T*>(args.score);
  const Memory<Key> memory(args, workspace);
  int64_t* starts = memory.starts;
  starts[0] = 0;
  for (int64_t g = 0; g < args.num_graphs; ++g) starts[g + 1] = starts[g] + kept_of(ptr[g + 1] - ptr[g], args.ratio);
  const int64_t tasks = task_count(8 * args.num_nodes + args.num_graphs, parallel.threads());
  parallel(tasks, [&](int64_t task) {
    const int64_t end = first_row(ptr, args.num_graphs, task + 1, tasks);
    for (int64_t g = first_row(ptr, args.num_graphs, task, tasks); g < end; ++g) {
      const int64_t first = ptr[g], count = ptr[g + 1] - first, wanted = starts[g + 1] - starts[g];
      Entry<Key>* mine = memory.entries + first;
      for (int64_t i = 0; i < count; ++i)
        mine[i] = {key_of<Key>(static_cast<A>(load_one(score + first + i))), static_cast<Key>(i)};
      if (wanted > 0) sort_first(mine, memory.others + first, count, wanted);
      for (int64_t i = 0; i < wanted; ++i) args.perm[starts[g] + i] = first + static_cast<int64_t>(mine[i].node);
    }
  });
}

}  // namespace

int64_t topk_size(const TopK& args) {
  return args.index == DType::kInt32 ? size_of_perm<int32_t>(args) : size_of_perm<int64_t>(args);
}

size_t topk_workspace(const TopK& args) {
  return is_narrow(args) ? Memory<uint32_t>(args, nullptr).bytes : Memory<uint64_t>(args, nullptr).bytes;
}

void topk(const TopK& args, void* workspace, const Parallel& parallel) {
  with_index_type(args.index, [&](auto index) {
    with_value_type(args.value, [&](auto value) {
      using I = typename decltype(index)::type;
      using T = typename decltype(value)::type;
      is_narrow(args) ? run<I, T, uint32_t>(args, workspace, parallel) : run<I, T, uint64_t>(args, workspace, parallel);
    });
  });
}

}  // namespace geocompile::cpu
