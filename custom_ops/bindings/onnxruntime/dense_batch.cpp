// Slots, ToDense and FromDense.
#include "kernels/dense_batch.h"

#include <numeric>

#include "op_type.h"

namespace geocompile::ort_binding {
namespace {

void slots(const Call& call) {
  const Input ptr = call.input(0), like = call.input(1);
  check_slots(ptr.info(), like.info());
  const int64_t most = cpu::largest_graph(ptr.dtype(), ptr.data(), ptr.size(0) - 1, like.size(0));
  auto* first = static_cast<int64_t*>(call.output(0, {most}));
  std::iota(first, first + most, int64_t{0});
}

void to_dense(const Call& call) {
  const Input x = call.input(0), ptr = call.input(1), slots = call.input(2);
  DenseBatch args = check_to_dense(x.info(), ptr.info(), slots.info(), call.attribute(0));
  std::vector<int64_t> sizes = x.sizes();
  sizes[0] = args.num_slots;
  sizes.insert(sizes.begin(), args.num_graphs);
  args.ptr = ptr.data();
  args.from = x.data();
  args.to = call.output(0, sizes);
  cpu::to_dense(args, call.parallel());
}

void from_dense(const Call& call) {
  const Input dense = call.input(0), ptr = call.input(1), like = call.input(2);
  DenseBatch args = check_from_dense(dense.info(), ptr.info(), like.info());
  std::vector<int64_t> sizes(dense.sizes().begin() + 1, dense.sizes().end());
  sizes[0] = args.num_nodes;
  args.ptr = ptr.data();
  args.from = dense.data();
  args.to = call.output(0, sizes);
  cpu::from_dense(args, call.parallel());
}

}  // namespace

std::vector<OpType> dense_batch_types() {
  const Formal ptr{"ptr", 'I', {"B + 1"}}, like{"like", 'L', {"N", "..."}};
  const Formal x{"x", 'T', {"N", "..."}}, dense{"dense", 'T', {"B", "S", "..."}};
  return {
      {"Slots", {ptr, like}, {{"slots", 'P', {"S"}}}, {}, slots},
      {"ToDense", {x, ptr, {"slots", 'L', {"S", "..."}}}, {dense}, {{"fill_value", false, 0.0}}, to_dense},
      {"FromDense", {dense, ptr, like}, {x}, {}, from_dense},
  };
}

}  // namespace geocompile::ort_binding
