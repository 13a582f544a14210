// From the arguments to a search: checks of the values, the clouds of a batch, their trees or packed points, and how
// the found are put together.
#include "../neighbours.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <sstream>
#include <stdexcept>
#include <string>

#include "../errors.h"
#include "../memory.h"
#include "balance.h"
#include "coordinates.h"
#include "nearest_keys.h"
#include "neighbour_tree.h"
#include "rows.h"
#include "validate.h"
#include "workspace.h"

namespace geocompile::cpu {
namespace {

using namespace GEOCOMPILE_ISA;

constexpr int64_t kFewQueries = 192;         // for which a tree is not worth its construction
constexpr int64_t kMostStored = 64;          // neighbours within a radius that are kept until their number is known
constexpr int64_t kSmallestPiece = 1 << 15;  // values
constexpr int64_t kNearQueries = 256;        // queries of another cloud that are put together

// Below so many points all are compared (measured on uniform points with AVX-512, k = 16). Beyond 12 dimensions uniform
// points are faster compared, by up to 1.7 times; points that lie near a surface, as learned features do, are 7 times
// slower so at 12,000 and without bound beyond.
int64_t smallest_tree(int64_t dims) { return dims <= 4 ? 192 : dims <= 6 ? 512 : dims <= 8 ? 1024 : 4096; }

// Tasks for so many points with `values` of each.
int64_t tasks_of(int64_t points, int64_t values, const Parallel& parallel) {
  return task_count(points * std::max<int64_t>(values, 1), parallel.threads(), kSmallestPiece);
}

// --- values ----------------------------------------------------------------------------------------------------------

void check_coordinates(const Neighbours& args, const char* name, const void* values, int64_t points,
                       const Parallel& parallel) {
  with_value_type(args.value, [&](auto value) {
    const auto* all = static_cast<const typename decltype(value)::type*>(values);
    check_finite(args.op, name, all, points, args.dims, parallel);
  });
}

void check_graphs(const Neighbours& args, const char* points, const void* batch, int64_t count) {
  const std::string name = std::string("batch_") + points;
  check_batch(args.op, name.c_str(), args.batch, batch, count, std::numeric_limits<int64_t>::max());
}

// One array is the other, and not only where it begins.
bool are_same(const Neighbours& args, const void* points, const void* queries) {
  return points == queries && args.num_points == args.num_queries;
}

// Query i is point i, so that their graphs are the same.
void check_same_batches(const Neighbours& args) {
  const Indices of_points(args.batch, args.batch_of_points), of_queries(args.batch, args.batch_of_queries);
  for (int64_t i = 0; i < args.num_points; ++i) {
    if (of_points[i] == of_queries[i]) continue;
    refuse<std::invalid_argument>(args.op, "'skip_self' needs the same 'batch_", args.points_name, "' and 'batch_",
                                  args.queries_name, "', they differ at [", i, "]: ", of_points[i], " and ",
                                  of_queries[i]);
  }
}

void check_values(const Neighbours& args, const Parallel& parallel) {
  check_coordinates(args, args.points_name, args.points, args.num_points, parallel);
  if (!are_same(args, args.points, args.queries))
    check_coordinates(args, args.queries_name, args.queries, args.num_queries, parallel);
  if (!args.batch_of_points) return;
  check_graphs(args, args.points_name, args.batch_of_points, args.num_points);
  if (are_same(args, args.batch_of_points, args.batch_of_queries)) return;
  check_graphs(args, args.queries_name, args.batch_of_queries, args.num_queries);
  if (args.skip_self) check_same_batches(args);
}

// --- memory ----------------------------------------------------------------------------------------------------------

int64_t count_clouds(const Neighbours& args) {
  if (args.num_queries == 0) return 0;
  int64_t clouds = 1;
  const Indices batch(args.batch, args.batch_of_queries);
  for (int64_t i = 1; batch && i < args.num_queries; ++i) clouds += batch[i] != batch[i - 1];
  return clouds;
}

// What the first step leaves to the others.
struct Plan {
  int64_t num_clouds, num_trees;
  int64_t pairs;
};

// The workspace, cut into its parts; without one, only its size.
struct Memory {
  int64_t num_clouds, num_trees;  // room for so many
  int64_t tasks;
  size_t scratch_bytes;  // of a task

  Plan* plan;
  Cloud* clouds;
  Tree* trees;
  Part* parts;
  int64_t num_parts;
  int32_t* order;
  void* items;
  TreeArrays arrays;
  void* packed;
  void* norms;
  int64_t* offsets;  // [num_queries + 1]; of a radius
  int32_t* stored;   // or null
  int64_t stride;
  char* scratch;
  size_t bytes;

  Memory(const Neighbours& args, int64_t threads, void* workspace) {
    Parts all(workspace);
    const int64_t points = args.num_points, queries = args.num_queries, value = size_of_sum(args.value);
    const bool may_be_trees = args.dims <= kMostTreeDims && !args.cosine && points >= smallest_tree(args.dims);
    const int64_t dims = may_be_trees ? tree_dims(args.dims) : 0;
    num_clouds = count_clouds(args);
    num_trees = may_be_trees ? std::min(num_clouds, points / smallest_tree(args.dims)) : 0;
    tasks = std::max<int64_t>(1, std::min(4 * threads, (queries + kTile - 1) / kTile));
    scratch_bytes = aligned(search_scratch(args));
    num_parts = part_room(num_trees, threads);
    plan = all.take<Plan>(1);
    clouds = all.take<Cloud>(num_clouds);
    trees = all.take<Tree>(num_trees);
    const int64_t tree_points = num_trees ? points + kGroup * num_trees : 0;
    const int64_t boxes = num_trees ? points / 240 + kMostLevels * num_trees : 0;
    parts = all.take<Part>(num_trees ? num_parts : 0);
    order = all.take<int32_t>(num_trees ? queries : 0);
    items = all.take<char>(num_trees ? item_bytes(args) * std::max(tree_points, queries) : 0);
    arrays.groups = all.take<char>(value * dims * tree_points);
    arrays.places = all.take<int32_t>(tree_points);
    arrays.boxes = all.take<char>(value * 2 * dims * kGroup * boxes);
    arrays.lowest = all.take<int32_t>(kGroup * boxes);
    packed = all.take<char>(value * args.dims * kGroup * groups_of(points));
    norms = all.take<char>(args.cosine ? value * kGroup * groups_of(points) : 0);
    offsets = all.take<int64_t>(args.within ? queries + 1 : 0);
    stride = std::min(args.most, points);
    const bool stores = args.within && args.most <= kMostStored;
    stored = all.take<int32_t>(stores ? queries * stride : 0);
    if (!stores) stored = nullptr;
    scratch = all.take<char>(scratch_bytes * tasks);
    bytes = all.bytes();
  }
};

// --- clouds ----------------------------------------------------------------------------------------------------------

// Steps through the graphs of both batch vectors at once.
class Clouds {
 public:
  Clouds(const Neighbours& args, const Memory& memory)
      : args_(args),
        memory_(memory),
        of_points_(args.batch, args.batch_of_points),
        of_queries_(args.batch, args.batch_of_queries) {}

  void list() {
    *memory_.plan = Plan{};
    int64_t query = 0, point = 0;
    while (query < args_.num_queries && memory_.plan->num_clouds < memory_.num_clouds) {
      Cloud cloud{point, args_.num_points, query, args_.num_queries, memory_.plan->pairs, 0, -1};
      if (of_queries_) {
        const int64_t graph = of_queries_[query];
        cloud.num_queries = first_above(of_queries_, query, args_.num_queries, graph) - query;
        cloud.first_point = first_above(of_points_, point, args_.num_points, graph - 1);
        cloud.num_points = first_above(of_points_, cloud.first_point, args_.num_points, graph) - cloud.first_point;
      }
      point = cloud.first_point + cloud.num_points;
      query += cloud.num_queries;
      add(cloud);
    }
  }

 private:
  void add(Cloud cloud) {
    Plan& plan = *memory_.plan;
    const int64_t others = cloud.num_points - (args_.skip_self ? 1 : 0);
    cloud.found = std::max<int64_t>(0, std::min(args_.most, others));
    if (args_.all_found && cloud.found == 0) throw_none(cloud);
    plan.pairs += cloud.found * cloud.num_queries;
    const bool many = cloud.num_points >= smallest_tree(args_.dims) && cloud.num_queries >= kFewQueries;
    if (many && cloud.found > 0 && plan.num_trees < memory_.num_trees) {
      cloud.tree = plan.num_trees;
      add_tree(cloud, plan.num_trees++);
    }
    memory_.clouds[plan.num_clouds++] = cloud;
  }

  void add_tree(const Cloud& cloud, int64_t number) {
    Tree& tree = memory_.trees[number];
    const Tree* before = number > 0 ? &tree - 1 : nullptr;
    tree = Tree{};
    tree.cloud = memory_.plan->num_clouds;
    tree.first_item = before ? next_item_ : 0;
    next_item_ = tree.first_item + groups_of(cloud.num_points) * kGroup;
    for (int64_t groups = groups_of(groups_of(cloud.num_points));; groups = groups_of(groups)) {
      tree.boxes[++tree.levels] = next_boxes_;
      next_boxes_ += groups;
      if (groups == 1) return;
    }
  }

  // The first place from `begin` on whose graph is after `graph`.
  static int64_t first_above(const Indices& batch, int64_t begin, int64_t end, int64_t graph) {
    while (begin < end) {
      const int64_t middle = begin + (end - begin) / 2;
      if (batch[middle] <= graph) {
        begin = middle + 1;
      } else {
        end = middle;
      }
    }
    return begin;
  }

  [[noreturn]] void throw_none(const Cloud& cloud) const {
    std::ostringstream graph;
    if (of_queries_) graph << "graph " << of_queries_[cloud.first_query] << " has ";
    refuse<std::invalid_argument>(args_.op, graph.str(), "points in '", args_.queries_name, "' and none in '",
                                  args_.points_name, "'");
  }

  const Neighbours& args_;
  const Memory& memory_;
  Indices of_points_, of_queries_;
  int64_t next_item_ = 0, next_boxes_ = 0;
};

// --- preparation -----------------------------------------------------------------------------------------------------

template <class S>
void pack_points(const Neighbours& args, const Memory& memory, int64_t begin, int64_t end) {
  using T = Sum<S>;
  const S* points = static_cast<const S*>(args.points);
  for (int64_t p = begin; p < end; ++p) {
    T* to = static_cast<T*>(memory.packed) + p / kGroup * args.dims * kGroup + p % kGroup;
    T squares = 0;
    for (int64_t d = 0; d < args.dims; ++d) {
      const T coordinate = load_one(points + p * args.dims + d);
      to[d * kGroup] = coordinate;
      squares += coordinate * coordinate;
    }
    if (args.cosine) static_cast<T*>(memory.norms)[p] = std::sqrt(squares);
  }
}

// The points of clouds without a tree, side by side. Where the last group is not full, it is read but not looked at.
void pack_clouds(const Neighbours& args, const Memory& memory, const Parallel& parallel) {
  const Plan& plan = *memory.plan;
  if (plan.num_trees == plan.num_clouds) return;
  const size_t value = size_of_sum(args.value), group = value * args.dims * kGroup;
  const int64_t last = args.num_points / kGroup;
  if (args.num_points % kGroup) {
    std::memset(static_cast<char*>(memory.packed) + last * group, 0, group);
    if (args.cosine) std::memset(static_cast<char*>(memory.norms) + last * kGroup * value, 0, kGroup * value);
  }
  with_value_type(args.value, [&](auto type) {
    const int64_t tasks = tasks_of(args.num_points, args.dims, parallel);
    for_pieces(args.num_points, tasks, parallel, [&](int64_t, int64_t begin, int64_t end) {
      pack_points<typename decltype(type)::type>(args, memory, begin, end);
    });
  });
}

void build_trees(const Neighbours& args, const Memory& memory, const Parallel& parallel) {
  const int64_t trees = memory.plan->num_trees;
  for (int64_t t = 0; t < trees; ++t) {
    const Tree& tree = memory.trees[t];
    const Cloud& cloud = memory.clouds[tree.cloud];
    copy_items(args, args.points, cloud.first_point, cloud.first_point + cloud.num_points, memory.items,
               tree.first_item, parallel);
    memory.parts[t] = {tree.first_item, tree.first_item + cloud.num_points};
  }
  order_items(args, memory.items, memory.parts, trees, kGroup, parallel);
  for (int64_t t = 0; t < trees; ++t)
    pack_tree(args, memory.clouds[memory.trees[t].cloud], memory.trees[t], memory.items, memory.arrays, parallel);
}

// Near queries one after the other find the same boxes and points in the caches.
void order_queries(const Neighbours& args, const Memory& memory, const Parallel& parallel) {
  const int64_t trees = memory.plan->num_trees;
  const bool same =
      are_same(args, args.points, args.queries) && are_same(args, args.batch_of_points, args.batch_of_queries);
  for (int64_t t = 0; t < trees && !same; ++t) {
    const Cloud& cloud = memory.clouds[memory.trees[t].cloud];
    const int64_t end = cloud.first_query + cloud.num_queries;
    copy_items(args, args.queries, cloud.first_query, end, memory.items, cloud.first_query, parallel);
    memory.parts[t] = {cloud.first_query, end};
  }
  if (!same) order_items(args, memory.items, memory.parts, trees, kNearQueries, parallel);
  for (int64_t t = 0; t < trees; ++t) {
    const Cloud& cloud = memory.clouds[memory.trees[t].cloud];
    const int64_t first = same ? memory.trees[t].first_item : cloud.first_query;
    list_items(args, memory.items, first, first + cloud.num_queries, memory.order + cloud.first_query, parallel);
  }
}

void search(const Neighbours& args, const Memory& memory, const Sink& sink, const Parallel& parallel) {
  NeighbourSearch all{&args,
                      memory.clouds,
                      memory.plan->num_clouds,
                      memory.trees,
                      memory.order,
                      memory.arrays.groups,
                      memory.arrays.places,
                      memory.arrays.boxes,
                      memory.arrays.lowest,
                      memory.packed,
                      memory.norms,
                      sink};
  for_pieces(args.num_queries, memory.tasks, parallel, [&](int64_t task, int64_t begin, int64_t end) {
    search_neighbours(all, begin, end, memory.scratch + task * memory.scratch_bytes);
  });
}

void copy_stored(const Neighbours& args, const Memory& memory, int64_t* queries, int64_t* points,
                 const Parallel& parallel) {
  const int64_t tasks = tasks_of(args.num_queries, kGroup, parallel);
  for_pieces(args.num_queries, tasks, parallel, [&](int64_t, int64_t begin, int64_t end) {
    for (int64_t q = begin; q < end; ++q) {
      const int64_t first = memory.offsets[q], count = memory.offsets[q + 1] - first;
      for (int64_t i = 0; i < count; ++i) {
        points[first + i] = memory.stored[q * memory.stride + i];
        if (queries) queries[first + i] = q;
      }
    }
  });
}

// The number of pairs, whose indices must have room.
int64_t counted(const Neighbours& args, int64_t pairs) {
  check_fits(args.op, 2.0 * sizeof(int64_t) * pairs, "a result of ", pairs, " pairs");
  return pairs;
}

}  // namespace

int64_t tile_of(int64_t found) {
  return std::max<int64_t>(1, std::min<int64_t>(kTile, 4096 / std::max<int64_t>(found, 1)));
}

size_t search_scratch(const Neighbours& args) {
  const int64_t found = std::max<int64_t>(1, std::min(args.most, args.num_points));
  const int64_t keys = std::max({kTile * key_slots(kMostInserted), 2 * int64_t{4096}, key_slots(found)});
  const size_t value = size_of_sum(args.value), key = value == 4 ? sizeof(Key<float>) : sizeof(Key<double>);
  return key * keys + value * kTile * args.dims;
}

size_t neighbours_workspace(const Neighbours& args, int64_t threads) { return Memory(args, threads, nullptr).bytes; }

int64_t count_neighbours(const Neighbours& args, void* workspace, const Parallel& parallel) {
  check_values(args, parallel);
  const Memory memory(args, parallel.threads(), workspace);
  Clouds(args, memory).list();
  if (args.num_queries == 0) return 0;
  pack_clouds(args, memory, parallel);
  if (memory.plan->num_trees > 0) {
    build_trees(args, memory, parallel);
    order_queries(args, memory, parallel);
  }
  if (!args.within) return counted(args, memory.plan->pairs);
  search(args, memory, Sink{memory.stored, memory.stride, memory.offsets + 1, nullptr, nullptr, nullptr}, parallel);
  memory.offsets[0] = 0;
  for (int64_t q = 0; q < args.num_queries; ++q) memory.offsets[q + 1] += memory.offsets[q];
  return counted(args, memory.offsets[args.num_queries]);
}

void write_neighbours(const Neighbours& args, void* workspace, int64_t* queries, int64_t* points,
                      const Parallel& parallel) {
  if (args.num_queries == 0) return;
  const Memory memory(args, parallel.threads(), workspace);
  if (memory.stored) return copy_stored(args, memory, queries, points, parallel);
  search(args, memory, Sink{nullptr, 0, nullptr, args.within ? memory.offsets : nullptr, queries, points}, parallel);
}

}  // namespace geocompile::cpu
