// Neighbour search.
#include "kernels/neighbours.h"

#include "tensors.h"

namespace geocompile::torch_binding {
namespace {

using Batch = std::optional<Tensor>;

NeighboursInfo all_info(const Tensor& x, const Tensor& y, const Batch& batch_x, const Batch& batch_y) {
  return {info("x", x), info("y", y), info("batch_x", batch_x), info("batch_y", batch_y)};
}

// Contiguous points and queries, and a search of them that goes on until its pairs are counted.
struct Counted {
  Tensor points, queries;
  Batch batch_of_points, batch_of_queries;
  Neighbours args;
  Parallel threads = parallel();
  std::optional<Workspace> workspace;
  int64_t pairs;

  Counted(const Neighbours& checked, const Tensor& points_, const Tensor& queries_, const Batch& batch_of_points_,
          const Batch& batch_of_queries_)
      : points(torch::stable::contiguous(points_)),
        queries(torch::stable::contiguous(queries_)),
        batch_of_points(contiguous(batch_of_points_)),
        batch_of_queries(contiguous(batch_of_queries_)),
        args(checked) {
    args.points = points.const_data_ptr();
    args.queries = queries.const_data_ptr();
    args.batch_of_points = data(batch_of_points);
    args.batch_of_queries = data(batch_of_queries);
    workspace.emplace(points, cpu::neighbours_workspace(args, threads.threads()));
    pairs = cpu::count_neighbours(args, workspace->data(), threads);
  }
};

// [2, pairs]: the query and the point of each, or the other way round.
Tensor edges(Counted counted, bool neighbours_first) {
  Tensor out = empty(counted.points, {2, counted.pairs}, ScalarType::Long);
  int64_t* first = static_cast<int64_t*>(out.mutable_data_ptr());
  int64_t* second = first + counted.pairs;
  cpu::write_neighbours(counted.args, counted.workspace->data(), neighbours_first ? second : first,
                        neighbours_first ? first : second, counted.threads);
  return out;
}

Tensor knn(const Tensor& x, const Tensor& y, int64_t k, const Batch& batch_x, const Batch& batch_y, bool cosine,
           bool skip_self, bool neighbours_first) {
  const Neighbours args = check_knn(all_info(x, y, batch_x, batch_y), k, cosine, skip_self);
  return edges(Counted(args, x, y, batch_x, batch_y), neighbours_first);
}

Tensor radius(const Tensor& x, const Tensor& y, double r, int64_t max_num_neighbors, const Batch& batch_x,
              const Batch& batch_y, bool skip_self, bool neighbours_first) {
  const Neighbours args = check_radius(all_info(x, y, batch_x, batch_y), r, max_num_neighbors, skip_self);
  return edges(Counted(args, x, y, batch_x, batch_y), neighbours_first);
}

Tensor nearest(const Tensor& x, const Tensor& y, const Batch& batch_x, const Batch& batch_y) {
  Counted counted(check_nearest(all_info(x, y, batch_x, batch_y)), y, x, batch_y, batch_x);
  Tensor out = empty(x, {x.size(0)}, ScalarType::Long);
  cpu::write_neighbours(counted.args, counted.workspace->data(), nullptr, static_cast<int64_t*>(out.mutable_data_ptr()),
                        counted.threads);
  return out;
}

}  // namespace

STABLE_TORCH_LIBRARY_FRAGMENT(geocompile, m) {
  m.def(
      "knn(Tensor x, Tensor y, SymInt k, Tensor? batch_x=None, Tensor? batch_y=None, bool cosine=False, "
      "bool skip_self=False, bool neighbours_first=False) -> Tensor");
  m.def(
      "radius(Tensor x, Tensor y, float r, SymInt max_num_neighbors=32, Tensor? batch_x=None, Tensor? batch_y=None, "
      "bool skip_self=False, bool neighbours_first=False) -> Tensor");
  m.def("nearest(Tensor x, Tensor y, Tensor? batch_x=None, Tensor? batch_y=None) -> Tensor");
}

STABLE_TORCH_LIBRARY_IMPL(geocompile, CPU, m) {
  m.impl("knn", TORCH_BOX(&knn));
  m.impl("radius", TORCH_BOX(&radius));
  m.impl("nearest", TORCH_BOX(&nearest));
}

}  // namespace geocompile::torch_binding
