// Values of a range that is not too large for a bit each are counted by their bits, the numbers of voxels among them;
// others are sorted by digits.
#include "../consecutive.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace geocompile::cpu {
namespace {

constexpr int64_t kBits = 64;
constexpr int64_t kFewWords = 16;  // that there may be beyond one for each element
constexpr int kDigit = 8;  // bits; the lines that a digit writes to, one for each value, stay in the first cache

// Of 64 neighbouring values: those that occur, and how many of those below them do.
struct Word {
  uint64_t bits;
  int64_t below;
};

// An element on its way: its value above the smallest, and its place.
struct Element {
  uint64_t above;
  int64_t place;
};

struct InTwoWords {
  using Kept = Element;
  Kept keep(uint64_t above, int64_t place) const { return {above, place}; }
  uint64_t above(const Kept& e) const { return e.above; }
  int64_t place(const Kept& e) const { return e.place; }
};

// Half as much to move, where both have room.
struct InOneWord {
  using Kept = uint64_t;
  int place_bits;

  Kept keep(uint64_t above, int64_t place) const { return above << place_bits | static_cast<uint64_t>(place); }
  uint64_t above(Kept e) const { return e >> place_bits; }
  int64_t place(Kept e) const { return static_cast<int64_t>(e & ((uint64_t{1} << place_bits) - 1)); }
};

// The workspace: elements, twice, or words; then the places of the firsts.
struct Memory {
  void* elements;
  Word* words;
  int32_t* firsts;

  Memory(const Consecutive& args, void* workspace)
      : elements(workspace),
        words(static_cast<Word*>(workspace)),
        firsts(reinterpret_cast<int32_t*>(static_cast<char*>(workspace) + first_part(args))) {}

  static int64_t most_words(const Consecutive& args) { return args.count + kFewWords; }
  static size_t first_part(const Consecutive& args) {
    return std::max(2 * args.count * sizeof(Element), most_words(args) * sizeof(Word));
  }
  static size_t bytes(const Consecutive& args) { return first_part(args) + args.count * sizeof(int32_t); }
};

// How many bits are set, by adding neighbours; the least of x86-64 has no instruction for it.
int64_t count_ones(uint64_t bits) {
  bits -= bits >> 1 & 0x5555555555555555;
  bits = (bits & 0x3333333333333333) + (bits >> 2 & 0x3333333333333333);
  bits = (bits + (bits >> 4)) & 0x0f0f0f0f0f0f0f0f;
  return static_cast<int64_t>(bits * 0x0101010101010101 >> 56);
}

// A value's number is how many of those below it occur. From the last place to the first, so that the first stays.
template <class I>
int64_t by_bits(const I* ids, int64_t count, uint64_t least, int64_t num_words, const Memory& m, int64_t* inverse) {
  std::fill_n(m.words, num_words, Word{});
  for (int64_t p = 0; p < count; ++p) {
    const uint64_t above = static_cast<uint64_t>(ids[p]) - least;
    m.words[above / kBits].bits |= uint64_t{1} << above % kBits;
  }
  int64_t unique = 0;
  for (int64_t w = 0; w < num_words; ++w) {
    m.words[w].below = unique;
    unique += count_ones(m.words[w].bits);
  }
  for (int64_t p = count - 1; p >= 0; --p) {
    const uint64_t above = static_cast<uint64_t>(ids[p]) - least;
    const Word& word = m.words[above / kBits];
    inverse[p] = word.below + count_ones(word.bits & ((uint64_t{1} << above % kBits) - 1));
    m.firsts[inverse[p]] = static_cast<int32_t>(p);
  }
  return unique;
}

// Stable, the lowest digit first; there are no digits above `range`. Returns where the sorted elements are.
template <class Form, class Kept>
Kept* sort_by_digits(Form form, int64_t count, uint64_t range, Kept* elements, Kept* others) {
  for (int shift = 0; shift < 64 && range >> shift; shift += kDigit) {
    int64_t places[1 << kDigit] = {};
    const auto digit = [&](const Kept& e) { return form.above(e) >> shift & ((1 << kDigit) - 1); };
    for (int64_t i = 0; i < count; ++i) ++places[digit(elements[i])];
    int64_t place = 0;
    for (int64_t& next : places) place += std::exchange(next, place);
    for (int64_t i = 0; i < count; ++i) others[places[digit(elements[i])]++] = elements[i];
    std::swap(elements, others);
  }
  return elements;
}

template <class Form, class I>
int64_t by_sorting(Form form, const I* ids, int64_t count, uint64_t least, uint64_t range, const Memory& m,
                   int64_t* inverse) {
  auto* elements = static_cast<typename Form::Kept*>(m.elements);
  for (int64_t p = 0; p < count; ++p) elements[p] = form.keep(static_cast<uint64_t>(ids[p]) - least, p);
  elements = sort_by_digits(form, count, range, elements, elements + count);
  int64_t unique = 0;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t place = form.place(elements[i]);
    if (i == 0 || form.above(elements[i]) != form.above(elements[i - 1]))
      m.firsts[unique++] = static_cast<int32_t>(place);
    inverse[place] = unique - 1;
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
  const uint64_t num_words = range / kBits + 1;
  if (num_words <= static_cast<uint64_t>(Memory::most_words(args)))
    return by_bits(ids, args.count, least, static_cast<int64_t>(num_words), memory, inverse);
  int place_bits = 1;
  while (args.count >> place_bits) ++place_bits;
  if (range <= ~uint64_t{0} >> place_bits)
    return by_sorting(InOneWord{place_bits}, ids, args.count, least, range, memory, inverse);
  return by_sorting(InTwoWords{}, ids, args.count, least, range, memory, inverse);
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
