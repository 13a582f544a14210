// Choosing nodes graph by graph, and the dense form of a batch, on random batches against plain loops; hostile input.
#include "kernels/selection.h"

#include <algorithm>

#include "kernels/dense_batch.h"
#include "testing.h"

namespace testing {
namespace {

using geocompile::DenseBatch;

// Random graphs of a batch, some of them empty.
template <class I>
struct Batch {
  int64_t graphs;
  Buffer<I> ptr, batch;

  explicit Batch(int64_t most = 30) : Batch(sizes(most)) {}
  explicit Batch(const std::vector<int64_t>& of)
      : graphs(static_cast<int64_t>(of.size())), ptr(graphs + 1), batch(total(of)) {
    Buffer<I> found(graphs + 1);
    int64_t node = 0;
    for (int64_t g = 0; g < graphs; ++g) {
      found[g] = static_cast<I>(node);
      for (int64_t i = 0; i < of[g]; ++i) batch[node++] = static_cast<I>(g);
    }
    found[graphs] = static_cast<I>(node);
    geocompile::cpu::graph_ptr({dtype_of<I>, node, graphs, batch.data, ptr.data});
    for (int64_t g = 0; g <= graphs; ++g) require(ptr[g] == found[g], "a graph begins where its first node is");
  }
  int64_t nodes() const { return batch.count; }

  static std::vector<int64_t> sizes(int64_t most) {
    std::vector<int64_t> all(draw(8));
    for (int64_t& size : all) size = draw(3) ? draw(most) : 0;
    return all;
  }
  static int64_t total(const std::vector<int64_t>& of) {
    int64_t sum = 0;
    for (int64_t size : of) sum += size;
    return sum;
  }
};

template <class T, class I>
std::vector<int64_t> best(Batch<I>& batch, Buffer<T>& score, double ratio) {
  geocompile::TopK args{dtype_of<T>, dtype_of<I>, batch.nodes(),  batch.graphs,
                        ratio,       score.data,  batch.ptr.data, nullptr};
  Buffer<int64_t> perm(geocompile::cpu::topk_size(args));
  args.perm = perm.data;
  Buffer<char> workspace(geocompile::cpu::topk_workspace(args));
  geocompile::cpu::topk(args, workspace.data, threads(1 + draw(4)));
  return {perm.data, perm.data + perm.count};
}

// No better node is left out, and the order is that of a stable sort.
template <class T, class I>
void random_topk(int64_t most) {
  Batch<I> batch(most);
  Buffer<T> score(batch.nodes());
  for (int64_t i = 0; i < score.count; ++i) score[i] = nearest<T>(draw(20) ? static_cast<double>(draw(50) - 25) : NAN);
  const double ratio = draw(2) ? draw_between(0.01, 1) : 1 + static_cast<double>(draw(40));
  const std::vector<int64_t> perm = best<T>(batch, score, ratio);
  size_t at = 0;
  for (int64_t g = 0; g < batch.graphs; ++g) {
    std::vector<int64_t> order;
    for (int64_t i = batch.ptr[g]; i < batch.ptr[g + 1]; ++i) order.push_back(i);
    std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
      const double x = value_of(score[a]), y = value_of(score[b]);
      return std::isnan(x) != std::isnan(y) ? std::isnan(x) : x > y;
    });
    const float size = static_cast<float>(order.size());
    const auto kept = static_cast<size_t>(ratio < 1 ? std::ceil(static_cast<float>(ratio) * size) : ratio);
    order.resize(std::min(kept, order.size()));
    for (const int64_t node : order) require(at < perm.size() && perm[at++] == node, "the best of each graph");
  }
  require(at == perm.size(), "no others");
}

template <class I>
struct Edges {
  int64_t nodes, kept;
  Buffer<I> edge_index;
  Buffer<int64_t> perm;

  Edges(int64_t nodes, int64_t edges, int64_t kept) : nodes(nodes), kept(kept), edge_index(2 * edges), perm(kept) {
    for (int64_t i = 0; i < edge_index.count; ++i) edge_index[i] = static_cast<I>(draw(nodes));
    for (int64_t i = 0; i < kept; ++i) perm[i] = draw(nodes);
  }

  void check() {
    geocompile::FilterEdges args{dtype_of<I>, edge_index.count / 2, kept, nodes, edge_index.data, perm.data, nullptr,
                                 nullptr};
    const Parallel parallel = threads(1 + draw(4));
    Buffer<char> workspace(geocompile::cpu::filter_edges_workspace(args));
    const int64_t size = geocompile::cpu::filter_edges_size(args, workspace.data, parallel);
    Buffer<I> out(2 * size);
    Buffer<int64_t> edges(size);
    args.out = out.data;
    args.edges = edges.data;
    geocompile::cpu::filter_edges(args, size, workspace.data, parallel);
    int64_t at = 0;
    for (int64_t e = 0; e < args.num_edges; ++e) {
      const int64_t source = place(edge_index[e]), target = place(edge_index[args.num_edges + e]);
      if (source == kept || target == kept) continue;
      require(
          at < size && edges[at] == e && out[at] == static_cast<I>(source) && out[size + at] == static_cast<I>(target),
          "an edge between nodes that are kept");
      ++at;
    }
    require(at == size, "no other edges");
  }

  int64_t place(I node) const { return std::find(perm.data, perm.data + kept, static_cast<int64_t>(node)) - perm.data; }
};

template <class I>
void random_edges() {
  const int64_t nodes = draw(40);
  Edges<I> edges(nodes, nodes ? draw(300) : 0, nodes ? draw(50) : 0);
  edges.check();
  for (const int64_t bad : {int64_t{-1}, nodes, int64_t{1} << 31}) {
    if (edges.edge_index.count == 0) return;
    I& place = edges.edge_index[draw(edges.edge_index.count)];
    const I good = place;
    place = static_cast<I>(bad);
    must_refuse([&] { edges.check(); }, "a hostile edge is refused");
    place = good;
    if (edges.kept == 0) continue;
    edges.perm[draw(edges.kept)] = bad;
    must_refuse([&] { edges.check(); }, "a hostile node is refused");
    for (int64_t i = 0; i < edges.kept; ++i) edges.perm[i] = draw(nodes);
  }
}

template <class T, class I>
struct Dense {
  Batch<I> batch;
  int64_t slots = draw(40), channels = draw(4);
  Buffer<T> x{batch.nodes() * channels}, back{x.count}, dense{batch.graphs * slots * channels};

  Dense() { x.fill(-1, 1); }

  void run() {
    DenseBatch args{"to_dense", dtype_of<T>, dtype_of<I>,    batch.nodes(), batch.graphs, slots,
                    channels,   2.0,         batch.ptr.data, x.data,        dense.data};
    geocompile::cpu::to_dense(args, threads(1 + draw(4)));
    args.from = dense.data;
    args.to = back.data;
    geocompile::cpu::from_dense(args, threads(1 + draw(4)));
  }

  void check() {
    run();
    for (int64_t g = 0; g < batch.graphs; ++g)
      for (int64_t s = 0; s < slots; ++s)
        for (int64_t c = 0; c < channels; ++c) {
          const bool filled = s < batch.ptr[g + 1] - batch.ptr[g];
          const double want = filled ? value_of(x[(batch.ptr[g] + s) * channels + c]) : 2.0;
          require(value_of(dense[(g * slots + s) * channels + c]) == want, "a slot holds its node");
        }
    for (int64_t i = 0; i < batch.nodes(); ++i)
      for (int64_t c = 0; c < channels; ++c) {
        const bool fits = i - batch.ptr[batch.batch[i]] < slots;
        const double want = fits ? value_of(x[i * channels + c]) : 0.0;
        require(value_of(back[i * channels + c]) == want, "a node comes back");
      }
  }
};

template <class I>
void hostile_ptr() {
  Dense<float, I> dense;
  if (dense.batch.graphs == 0) return;
  I& place = dense.batch.ptr[draw(dense.batch.graphs + 1)];
  place += static_cast<I>(draw(2) ? 1000 : -1000);
  must_refuse([&] { dense.run(); }, "a hostile ptr is refused");
  Buffer<float> score(dense.batch.nodes());
  score.fill(0, 1);
  must_refuse([&] { best<float>(dense.batch, score, 0.5); }, "a hostile ptr is refused");
  must_refuse(
      [&] { geocompile::cpu::largest_graph(dtype_of<I>, dense.batch.ptr.data, dense.batch.graphs, score.count); },
      "a hostile ptr is refused");
}

const Family family(
    [] {
      random_topk<float, int64_t>(30);
      random_topk<double, int32_t>(30);
      random_topk<Half, int64_t>(400);
      random_topk<BFloat16, int32_t>(30);
      random_edges<int64_t>();
      random_edges<int32_t>();
      Dense<float, int64_t>().check();
      Dense<double, int32_t>().check();
      Dense<Half, int32_t>().check();
      Dense<BFloat16, int64_t>().check();
      hostile_ptr<int64_t>();
      hostile_ptr<int32_t>();
    },
    [] {
      random_topk<float, int64_t>(60'000);
      random_topk<double, int32_t>(30'000);
      Edges<int64_t>(1000, 100'000, 600).check();
    });

}  // namespace
}  // namespace testing
