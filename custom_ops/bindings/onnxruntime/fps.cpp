// Fps, FpsBatched, FpsFrom and FpsBatchedFrom.
#include "kernels/fps.h"

#include "op_type.h"

namespace geocompile::ort_binding {
namespace {

void fps(const Call& call, bool batched, bool from) {
  const Input src = call.input(0);
  const std::optional<Input> batch = call.input_if(batched, 1), start = call.input_if(from, batched ? 2 : 1);
  Fps args = check_fps(src.info(), call.attribute(0), info(batch), info(start));
  args.src = src.data();
  args.batch = data(batch);
  args.start = static_cast<const int64_t*>(data(start));
  const FpsCount count = cpu::count_fps(args);
  auto* out = static_cast<int64_t*>(call.output(0, {count.num_samples}));
  const Parallel threads = call.parallel();
  Workspace workspace = call.workspace(cpu::fps_workspace(args, count, threads.threads()));
  cpu::fps(args, count, workspace.data(), out, threads);
}

OpType type_of(const char* name, bool batched, bool from) {
  OpType type{name, {{"src", 'T', {"N", "D"}}}, {{"out", 'P', {"M"}}}, {{"ratio", false, 0.5}}, [=](const Call& call) {
                fps(call, batched, from);
              }};
  if (batched) type.inputs.push_back({"batch", 'I', {"N"}});
  if (from) type.inputs.push_back({"start", 'P', {"B"}});
  return type;
}

}  // namespace

std::vector<OpType> fps_types() {
  return {type_of("Fps", false, false), type_of("FpsBatched", true, false), type_of("FpsFrom", false, true),
          type_of("FpsBatchedFrom", true, true)};
}

}  // namespace geocompile::ort_binding
