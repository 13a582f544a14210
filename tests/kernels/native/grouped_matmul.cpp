// grouped_matmul and grouped_outer against plain loops, and on hostile groups.
#include "kernels/grouped_matmul.h"

#include "testing.h"

namespace testing {
namespace {

using namespace geocompile;

template <class T>
void require_near(T got, double sum, double size, int64_t terms, const char* what) {
  const double least = std::is_same_v<T, Half> ? 0x1p-24 : 0;  // the step between halves near zero
  const double bound = 4 * (terms + 1) * sum_unit_of<T> * (std::abs(sum) + size) + unit_of<T> * std::abs(sum) + least;
  require(std::abs(value_of(got) - sum) <= bound, what);
}

template <class T, class I>
struct Groups {
  int64_t num_groups, rows, in, out;
  Buffer<I> ptr;
  Buffer<T> x, weight, grad;

  Groups(int64_t num_groups, int64_t most, int64_t in, int64_t out)
      : Groups(std::vector<int64_t>(num_groups), most, in, out) {}

  RowGroups of(const char* op) const { return {op, dtype_of<T>, dtype_of<I>, rows, num_groups, in, out, ptr.data}; }

 private:
  Groups(std::vector<int64_t> sizes, int64_t most, int64_t in, int64_t out)
      : num_groups(sizes.size()),
        rows(drawn(sizes, most)),
        in(in),
        out(out),
        ptr(num_groups + 1),
        x(rows * in),
        weight(num_groups * in * out),
        grad(rows * out) {
    ptr[0] = 0;
    for (int64_t t = 0; t < num_groups; ++t) ptr[t + 1] = static_cast<I>(ptr[t] + sizes[t]);
    for (Buffer<T>* values : {&x, &weight, &grad}) values->fill(-1, 1);
  }

  static int64_t drawn(std::vector<int64_t>& sizes, int64_t most) {
    int64_t sum = 0;
    for (int64_t& size : sizes) sum += size = draw(3) ? draw(most) : 0;
    return sum;
  }
};

template <class T, class I>
void check_product(Groups<T, I>& g) {
  Buffer<T> result(g.rows * g.out);
  const GroupedMatmul args{g.of("grouped_matmul"), g.x.data, g.weight.data, result.data};
  const Parallel parallel = threads(1 + draw(4));
  Buffer<char> workspace(cpu::grouped_matmul_workspace(args, parallel.threads()));
  cpu::grouped_matmul(args, workspace.data, parallel);
  for (int64_t t = 0; t < g.num_groups; ++t)
    for (int64_t row = g.ptr[t]; row < g.ptr[t + 1]; ++row)
      for (int64_t c = 0; c < g.out; ++c) {
        double sum = 0, size = 0;
        for (int64_t k = 0; k < g.in; ++k) {
          const double term = value_of(g.x[row * g.in + k]) * value_of(g.weight[(t * g.in + k) * g.out + c]);
          sum += term, size += std::abs(term);
        }
        require_near(result[row * g.out + c], sum, size, g.in, "a row of the product");
      }
}

template <class T, class I>
void check_outer(Groups<T, I>& g) {
  Buffer<T> result(g.num_groups * g.in * g.out);
  const GroupedOuter args{g.of("grouped_outer"), g.x.data, g.grad.data, result.data};
  const Parallel parallel = threads(1 + draw(4));
  Buffer<char> workspace(cpu::grouped_outer_workspace(args, parallel.threads()));
  cpu::grouped_outer(args, workspace.data, parallel);
  for (int64_t t = 0; t < g.num_groups; ++t)
    for (int64_t k = 0; k < g.in; ++k)
      for (int64_t c = 0; c < g.out; ++c) {
        double sum = 0, size = 0;
        for (int64_t row = g.ptr[t]; row < g.ptr[t + 1]; ++row) {
          const double term = value_of(g.x[row * g.in + k]) * value_of(g.grad[row * g.out + c]);
          sum += term, size += std::abs(term);
        }
        require_near(result[(t * g.in + k) * g.out + c], sum, size, g.ptr[t + 1] - g.ptr[t], "a weight's gradient");
      }
}

template <class T, class I>
void random_groups(int64_t num_groups, int64_t most) {
  Groups<T, I> g(num_groups, most, draw(40), draw(80));
  check_product(g);
  check_outer(g);
}

// Hostile numbers anywhere in ptr must be refused before they are used as an address.
template <class I>
void hostile() {
  const I bad[] = {-1, std::numeric_limits<I>::min(), std::numeric_limits<I>::max(), 1 << 20};
  for (I value : bad) {
    Groups<float, I> g(6, 20, 5, 7);
    Buffer<float> result((g.rows + 6 * 5) * 7);
    g.ptr[draw(7)] = value;
    const GroupedMatmul product{g.of("test"), g.x.data, g.weight.data, result.data};
    const GroupedOuter outer{g.of("test"), g.x.data, g.grad.data, result.data};
    must_refuse([&] { cpu::grouped_matmul(product, nullptr, threads(2)); }, "refused by the product");
    must_refuse([&] { cpu::grouped_outer(outer, nullptr, threads(2)); }, "refused by the gradient");
  }
}

const Family family(
    [] {
      random_groups<float, int64_t>(draw(6), 50);
      random_groups<double, int32_t>(draw(6), 50);
      random_groups<Half, int32_t>(draw(6), 20);
      random_groups<BFloat16, int64_t>(draw(40), 4);
      hostile<int64_t>();
      hostile<int32_t>();
    },
    [] {
      Groups<float, int64_t> wide(3, 1500, 150, 37);
      check_product(wide);
      check_outer(wide);
    });

}  // namespace
}  // namespace testing
