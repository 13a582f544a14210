#include "neighbours.h"

#include <cmath>
#include <limits>

#include "checker.h"

namespace geocompile {
namespace {

constexpr int64_t kMostDims = int64_t{1} << 24;  // of scratch memory a multiple of it is asked for

int64_t dims_of(const TensorInfo& points) { return points.rank == 1 ? 1 : points.size(1); }

void check_points(const Checker& check, const TensorInfo& points) {
  check.values(points);
  check.require(points.rank <= 2, "'", points.name, "' must have shape [points, dimensions] or [points], got ",
                Checker::shape_of(points));
  check.require(points.size(0) < std::numeric_limits<int32_t>::max(), "'", points.name, "' has ", points.size(0),
                " points, more than 2^31 - 2");
  check.require(dims_of(points) <= kMostDims, "'", points.name, "' has ", dims_of(points), " dimensions, the most are ",
                kMostDims);
}

void check_batch(const Checker& check, const TensorInfo& batch, const TensorInfo& points) {
  check.index_vector(batch);
  check.vector_of(batch, points.size(0), "the graph of each point");
}

Neighbours check_search(const char* op, const NeighboursInfo& in) {
  const Checker check(op);
  check_points(check, in.x);
  check_points(check, in.y);
  check.same_dtype(in.x, in.y);
  check.require(dims_of(in.x) == dims_of(in.y), "'x' and 'y' must have the same dimensions, got shapes ",
                Checker::shape_of(in.x), " and ", Checker::shape_of(in.y));
  check.require(in.batch_x.has_value() == in.batch_y.has_value(),
                "'batch_x' and 'batch_y' must be given both or neither");
  if (in.batch_x) {
    check_batch(check, *in.batch_x, in.x);
    check_batch(check, *in.batch_y, in.y);
    check.same_dtype(*in.batch_x, *in.batch_y);
  }
  Neighbours args{};
  args.op = op;
  args.points_name = in.x.name;
  args.queries_name = in.y.name;
  args.value = in.x.dtype;
  args.batch = in.batch_x ? in.batch_x->dtype : DType::kInt64;
  args.num_points = in.x.size(0);
  args.num_queries = in.y.size(0);
  args.dims = dims_of(in.x);
  args.most = 1;
  return args;
}

void check_self(const Checker& check, const Neighbours& args) {
  check.require(!args.skip_self || args.num_points == args.num_queries,
                "'skip_self' needs the same points in 'x' and 'y', got ", args.num_points, " and ", args.num_queries);
}

}  // namespace

Neighbours check_knn(const NeighboursInfo& in, int64_t k, bool cosine, bool skip_self) {
  Neighbours args = check_search("knn", in);
  const Checker check("knn");
  check.require(k >= 1, "'k' must be at least 1, got ", k);
  args.most = k;
  args.cosine = cosine;
  args.skip_self = skip_self;
  check_self(check, args);
  return args;
}

Neighbours check_radius(const NeighboursInfo& in, double r, int64_t max_num_neighbors, bool skip_self) {
  Neighbours args = check_search("radius", in);
  const Checker check("radius");
  check.require(r >= 0, "'r' must be a number and not negative, got ", r);
  check.require(max_num_neighbors >= 1, "'max_num_neighbors' must be at least 1, got ", max_num_neighbors);
  args.most = max_num_neighbors;
  args.within = true;
  args.radius = r;
  args.skip_self = skip_self;
  check_self(check, args);
  return args;
}

Neighbours check_nearest(const NeighboursInfo& in) {
  Neighbours args = check_search("nearest", in);
  std::swap(args.points_name, args.queries_name);
  std::swap(args.num_points, args.num_queries);
  args.all_found = true;
  return args;
}

}  // namespace geocompile
