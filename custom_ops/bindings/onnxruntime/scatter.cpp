// Scatter{Sum,Mean,Max,Min,Mul} and Scatter{Max,Min}Arg.
#include "kernels/scatter.h"

#include <utility>

#include "op_type.h"

namespace geocompile::ort_binding {
namespace {

constexpr std::pair<const char*, Reduce> kReduces[] = {{"Sum", Reduce::kSum},
                                                       {"Mean", Reduce::kMean},
                                                       {"Max", Reduce::kMax},
                                                       {"Min", Reduce::kMin},
                                                       {"Mul", Reduce::kMul}};

void scatter(const Call& call, Reduce reduce, bool with_arg) {
  const Input src = call.input(0), index = call.input(1), like = call.input(2);
  const int64_t dim = call.integer(0);
  Scatter args = with_arg ? check_scatter_arg(reduce, src.info(), index.info(), like.info(), dim)
                          : check_scatter("scatter", reduce, src.info(), index.info(), like.info(), dim);
  std::vector<int64_t> sizes = src.sizes();
  sizes[dim < 0 ? dim + sizes.size() : dim] = args.num_rows;
  args.src = src.data();
  args.index = index.data();
  args.out = call.output(0, sizes);
  if (with_arg) args.arg = static_cast<int64_t*>(call.output(1, sizes));
  const Parallel threads = call.parallel();
  Workspace workspace = call.workspace(cpu::scatter_workspace(args, threads.threads()));
  cpu::scatter(args, workspace.data(), threads);
}

OpType type_of(const char* name, Reduce reduce, bool with_arg) {
  OpType type{std::string("Scatter") + name + (with_arg ? "Arg" : ""),
              {{"src", 'T', {"E at dim", "..."}}, {"index", 'I', {"..."}}, {"like", 'L', {"N", "..."}}},
              {{"out", 'T', {"N at dim", "..."}}},
              {{"dim", true, 0.0}},
              [=](const Call& call) { scatter(call, reduce, with_arg); }};
  if (with_arg) type.outputs.push_back({"arg", 'P', {"N at dim", "..."}});
  return type;
}

}  // namespace

std::vector<OpType> scatter_types() {
  std::vector<OpType> types;
  for (const auto& [name, reduce] : kReduces) {
    types.push_back(type_of(name, reduce, false));
    if (reduce == Reduce::kMax || reduce == Reduce::kMin) types.push_back(type_of(name, reduce, true));
  }
  return types;
}

}  // namespace geocompile::ort_binding
