// scatter on random tensors, with and without an index for each value, against plain loops; hostile indices.
#include "kernels/scatter.h"

#include <type_traits>

#include "testing.h"

namespace testing {
namespace {

using geocompile::Reduce;
using geocompile::Scatter;

template <class T, class I>
struct Problem {
  int64_t outer, elements, inner, rows;
  bool full, with_arg;
  Reduce reduce;
  Buffer<T> src, out;
  Buffer<I> index;
  Buffer<int64_t> arg;

  Problem(int64_t outer, int64_t elements, int64_t inner, int64_t rows, Reduce reduce)
      : outer(outer),
        elements(rows ? elements : 0),
        inner(inner),
        rows(rows),
        full(draw(2)),
        with_arg((reduce == Reduce::kMax || reduce == Reduce::kMin) && draw(2)),
        reduce(reduce),
        src(outer * this->elements * inner),
        out(outer * rows * inner),
        index(full ? src.count : this->elements),
        arg(with_arg ? out.count : 0) {
    for (int64_t i = 0; i < src.count; ++i) src[i] = value(draw(5) - 2);
    for (int64_t i = 0; i < index.count; ++i) index[i] = static_cast<I>(draw(draw(2) ? rows : 1));
  }

  static T value(int64_t small) {
    if constexpr (std::is_integral_v<T>) {
      return static_cast<T>(small);
    } else {
      return nearest<T>(static_cast<double>(small));
    }
  }

  void run() {
    const Scatter args{"scatter",
                       reduce,
                       dtype_of<T>,
                       dtype_of<I>,
                       outer,
                       elements,
                       inner,
                       rows,
                       full,
                       src.data,
                       index.data,
                       out.data,
                       with_arg ? arg.data : nullptr};
    const geocompile::Parallel parallel = threads(1 + draw(4));
    Buffer<char> workspace(geocompile::cpu::scatter_workspace(args, parallel.threads()));
    geocompile::cpu::scatter(args, workspace.data, parallel);
  }

  // Small integers: sums and small products are exact in every type, so that the order does not show.
  void check() {
    for (int64_t o = 0; o < outer; ++o)
      for (int64_t row = 0; row < rows; ++row)
        for (int64_t i = 0; i < inner; ++i) check_one(o, row, i);
  }

  void check_one(int64_t o, int64_t row, int64_t i) {
    double result = reduce == Reduce::kMul ? 1 : 0;
    int64_t count = 0, first = elements;
    for (int64_t e = 0; e < elements; ++e) {
      const int64_t from = (o * elements + e) * inner + i;
      if (static_cast<int64_t>(index[full ? from : e]) != row) continue;
      const double term = value_of(src[from]);
      const bool better = reduce == Reduce::kMin ? term < result : term > result;
      const bool selects = reduce == Reduce::kMax || reduce == Reduce::kMin;
      if (selects && (count == 0 || better)) {
        result = term;
        first = e;
      }
      if (!selects) result = reduce == Reduce::kMul ? result * term : result + term;
      ++count;
    }
    if (reduce == Reduce::kMean && count > 0) result /= static_cast<double>(count);
    if (std::is_integral_v<T>) result = std::floor(result);
    const int64_t at = (o * rows + row) * inner + i;
    require(std::abs(value_of(out[at]) - result) <= unit_of<T> * std::abs(result), "the scattered value");
    if (with_arg) require(arg[at] == first, "where the scattered maximum was reached");
  }
};

constexpr Reduce kReduces[] = {Reduce::kSum, Reduce::kMean, Reduce::kMax, Reduce::kMin, Reduce::kMul};

template <class T, class I>
void random_scatter() {
  const int64_t elements = draw(2) ? draw(9) : draw(60), inner = draw(2) ? draw(4) : draw(70);
  Problem<T, I> problem(1 + draw(3), elements, inner, draw(12), kReduces[draw(5)]);
  if (problem.reduce == Reduce::kMul && elements > 9) return;  // beyond what a half holds
  problem.run();
  problem.check();
}

// Rows of more edges than one piece of a cut row, in slices that run side by side and one after the other.
template <class T>
void long_rows(int64_t outer, int64_t inner, Reduce reduce) {
  Problem<T, int64_t> problem(outer, 12'000, inner, 3, reduce);
  problem.run();
  problem.check();
}

template <class I>
void hostile_index() {
  for (I bad : {I(-1), std::numeric_limits<I>::min(), std::numeric_limits<I>::max(), I(1000)}) {
    Problem<float, I> problem(2, 30, draw(2) ? 3 : 40, 7, kReduces[draw(5)]);
    problem.index[draw(problem.index.count)] = bad;
    must_refuse([&] { problem.run(); }, "a hostile scatter index is refused");
  }
}

const Family family(
    [] {
      random_scatter<float, int64_t>();
      random_scatter<double, int32_t>();
      random_scatter<Half, int64_t>();
      random_scatter<BFloat16, int32_t>();
      random_scatter<int32_t, int64_t>();
      random_scatter<int64_t, int32_t>();
      hostile_index<int64_t>();
      hostile_index<int32_t>();
    },
    [] {
      for (Reduce reduce : {Reduce::kSum, Reduce::kMean, Reduce::kMax}) {
        long_rows<float>(3, 17, reduce);
        long_rows<double>(2, 30, reduce);
        long_rows<double>(1, 2, reduce);
      }
    });

}  // namespace
}  // namespace testing
