// Segment{Sum,...}[Permuted] and GatherSegment{Sum,...}[Weighted][Self]: one kernel, named by variant.
#include "kernels/gather_segment_reduce.h"

#include <utility>

#include "kernels/checks.h"
#include "op_type.h"

namespace geocompile::ort_binding {
namespace {

constexpr std::pair<const char*, Reduce> kReduces[] = {{"Sum", Reduce::kSum},
                                                       {"Mean", Reduce::kMean},
                                                       {"Max", Reduce::kMax},
                                                       {"Min", Reduce::kMin},
                                                       {"Mul", Reduce::kMul}};

// Fills the output and runs the kernel. A missing col reads the rows of x in order.
void run(const Call& call, GatherSegmentReduce args, const Input& x) {
  std::vector<int64_t> sizes = x.sizes();
  sizes[0] = args.graph.num_rows;
  args.out = call.output(0, sizes);
  Workspace workspace = call.workspace(cpu::gather_segment_reduce_workspace(args));
  cpu::gather_segment_reduce(args, workspace.data(), call.parallel());
}

void segment_reduce(const Call& call, Reduce reduce, bool permuted) {
  const Input src = call.input(0), rowptr = call.input(1);
  const std::optional<Input> perm = call.input_if(permuted, 2);
  check_segment_reduce(src.info(), rowptr.info(), info(perm));
  const int64_t num_edges = perm ? perm->size(0) : src.size(0);
  run(call,
      GatherSegmentReduce{
          "segment_reduce", "perm", reduce, src.dtype(),
          CsrGraph{rowptr.dtype(), rowptr.size(0) - 1, src.size(0), num_edges, rowptr.data(), data(perm)},
          src.info().row_size(), 1, src.data(), nullptr, nullptr, nullptr},
      src);
}

void gather_segment_reduce(const Call& call, Reduce reduce, bool weighted, bool with_self) {
  const Input x = call.input(0), rowptr = call.input(1), col = call.input(2);
  const std::optional<Input> weight = call.input_if(weighted, 3);
  const std::optional<Input> self_weight = call.input_if(with_self, weighted ? 4 : 3);
  check_gather_segment_reduce("gather_segment_reduce", x.info(), rowptr.info(), col.info(), info(weight),
                              info(self_weight));
  const int64_t channels = x.info().row_size();
  const std::optional<Input>& either = weight ? weight : self_weight;
  const int64_t heads = either && either->info().rank == 2 && channels > 0 ? either->size(1) : 1;
  run(call,
      GatherSegmentReduce{
          "gather_segment_reduce", "col", reduce, x.dtype(),
          CsrGraph{rowptr.dtype(), rowptr.size(0) - 1, x.size(0), col.size(0), rowptr.data(), col.data()}, channels,
          heads, x.data(), data(weight), data(self_weight), nullptr},
      x);
}

OpType segment_type(const char* name, Reduce reduce, bool permuted) {
  const char* rows = permuted ? "S" : "E";
  OpType type{std::string("Segment") + name + (permuted ? "Permuted" : ""),
              {{"src", 'T', {rows, "..."}}, {"rowptr", 'I', {"N + 1"}}},
              {{"out", 'T', {"N", "..."}}},
              {},
              [=](const Call& call) { segment_reduce(call, reduce, permuted); }};
  if (permuted) type.inputs.push_back({"perm", 'I', {"E"}});
  return type;
}

OpType gather_type(const char* name, Reduce reduce, bool weighted, bool with_self) {
  OpType type{std::string("GatherSegment") + name + (weighted ? "Weighted" : "") + (with_self ? "Self" : ""),
              {{"x", 'T', {with_self ? "N" : "M", "..."}}, {"rowptr", 'I', {"N + 1"}}, {"col", 'I', {"E"}}},
              {{"out", 'T', {"N", "..."}}},
              {},
              [=](const Call& call) { gather_segment_reduce(call, reduce, weighted, with_self); }};
  if (weighted) type.inputs.push_back({"weight", 'T', {"E", "..."}});
  if (with_self) type.inputs.push_back({"self_weight", 'T', {"N", "..."}});
  return type;
}

}  // namespace

std::vector<OpType> segment_reduce_types() {
  std::vector<OpType> types;
  for (const auto& [name, reduce] : kReduces)
    for (const bool permuted : {false, true}) types.push_back(segment_type(name, reduce, permuted));
  return types;
}

std::vector<OpType> gather_segment_reduce_types() {
  std::vector<OpType> types;
  for (const auto& [name, reduce] : kReduces)
    for (const bool weighted : {false, true})
      for (const bool with_self : {false, true}) types.push_back(gather_type(name, reduce, weighted, with_self));
  return types;
}

}  // namespace geocompile::ort_binding
