// GridCluster, and with From, To and Batched in its name for a start, an end and a batch vector.
#include "kernels/grid_cluster.h"

#include "op_type.h"

namespace geocompile::ort_binding {
namespace {

void grid_cluster(const Call& call, bool from, bool to, bool batched) {
  const Input pos = call.input(0), size = call.input(1);
  const std::optional<Input> start = call.input_if(from, 2), end = call.input_if(to, from ? 3 : 2),
                             batch = call.input_if(batched, 2 + from + to);
  GridCluster args = check_grid_cluster(pos.info(), size.info(), info(start), info(end), info(batch));
  args.pos = pos.data();
  args.size = size.data();
  args.start = data(start);
  args.end = data(end);
  args.batch = data(batch);
  args.out = static_cast<int64_t*>(call.output(0, {args.num_points}));
  const Parallel threads = call.parallel();
  Workspace workspace = call.workspace(cpu::grid_cluster_workspace(args, threads.threads()));
  cpu::grid_cluster(args, workspace.data(), threads);
}

OpType type_of(bool from, bool to, bool batched) {
  OpType type{std::string("GridCluster") + (from ? "From" : "") + (to ? "To" : "") + (batched ? "Batched" : ""),
              {{"pos", 'T', {"N", "D"}}, {"size", 'T', {"D"}}},
              {{"out", 'P', {"N"}}},
              {},
              [=](const Call& call) { grid_cluster(call, from, to, batched); }};
  if (from) type.inputs.push_back({"start", 'T', {"D"}});
  if (to) type.inputs.push_back({"end", 'T', {"D"}});
  if (batched) type.inputs.push_back({"batch", 'I', {"N"}});
  return type;
}

}  // namespace

std::vector<OpType> grid_cluster_types() {
  std::vector<OpType> types;
  for (const bool from : {false, true})
    for (const bool to : {false, true})
      for (const bool batched : {false, true}) types.push_back(type_of(from, to, batched));
  return types;
}

}  // namespace geocompile::ort_binding
