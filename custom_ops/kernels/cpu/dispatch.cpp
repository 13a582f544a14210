// Picks, once, the widest instruction set that this processor has among those the kernels were compiled for.
#include "../gather_segment_reduce.h"

#define GEOCOMPILE_DECLARE(isa)                                                                           \
  namespace isa {                                                                                         \
  size_t gather_segment_reduce_workspace(const GatherSegmentReduce& args);                                \
  void gather_segment_reduce(const GatherSegmentReduce& args, void* workspace, const Parallel& parallel); \
  void gather_segment_arg(const GatherSegmentArg& args, const Parallel& parallel);                        \
  void edge_dot(const EdgeDot& args, const Parallel& parallel);                                           \
  }

#define GEOCOMPILE_TABLE(isa) \
  Table { isa::gather_segment_reduce_workspace, isa::gather_segment_reduce, isa::gather_segment_arg, isa::edge_dot }

namespace geocompile::cpu {

GEOCOMPILE_DECLARE(generic)
#ifdef GEOCOMPILE_X86
GEOCOMPILE_DECLARE(avx2)
GEOCOMPILE_DECLARE(avx512)
#endif

namespace {

struct Table {
  decltype(&generic::gather_segment_reduce_workspace) workspace;
  decltype(&generic::gather_segment_reduce) gather_segment_reduce;
  decltype(&generic::gather_segment_arg) gather_segment_arg;
  decltype(&generic::edge_dot) edge_dot;
};

Table pick() {
#ifdef GEOCOMPILE_X86
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
                    __builtin_cpu_supports("f16c") && __builtin_cpu_supports("fma") &&
                    __builtin_cpu_supports("lzcnt") && __builtin_cpu_supports("movbe");
  if (avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
    return GEOCOMPILE_TABLE(avx512);
  if (avx2) return GEOCOMPILE_TABLE(avx2);
#endif
  return GEOCOMPILE_TABLE(generic);
}

const Table& table() {
  static const Table picked = pick();
  return picked;
}

}  // namespace

size_t gather_segment_reduce_workspace(const GatherSegmentReduce& args) { return table().workspace(args); }

void gather_segment_reduce(const GatherSegmentReduce& args, void* workspace, const Parallel& parallel) {
  table().gather_segment_reduce(args, workspace, parallel);
}

void gather_segment_arg(const GatherSegmentArg& args, const Parallel& parallel) {
  table().gather_segment_arg(args, parallel);
}

void edge_dot(const EdgeDot& args, const Parallel& parallel) { table().edge_dot(args, parallel); }

}  // namespace geocompile::cpu
