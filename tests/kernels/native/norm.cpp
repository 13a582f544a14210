// gcn_norm on random graphs: the weights of a plain graph lie between 0 and 1.
#include "kernels/gcn_norm.h"
#include "testing.h"

namespace testing {
namespace {

template <class T, class I>
void random_graph() {
  Graph<I> g = Graph<I>::random();
  if (!g.is_square()) return;
  Buffer<T> edge_weight(g.edges), self_weight(g.rows);
  geocompile::GcnNorm args{"gcn_norm",   dtype_of<T>, g.csr(),          1.0,
                           draw(2) == 1, nullptr,     edge_weight.data, self_weight.data};
  Buffer<char> workspace(geocompile::cpu::gcn_norm_workspace(args));
  geocompile::cpu::gcn_norm(args, workspace.data, threads(1 + draw(4)));
  for (Buffer<T>* weights : {&edge_weight, &self_weight})
    for (int64_t i = 0; i < weights->count; ++i) {
      const double weight = value_of((*weights)[i]);
      require(weight >= 0 && weight <= 1, "weights of a plain graph");
    }
}

const Family family(
    [] {
      random_graph<float, int64_t>();
      random_graph<double, int32_t>();
      random_graph<Half, int64_t>();
      random_graph<BFloat16, int32_t>();
    },
    [] {});

}  // namespace
}  // namespace testing
