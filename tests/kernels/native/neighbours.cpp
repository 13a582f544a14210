// Neighbour searches of random clouds in batches, by trees and without, against plain loops; hostile values and
// batches.
#include "kernels/neighbours.h"

#include <algorithm>
#include <utility>

#include "testing.h"

namespace testing {
namespace {

using geocompile::Neighbours;

template <class T, class I>
struct Problem {
  int64_t points, queries, dims, most;
  bool batched, within, cosine, self;
  Buffer<T> x, y;
  Buffer<I> batch_x, batch_y;
  Neighbours args{};

  // Coordinates are small integers: distances are exact in every type, and many are equal.
  Problem(int64_t points, int64_t queries, int64_t dims, int64_t most, int64_t places)
      : points(points),
        queries(draw(2) ? points : queries),
        dims(dims),
        most(most),
        batched(draw(2)),
        within(draw(2)),
        cosine(!within && draw(4) == 0),
        self(this->queries == points && draw(2)),
        x(points * dims),
        y(this->queries * dims),
        batch_x(points),
        batch_y(this->queries) {
    for (int64_t i = 0; i < x.count; ++i) x[i] = nearest<T>(static_cast<double>(draw(places)));
    for (int64_t i = 0; i < y.count; ++i) y[i] = self ? x[i] : nearest<T>(static_cast<double>(draw(places)));
    const int64_t graphs = 1 + draw(4);
    sorted(batch_x, graphs);
    sorted(batch_y, graphs);
    for (int64_t i = 0; self && i < points; ++i) batch_y[i] = batch_x[i];
  }

  static void sorted(Buffer<I>& batch, int64_t graphs) {
    for (int64_t i = 0; i < batch.count; ++i) batch[i] = static_cast<I>(3 * draw(graphs));
    std::sort(batch.data, batch.data + batch.count);
  }

  std::vector<std::pair<int64_t, int64_t>> run() {
    args = Neighbours{"knn",   "x",    "y", dtype_of<T>, dtype_of<I>, points, queries, dims,
                      most,    within, 1.5, cosine,      self,        false,  x.data,  self ? x.data : y.data,
                      nullptr, nullptr};
    if (batched) {
      args.batch_of_points = batch_x.data;
      args.batch_of_queries = self ? batch_x.data : batch_y.data;
    }
    const geocompile::Parallel parallel = threads(1 + draw(4));
    Buffer<char> workspace(static_cast<int64_t>(geocompile::cpu::neighbours_workspace(args, parallel.threads())));
    const int64_t pairs = geocompile::cpu::count_neighbours(args, workspace.data, parallel);
    Buffer<int64_t> of_queries(pairs), of_points(pairs);
    geocompile::cpu::write_neighbours(args, workspace.data, of_queries.data, of_points.data, parallel);
    std::vector<std::pair<int64_t, int64_t>> found;
    for (int64_t e = 0; e < pairs; ++e) found.emplace_back(of_queries[e], of_points[e]);
    return found;
  }

  void check() {
    const auto found = run();
    std::vector<std::pair<int64_t, int64_t>> wanted;
    for (int64_t q = 0; q < queries; ++q) {
      std::vector<std::pair<double, int64_t>> row;
      for (int64_t p = 0; p < points; ++p) {
        if ((batched && batch_x[p] != batch_y[q]) || (self && p == q)) continue;
        const double distance = distance_of(p, q);
        if (!within || distance < 2.25) row.emplace_back(distance, p);
      }
      std::sort(row.begin(), row.end());
      for (int64_t i = 0; i < most && i < static_cast<int64_t>(row.size()); ++i) wanted.emplace_back(q, row[i].second);
    }
    require(found.size() == wanted.size(), "the number of neighbours");
    require(cosine || found == wanted, "the neighbours");  // angles are not exact
  }

  double distance_of(int64_t p, int64_t q) {
    double squares = 0;
    for (int64_t d = 0; d < dims; ++d) {
      const double difference = value_of(x[p * dims + d]) - value_of(y[q * dims + d]);
      squares += difference * difference;
    }
    return squares;
  }
};

template <class T, class I>
void random_clouds() {
  Problem<T, I>(draw(60), draw(20), draw(9), 1 + draw(12), 1 + draw(8)).check();
}

// Enough points for trees, few places and many; so many neighbours that they are pooled.
template <class T, class I>
void large_clouds(int64_t dims, int64_t places, int64_t most) {
  const int64_t points = dims <= 8 ? 1024 : 4096, times = dims <= 8 ? 4 : 1;
  for (int64_t i = 0; i < times; ++i) Problem<T, I>(points + draw(300), 400 + draw(300), dims, most, places).check();
}

template <class T, class I>
void hostile() {
  Problem<T, I> problem(40, 30, 3, 4, 5);
  problem.batched = true;
  problem.batch_x[0] = std::numeric_limits<I>::min();
  must_refuse([&] { problem.run(); }, "a negative graph is refused");
  Problem<T, I> wrong(40, 30, 3, 4, 5);
  wrong.x[draw(120)] = nearest<T>(draw(2) ? NAN : INFINITY);
  bool refused = false;
  try {
    wrong.run();
  } catch (const std::invalid_argument&) {
    refused = true;
  }
  require(refused, "coordinates that are not finite are refused");
  Problem<T, I> far(40, 30, 3, 4, 5);
  for (int64_t i = 0; i < far.x.count; ++i) far.x[i] = nearest<T>(i % 2 ? 3e38 : -3e38);  // distances overflow
  far.run();
  Problem<T, I> large(40, 30, 3, 4, 5);
  for (int64_t i = 20; i < 40; ++i) large.batch_x[i] = std::numeric_limits<I>::max();
  large.run();
}

const Family family(
    [] {
      random_clouds<float, int64_t>();
      random_clouds<double, int32_t>();
      random_clouds<Half, int64_t>();
      random_clouds<BFloat16, int32_t>();
      hostile<float, int64_t>();
      hostile<double, int32_t>();
    },
    [] {
      for (int64_t dims : {1, 2, 3, 4, 6, 8, 9, 16})
        for (int64_t places : {1, 3, 1000}) {
          large_clouds<float, int64_t>(dims, places, 7);
          large_clouds<double, int32_t>(dims, places, 70);
        }
      large_clouds<Half, int64_t>(3, 30, 16);
    });

}  // namespace
}  // namespace testing
