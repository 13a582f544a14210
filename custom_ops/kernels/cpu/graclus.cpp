// One walk over the nodes: what a match changes decides the next, so that it cannot be cut into tasks. It reads a byte
// for each neighbour, of which a cache holds a million and more, and asks for them ahead.
#include "../graclus.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "simd.h"
#include "validate.h"

namespace geocompile::cpu {
namespace {

using namespace GEOCOMPILE_ISA;

constexpr int64_t kAhead = 24;  // edges

struct NoWeight {};

template <class I, class W>
struct Matching {
  const Graclus& args;
  uint8_t* is_matched;
  const I* rowptr = static_cast<const I*>(args.graph.rowptr);
  const I* col = static_cast<const I*>(args.graph.col);
  const W* weight = static_cast<const W*>(args.weight);
  const I* order = static_cast<const I*>(args.order);

  void run() const {
    std::memset(is_matched, 0, args.graph.num_rows);
    for (int64_t node = 0; node < args.graph.num_rows; ++node) args.out[node] = node;
    for (int64_t visit = 0; visit < args.num_visits; ++visit) {
      const int64_t node = order ? static_cast<int64_t>(order[visit]) : visit;
      if (!is_matched[node]) match(node);
    }
  }

  void match(int64_t node) const {
    const int64_t begin = rowptr[node], end = rowptr[node + 1];
    const int64_t asked = std::min(end + kAhead, args.graph.num_edges);
    for (int64_t p = std::min(begin + kAhead, asked); p < asked; ++p) __builtin_prefetch(is_matched + col[p]);
    const int64_t partner = best_neighbour(node, begin, end);
    is_matched[node] = is_matched[partner] = 1;
    args.out[node] = args.out[partner] = std::min(node, partner);
  }

  // The node itself if all are matched.
  int64_t best_neighbour(int64_t node, int64_t begin, int64_t end) const {
    int64_t best = node;
    float nothing = -std::numeric_limits<float>::infinity();
    auto largest = weight_or(nothing);
    for (int64_t p = begin; p < end; ++p) {
      const int64_t other = col[p];
      if (is_matched[other] || other == node) continue;
      if constexpr (std::is_same_v<W, NoWeight>) {
        return other;
      } else {
        const auto value = load_one(weight + p);
        if (value > largest || best == node) {
          best = other;
          largest = value == value ? value : weight_or(nothing);
        }
      }
    }
    return best;
  }

  static auto weight_or(float nothing) {
    if constexpr (std::is_same_v<W, NoWeight>) {
      return nothing;
    } else {
      return static_cast<Sum<W>>(nothing);
    }
  }
};

template <class I>
void check_graph(const Graclus& args, const Parallel& parallel) {
  const CsrGraph& graph = args.graph;
  const I* col = static_cast<const I*>(graph.col);
  const I* order = static_cast<const I*>(args.order);
  check_ptr(args.op, kRowptr, static_cast<const I*>(graph.rowptr), graph.num_rows, graph.num_edges);
  check_indices(args.op, "col", col, graph.num_edges, graph.num_rows, parallel);
  if (order) check_indices(args.op, "order", order, args.num_visits, graph.num_rows, parallel);
}

template <class I>
void run(const Graclus& args, uint8_t* is_matched, const Parallel& parallel) {
  check_graph<I>(args, parallel);
  if (!args.weight) return Matching<I, NoWeight>{args, is_matched}.run();
  with_value_type(args.value, [&](auto type) { Matching<I, typename decltype(type)::type>{args, is_matched}.run(); });
}

}  // namespace

size_t graclus_workspace(const Graclus& args) { return args.graph.num_rows; }

void graclus(const Graclus& args, void* workspace, const Parallel& parallel) {
  auto* is_matched = static_cast<uint8_t*>(workspace);
  args.graph.index == DType::kInt32 ? run<int32_t>(args, is_matched, parallel)
                                    : run<int64_t>(args, is_matched, parallel);
}

}  // namespace geocompile::cpu
