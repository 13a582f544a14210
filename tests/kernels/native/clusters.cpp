// Clusters, edges that differ and new numbers on random input, against what they promise, and on hostile values.
#include <algorithm>
#include <set>
#include <utility>

#include "kernels/coalesce.h"
#include "kernels/consecutive.h"
#include "kernels/graclus.h"
#include "kernels/grid_cluster.h"
#include "kernels/renumber_edges.h"
#include "testing.h"

namespace testing {
namespace {

namespace cpu = geocompile::cpu;

template <class W, class I>
void match() {
  Graph<I> g = Graph<I>::random();
  if (!g.is_square()) return;
  Buffer<W> weight(g.edges);
  weight.fill(-2, 2);
  if (g.edges && draw(2)) weight[draw(g.edges)] = nearest<W>(NAN);
  Buffer<I> order(draw(3) ? g.rows : 0);
  for (int64_t i = 0; i < order.count; ++i) order[i] = static_cast<I>(draw(g.rows));
  Buffer<int64_t> out(g.rows);
  const bool weighted = draw(2), ordered = draw(2);
  const geocompile::Graclus args{"graclus",
                                 g.csr(),
                                 dtype_of<W>,
                                 weighted ? weight.data : nullptr,
                                 ordered ? order.count : g.rows,
                                 ordered ? order.data : nullptr,
                                 out.data};
  Buffer<char> workspace(cpu::graclus_workspace(args));
  cpu::graclus(args, workspace.data, threads(1 + draw(3)));
  std::vector<int> members(g.rows);
  for (int64_t node = 0; node < g.rows; ++node) {
    require(out[node] >= 0 && out[node] <= node, "a pair is named after its smaller node");
    require(out[out[node]] == out[node] && ++members[out[node]] <= 2, "a pair has two nodes at most");
  }
  if (g.edges == 0) return;
  const I before = std::exchange(g.col[draw(g.edges)], static_cast<I>(draw(2) ? g.rows : -1));
  (void)before;
  must_refuse([&] { cpu::graclus(args, workspace.data, Parallel::serial()); }, "a neighbour outside");
}

template <class T, class I>
void voxels() {
  const int64_t points = draw(300), dims = 1 + draw(6);
  Buffer<T> pos(points * dims), size(dims), corner(dims);
  Buffer<I> batch(points);
  Buffer<int64_t> out(points);
  pos.fill(-3, 3);
  size.fill(0.5, 2);
  corner.fill(-4, -3);
  for (int64_t p = 0; p < points; ++p) batch[p] = static_cast<I>(draw(4));
  geocompile::GridCluster args{
      "grid_cluster", dtype_of<T>, points,     dims,    pos.data, size.data, draw(2) ? corner.data : nullptr,
      nullptr,        dtype_of<I>, batch.data, out.data};
  const Parallel parallel = threads(1 + draw(3));
  Buffer<char> workspace(cpu::grid_cluster_workspace(args, parallel.threads()));
  cpu::grid_cluster(args, workspace.data, parallel);
  for (int64_t p = 0; p < points; ++p) require(out[p] >= 0, "a voxel has a number");
  if (points == 0) return;
  batch[draw(points)] = static_cast<I>(draw(2) ? -1 : std::numeric_limits<int32_t>::max());
  must_refuse([&] { cpu::grid_cluster(args, workspace.data, parallel); }, "a graph number outside");
}

// Of the nodes only every `step`-th has edges.
template <class I>
void unique_edges(int64_t edges, int64_t nodes, int64_t step = 1) {
  Buffer<I> edge_index(2 * edges);
  for (int64_t i = 0; i < edge_index.count; ++i) edge_index[i] = static_cast<I>(draw(nodes / step) * step);
  const geocompile::Coalesce args{"coalesce", dtype_of<I>, edges, nodes, edge_index.data};
  const Parallel parallel = threads(1 + draw(3));
  Buffer<char> workspace(cpu::coalesce_workspace(args, parallel.threads()));
  const int64_t unique = cpu::coalesce_sort(args, workspace.data, parallel);
  Buffer<I> out(2 * unique), ptr(unique + 1), perm(edges);
  cpu::coalesce_fill(args, workspace.data, unique, out.data, ptr.data, perm.data, parallel);
  require(ptr[0] == 0 && ptr[unique] == static_cast<I>(edges), "ptr spans the edges");
  for (int64_t u = 0; u < unique; ++u) {
    const std::pair<I, I> edge{out[u], out[unique + u]};
    require(u == 0 || std::pair<I, I>{out[u - 1], out[unique + u - 1]} < edge, "edges ascend and differ");
    for (int64_t p = ptr[u]; p < ptr[u + 1]; ++p) {
      require(edge_index[perm[p]] == edge.first && edge_index[edges + perm[p]] == edge.second, "an edge in its group");
      require(p == ptr[u] || perm[p - 1] < perm[p], "a group keeps its order");
    }
  }
  if (edges == 0) return;
  edge_index[draw(2 * edges)] = static_cast<I>(draw(2) ? nodes : -1);
  must_refuse([&] { cpu::coalesce_sort(args, workspace.data, parallel); }, "a node outside");
}

template <class I>
void numbering(int64_t count, bool sparse) {
  Buffer<I> ids(count);
  for (int64_t i = 0; i < count; ++i) ids[i] = static_cast<I>(sparse ? random_bits() : draw(50) - 25);
  if (count > 1 && sparse) {
    ids[0] = std::numeric_limits<I>::min();
    ids[1] = std::numeric_limits<I>::max();
  }
  const geocompile::Consecutive args{"consecutive", dtype_of<I>, count, ids.data};
  Buffer<char> workspace(cpu::consecutive_workspace(args));
  Buffer<int64_t> inverse(count);
  const int64_t found = cpu::consecutive_number(args, workspace.data, inverse.data);
  Buffer<I> unique(found);
  Buffer<int64_t> first(found);
  cpu::consecutive_list(args, workspace.data, found, unique.data, first.data);
  const std::set<I> expected(ids.data, ids.data + count);
  require(std::equal(expected.begin(), expected.end(), unique.data, unique.data + found), "each value, in order");
  for (int64_t i = 0; i < count; ++i) {
    require(unique[inverse[i]] == ids[i], "a number stands for its value");
    require(first[inverse[i]] <= i, "the first comes first");
  }
}

template <class I>
void renumbering(int64_t edges, int64_t nodes) {
  Buffer<I> edge_index(2 * edges), number(nodes), out(2 * edges);
  for (int64_t i = 0; i < edge_index.count; ++i) edge_index[i] = static_cast<I>(draw(nodes));
  for (int64_t i = 0; i < nodes; ++i) number[i] = static_cast<I>(random_bits());
  const geocompile::RenumberEdges args{dtype_of<I>, edges, nodes, edge_index.data, number.data, out.data};
  const Parallel parallel = threads(1 + draw(3));
  cpu::renumber_edges(args, parallel);
  for (int64_t i = 0; i < out.count; ++i) require(out[i] == number[edge_index[i]], "a node has its new number");
  if (edges == 0) return;
  edge_index[draw(2 * edges)] = static_cast<I>(draw(2) ? nodes : -1);
  must_refuse([&] { cpu::renumber_edges(args, parallel); }, "a node outside");
}

const Family family(
    [] {
      match<float, int64_t>();
      match<double, int32_t>();
      match<Half, int64_t>();
      match<BFloat16, int32_t>();
      voxels<float, int64_t>();
      voxels<double, int32_t>();
      voxels<Half, int32_t>();
      voxels<BFloat16, int64_t>();
      unique_edges<int64_t>(draw(300), 1 + draw(20));
      unique_edges<int32_t>(draw(300), 1 + draw(20));
      unique_edges<int32_t>(0, draw(2));
      unique_edges<int32_t>(draw(300), 2'000'000'000, 150'000'000);
      unique_edges<int64_t>(draw(300), 2'000'000'000, 150'000'000);
      numbering<int64_t>(draw(200), draw(2));
      numbering<int32_t>(draw(200), draw(2));
      renumbering<int64_t>(draw(300), 1 + draw(20));
      renumbering<int32_t>(draw(300), 1 + draw(20));
    },
    [] {
      unique_edges<int64_t>(600'000, 50'000);
      voxels<float, int64_t>();
      numbering<int64_t>(100'000, true);
      renumbering<int32_t>(100'000, 5'000);
    });

}  // namespace
}  // namespace testing
