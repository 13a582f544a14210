// Values of a small range are looked up in a table of it; others, the numbers of voxels among them, are sorted by
// digits.
#include "../consecutive.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace geocompile::cpu {
namespace {

constexpr int64_t kSparse = 4;  // values of a table for each element, at the most
constexpr int64_t kFew = 1024;  // elements that a table may have at any rate
constexpr int kDigit = 11;      // bits; the counters of a digit stay in the first cache
constexpr int32_t kNone = -1;

// An element on its way: its value above the smallest, and its place.
struct Element {
  uint64_t above;
  int64_t place;
};

// The workspace: places of the firsts, then elements, twice, or the table.
struct Memory {
  int32_t* firsts;
  Element *elements, *others;
  int32_t* table;

  Memory(const Consecutive& args, void* workspace)
      : firsts(reinterpret_cast<int32_t*>(static_cast<Element*>(workspace) + 2 * args.count)),
        elements(static_cast<Element*>(workspace)),
        others(elements + args.count),
        table(firsts + args.count) {}

  static int64_t most_in_table(const Consecutive& args) { return kSparse * args.count + kFew; }
  static size_t bytes(const Consecutive& args) {
    return args.count * (2 * sizeof(Element) + sizeof(int32_t)) + most_in_table(args) * sizeof(int32_t);
  }
};

// The table holds the first place of each value, then its number.
template <class I>
int64_t by_table(const I* ids, int64_t count, uint64_t least, int64_t range, const Memory& m, int64_t* inverse) {
  std::fill_n(m.table, range, kNone);
  for (int64_t p = count - 1; p >= 0; --p) m.table[static_cast<uint64_t>(ids[p]) - least] = static_cast<int32_t>(p);
  int32_t unique = 0;
  for (int64_t value = 0; value < range; ++value) {
    if (m.table[value] == kNone) continue;
    m.firsts[unique] = m.table[value];
    m.table[value] = unique++;
  }
  for (int64_t p = 0; p < count; ++p) inverse[p] = m.table[static_cast<uint64_t>(ids[p]) - least];
  return unique;
}

// Stable, the lowest digit first; digits that are the same in all are passed over by there being none above `range`.
void sort_by_digits(int64_t count, uint64_t range, Memory& m) {
  for (int shift = 0; shift < 64 && range >> shift; shift += kDigit) {
    int64_t places[1 << kDigit] = {};
    const auto digit = [&](const Element& e) { return e.above >> shift & ((1 << kDigit) - 1); };
    for (int64_t i = 0; i < count; ++i) ++places[digit(m.elements[i])];
    int64_t place = 0;
    for (int64_t& next : places) place += std::exchange(next, place);
    for (int64_t i = 0; i < count; ++i) m.others[places[digit(m.elements[i])]++] = m.elements[i];
    std::swap(m.elements, m.others);
  }
}

template <class I>
int64_t by_sorting(const I* ids, int64_t count, uint64_t least, uint64_t range, Memory m, int64_t* inverse) {
  for (int64_t p = 0; p < count; ++p) m.elements[p] = {static_cast<uint64_t>(ids[p]) - least, p};
  sort_by_digits(count, range, m);
  int32_t unique = 0;
  for (int64_t i = 0; i < count; ++i) {
    if (i == 0 || m.elements[i].above != m.elements[i - 1].above)
      m.firsts[unique++] = static_cast<int32_t>(m.elements[i].place);
    inverse[m.elements[i].place] = unique - 1;
  }
  return unique;
}

template <class I>
int64_t number(const Consecutive& args, void* workspace, int64_t* inverse) {
  const I* ids = static_cast<const I*>(args.ids);
  const Memory memory(args, workspace);
  if (args.count == 0) return 0;
  const auto [low, high] = std::minmax_element(ids, ids + args.count);
  const auto least = static_cast<uint64_t>(*low), range = static_cast<uint64_t>(*high) - least;
  if (range < static_cast<uint64_t>(Memory::most_in_table(args)))
    return by_table(ids, args.count, least, static_cast<int64_t>(range) + 1, memory, inverse);
  return by_sorting(ids, args.count, least, range, memory, inverse);
}

template <class I>
void list(const Consecutive& args, void* workspace, int64_t num_unique, I* unique, int64_t* first) {
  const I* ids = static_cast<const I*>(args.ids);
  const Memory memory(args, workspace);
  for (int64_t u = 0; u < num_unique; ++u) {
    first[u] = memory.firsts[u];
    unique[u] = ids[first[u]];
  }
}

}  // namespace

size_t consecutive_workspace(const Consecutive& args) { return Memory::bytes(args); }

int64_t consecutive_number(const Consecutive& args, void* workspace, int64_t* inverse) {
  return args.index == DType::kInt32 ? number<int32_t>(args, workspace, inverse)
                                     : number<int64_t>(args, workspace, inverse);
}

void consecutive_list(const Consecutive& args, void* workspace, int64_t num_unique, void* unique, int64_t* first) {
  args.index == DType::kInt32 ? list(args, workspace, num_unique, static_cast<int32_t*>(unique), first)
                              : list(args, workspace, num_unique, static_cast<int64_t*>(unique), first);
}

}  // namespace geocompile::cpu
