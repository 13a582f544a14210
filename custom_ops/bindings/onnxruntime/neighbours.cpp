// Knn and KnnCosine, Radius and Nearest, each also with batch vectors.
#include "kernels/neighbours.h"

#include <stdexcept>

#include "op_type.h"

namespace geocompile::ort_binding {
namespace {

struct Inputs {
  Input x, y;
  std::optional<Input> batch_x, batch_y;

  // They stand first, in this order.
  Inputs(const Call& call, bool batched)
      : x(call.input(0)), y(call.input(1)), batch_x(call.input_if(batched, 2)), batch_y(call.input_if(batched, 3)) {}

  NeighboursInfo info() const { return {x.info(), y.info(), ort_binding::info(batch_x), ort_binding::info(batch_y)}; }

  // The points of x are searched for those near y, or the other way round.
  Neighbours with_data(Neighbours args, bool x_are_points) const {
    args.points = (x_are_points ? x : y).data();
    args.queries = (x_are_points ? y : x).data();
    args.batch_of_points = data(x_are_points ? batch_x : batch_y);
    args.batch_of_queries = data(x_are_points ? batch_y : batch_x);
    return args;
  }
};

void write_edges(const Call& call, const Neighbours& args, bool neighbours_first) {
  const Parallel threads = call.parallel();
  Workspace workspace = call.workspace(cpu::neighbours_workspace(args, threads.threads()));
  const int64_t pairs = cpu::count_neighbours(args, workspace.data(), threads);
  int64_t* first = static_cast<int64_t*>(call.output(0, {2, pairs}));
  int64_t* second = first + pairs;
  cpu::write_neighbours(args, workspace.data(), neighbours_first ? second : first, neighbours_first ? first : second,
                        threads);
}

void knn(const Call& call, bool cosine, bool batched) {
  const Inputs in(call, batched);
  const auto k = call.integer(0);
  const Neighbours args = check_knn(in.info(), k, cosine, call.attribute(1) != 0);
  write_edges(call, in.with_data(args, true), call.attribute(2) != 0);
}

// A float attribute would round the radius of a float64 model, so it is an input.
double radius_of(const Input& r) {
  if (r.dtype() != DType::kFloat64 || r.sizes() != std::vector<int64_t>{1})
    throw std::invalid_argument("geocompile.radius: 'r' must be float64 of shape [1]");
  return *static_cast<const double*>(r.data());
}

void radius(const Call& call, bool batched) {
  const Inputs in(call, batched);
  const double r = radius_of(call.input(batched ? 4 : 2));
  const Neighbours args = check_radius(in.info(), r, call.integer(0), call.attribute(1) != 0);
  write_edges(call, in.with_data(args, true), call.attribute(2) != 0);
}

void nearest(const Call& call, bool batched) {
  const Inputs in(call, batched);
  const Neighbours args = in.with_data(check_nearest(in.info()), false);
  const Parallel threads = call.parallel();
  Workspace workspace = call.workspace(cpu::neighbours_workspace(args, threads.threads()));
  cpu::count_neighbours(args, workspace.data(), threads);
  auto* out = static_cast<int64_t*>(call.output(0, {args.num_queries}));
  cpu::write_neighbours(args, workspace.data(), nullptr, out, threads);
}

std::vector<Formal> inputs(bool batched) {
  std::vector<Formal> formals{{"x", 'T', {"N", "..."}}, {"y", 'T', {"M", "..."}}};
  if (batched) formals.push_back({"batch_x", 'I', {"N"}});
  if (batched) formals.push_back({"batch_y", 'I', {"M"}});
  return formals;
}

std::vector<OpType> types(bool batched) {
  const std::string suffix = batched ? "Batched" : "";
  const Formal edge_index{"edge_index", 'P', {"2", "E"}};
  const Attribute skip_self{"skip_self", true, 0}, neighbours_first{"neighbours_first", true, 0};
  const std::vector<Attribute> of_knn{{"k", true, 1}, skip_self, neighbours_first};
  std::vector<Formal> of_radius = inputs(batched);
  of_radius.push_back({"r", 'L', {"1"}});
  return {
      {"Knn" + suffix, inputs(batched), {edge_index}, of_knn, [=](auto& call) { knn(call, false, batched); }},
      {"KnnCosine" + suffix, inputs(batched), {edge_index}, of_knn, [=](auto& call) { knn(call, true, batched); }},
      {"Radius" + suffix,
       of_radius,
       {edge_index},
       {{"max_num_neighbors", true, 32}, skip_self, neighbours_first},
       [=](auto& call) { radius(call, batched); }},
      {"Nearest" + suffix, inputs(batched), {{"out", 'P', {"N"}}}, {}, [=](auto& call) { nearest(call, batched); }},
  };
}

}  // namespace

std::vector<OpType> neighbours_types() {
  std::vector<OpType> all = types(false);
  for (OpType& type : types(true)) all.push_back(std::move(type));
  return all;
}

}  // namespace geocompile::ort_binding
