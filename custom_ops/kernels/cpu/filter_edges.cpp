// Two passes over blocks of edges: the first lists what each block keeps, the second writes it where it belongs.
#include <algorithm>
#include <atomic>

#include "../selection.h"
#include "validate.h"
#include "workspace.h"

namespace geocompile::cpu {
namespace {

using namespace GEOCOMPILE_ISA;

constexpr int64_t kBlock = 1 << 15;  // edges; a place within it takes 16 bits

int64_t block_count(const FilterEdges& args) { return (args.num_edges + kBlock - 1) / kBlock; }

// The workspace: the first place in the output of each block, the place in perm of each node (-1: none), and of each
// block the list of its edges that are kept.
struct Lists {
  int64_t* starts;
  int32_t* place;
  uint16_t* kept;
  size_t bytes;

  Lists(const FilterEdges& args, void* workspace) {
    Parts parts(workspace);
    starts = parts.take<int64_t>(block_count(args) + 1);
    place = parts.take<int32_t>(args.num_nodes);
    kept = parts.take<uint16_t>(args.num_edges);
    bytes = parts.bytes();
  }
};

void place_nodes(const FilterEdges& args, int32_t* place) {
  if (!all_below(args.perm, 0, args.num_kept, args.num_nodes))
    throw_bad_index("filter_edges", "perm", args.perm, args.num_kept, args.num_nodes);
  std::fill_n(place, args.num_nodes, -1);
  for (int64_t i = args.num_kept - 1; i >= 0; --i) place[args.perm[i]] = static_cast<int32_t>(i);
}

template <class I>
int64_t list(const FilterEdges& args, const Lists& lists, const Parallel& parallel) {
  const I* source = static_cast<const I*>(args.edge_index);
  const I* target = source + args.num_edges;
  std::atomic<bool> bad{false};
  parallel(block_count(args), [&](int64_t block) {
    const int64_t begin = block * kBlock, end = std::min(begin + kBlock, args.num_edges);
    if (!all_below(source, begin, end, args.num_nodes) || !all_below(target, begin, end, args.num_nodes)) {
      bad = true;
      return;
    }
    uint16_t* kept = lists.kept + begin;
    int64_t count = 0;
    for (int64_t e = begin; e < end; ++e) {  // without branches: which edges stay is hard to predict
      kept[count] = static_cast<uint16_t>(e - begin);
      count += (lists.place[source[e]] >= 0) & (lists.place[target[e]] >= 0);
    }
    lists.starts[block + 1] = count;
  });
  if (bad) throw_bad_index("filter_edges", "edge_index", source, 2 * args.num_edges, args.num_nodes);
  lists.starts[0] = 0;
  for (int64_t block = 0; block < block_count(args); ++block) lists.starts[block + 1] += lists.starts[block];
  return lists.starts[block_count(args)];
}

template <class I>
void write(const FilterEdges& args, int64_t size, const Lists& lists, const Parallel& parallel) {
  const I* source = static_cast<const I*>(args.edge_index);
  I* out = static_cast<I*>(args.out);
  parallel(block_count(args), [&](int64_t block) {
    const uint16_t* kept = lists.kept + block * kBlock;
    for (int64_t u = lists.starts[block]; u < lists.starts[block + 1]; ++u) {
      const int64_t e = block * kBlock + *kept++;
      out[u] = static_cast<I>(lists.place[source[e]]);
      out[size + u] = static_cast<I>(lists.place[source[args.num_edges + e]]);
      args.edges[u] = e;
    }
  });
}

}  // namespace

size_t filter_edges_workspace(const FilterEdges& args) { return Lists(args, nullptr).bytes; }

int64_t filter_edges_size(const FilterEdges& args, void* workspace, const Parallel& parallel) {
  const Lists lists(args, workspace);
  place_nodes(args, lists.place);
  return args.index == DType::kInt32 ? list<int32_t>(args, lists, parallel) : list<int64_t>(args, lists, parallel);
}

void filter_edges(const FilterEdges& args, int64_t size, void* workspace, const Parallel& parallel) {
  const Lists lists(args, workspace);
  args.index == DType::kInt32 ? write<int32_t>(args, size, lists, parallel)
                              : write<int64_t>(args, size, lists, parallel);
}

}  // namespace geocompile::cpu
