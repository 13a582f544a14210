// fps takes the very points of the plain search, in lattices full of ties, duplicates and several clouds at once.
#include "kernels/fps.h"

#include <algorithm>
#include <limits>

#include "testing.h"

namespace testing {
namespace {

using geocompile::Fps;
using geocompile::FpsCount;

template <class T>
std::vector<int64_t> plain_search(const T* src, int64_t first, int64_t count, int64_t dims, int64_t start,
                                  int64_t samples) {
  using S = std::conditional_t<std::is_same_v<T, double>, double, float>;
  std::vector<S> nearest(count, std::numeric_limits<S>::infinity());
  std::vector<int64_t> taken{start};
  while (static_cast<int64_t>(taken.size()) < samples) {
    int64_t next = 0;
    for (int64_t p = 0; p < count; ++p) {
      volatile S sum = 0;  // rounded after each operation
      for (int64_t d = 0; d < dims; ++d) {
        const S a = static_cast<S>(value_of(src[(first + p) * dims + d]));
        const S b = static_cast<S>(value_of(src[(first + taken.back()) * dims + d]));
        const volatile S square = (a - b) * (a - b);
        sum = sum + square;
      }
      const S distance = sum;
      nearest[p] = std::min(nearest[p], distance);
      if (nearest[p] > nearest[next]) next = p;
    }
    taken.push_back(next);
  }
  for (int64_t& point : taken) point += first;
  return taken;
}

template <class T, class I>
void clouds_of(int64_t num_graphs, int64_t most, int64_t dims, float ratio) {
  std::vector<int64_t> counts, starts, expected;
  int64_t points = 0;
  for (int64_t g = 0; g < num_graphs; ++g) {
    counts.push_back(draw(3) ? 1 + draw(most) : 0);
    starts.push_back(draw(counts.back()));
    points += counts.back();
  }
  Buffer<T> src(points * dims);
  Buffer<I> batch(points);
  Buffer<int64_t> start(num_graphs);
  const bool lattice = draw(2);
  for (int64_t i = 0; i < src.count; ++i) src[i] = nearest<T>(lattice ? draw(4) : draw_between(-1, 1));
  for (int64_t g = 0, first = 0; g < num_graphs; first += counts[g++]) {
    start[g] = starts[g];
    for (int64_t p = 0; p < counts[g]; ++p) batch[first + p] = static_cast<I>(g);
    if (counts[g] == 0) continue;
    const auto samples = std::min<int64_t>(std::ceil(ratio * static_cast<float>(counts[g])), counts[g]);
    const auto taken = plain_search(src.data, first, counts[g], dims, starts[g], samples);
    expected.insert(expected.end(), taken.begin(), taken.end());
  }
  const Fps args{"fps", dtype_of<T>, points, dims, src.data, dtype_of<I>, batch.data, num_graphs, start.data, ratio};
  const FpsCount count = geocompile::cpu::count_fps(args);
  require(count.num_samples == static_cast<int64_t>(expected.size()), "the number of samples");
  Buffer<int64_t> out(count.num_samples);
  const Parallel parallel = threads(1 + draw(4));
  Buffer<char> workspace(geocompile::cpu::fps_workspace(args, count, parallel.threads()));
  geocompile::cpu::fps(args, count, workspace.data, out.data, parallel);
  for (int64_t s = 0; s < out.count; ++s) require(out[s] == expected[s], "the samples of the plain search");
}

void hostile_values() {
  Buffer<double> src(3);
  Buffer<int32_t> batch(3);
  Buffer<int64_t> start(1);
  for (int32_t bad : {-1, std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max()}) {
    batch[0] = batch[1] = std::min(bad, 0);  // sorted: what falls is another error
    batch[2] = std::max(bad, 0);
    const Fps args{"fps", DType::kFloat64, 3, 1, src.data, DType::kInt32, batch.data, 0, nullptr, 1};
    must_refuse([&] { geocompile::cpu::count_fps(args); }, "a graph number outside");
  }
  for (int64_t bad : {int64_t{-1}, int64_t{3}, std::numeric_limits<int64_t>::max()}) {
    start[0] = bad;
    const Fps args{"fps", DType::kFloat64, 3, 1, src.data, DType::kInt32, nullptr, 1, start.data, 1};
    must_refuse([&] { geocompile::cpu::count_fps(args); }, "a start outside");
  }
}

const Family family(
    [] {
      const float ratio = static_cast<float>(draw_between(0.01, 1));
      clouds_of<float, int64_t>(draw(5), 200, 1 + draw(4), ratio);
      clouds_of<double, int32_t>(draw(3), 90, draw(20), ratio);
      clouds_of<Half, int64_t>(draw(3), 90, 1 + draw(3), ratio);
      clouds_of<BFloat16, int32_t>(draw(3), 90, 1 + draw(3), ratio);
    },
    [] {
      hostile_values();
      clouds_of<float, int64_t>(1, 30'000, 3, 0.01f);
      clouds_of<double, int64_t>(2, 20'000, 2, 0.01f);
    });

}  // namespace
}  // namespace testing
