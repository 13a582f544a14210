// Picks, once, the widest instruction set that this processor has among those the kernels were compiled for.
#include "../edge_attention.h"
#include "../gat.h"
#include "../gather_kernel_reduce.h"
#include "../gather_segment_reduce.h"
#include "../gaussian_weights.h"
#include "../grouped_matmul.h"
#include "../segment_softmax.h"
#include "fps_cloud.h"
#include "neighbour_search.h"

// Every kernel that is compiled per instruction set: what it returns, its name, parameters and arguments.
#define GEOCOMPILE_KERNELS(DO)                                                                                      \
  DO(size_t, gather_segment_reduce_workspace, (const GatherSegmentReduce& args), (args))                            \
  DO(void, gather_segment_reduce, (const GatherSegmentReduce& args, void* workspace, const Parallel& parallel),     \
     (args, workspace, parallel))                                                                                   \
  DO(void, gather_segment_arg, (const GatherSegmentArg& args, const Parallel& parallel), (args, parallel))          \
  DO(void, edge_dot, (const EdgeDot& args, const Parallel& parallel), (args, parallel))                             \
  DO(size_t, segment_softmax_workspace, (const SegmentSoftmax& args), (args))                                       \
  DO(void, segment_softmax, (const SegmentSoftmax& args, void* workspace, const Parallel& parallel),                \
     (args, workspace, parallel))                                                                                   \
  DO(size_t, dot_coefficients_workspace, (const DotCoefficients& args), (args))                                     \
  DO(void, dot_coefficients, (const DotCoefficients& args, void* workspace, const Parallel& parallel),              \
     (args, workspace, parallel))                                                                                   \
  DO(size_t, dot_attention_workspace, (const DotAttention& args), (args))                                           \
  DO(void, dot_attention, (const DotAttention& args, void* workspace, const Parallel& parallel),                    \
     (args, workspace, parallel))                                                                                   \
  DO(size_t, additive_coefficients_workspace, (const AdditiveCoefficients& args), (args))                           \
  DO(void, additive_coefficients, (const AdditiveCoefficients& args, void* workspace, const Parallel& parallel),    \
     (args, workspace, parallel))                                                                                   \
  DO(size_t, additive_attention_workspace, (const AdditiveAttention& args), (args))                                 \
  DO(void, additive_attention, (const AdditiveAttention& args, void* workspace, const Parallel& parallel),          \
     (args, workspace, parallel))                                                                                   \
  DO(size_t, additive_sums_workspace, (const AdditiveSums& args), (args))                                           \
  DO(void, additive_sums, (const AdditiveSums& args, void* workspace, const Parallel& parallel),                    \
     (args, workspace, parallel))                                                                                   \
  DO(size_t, additive_edge_gradients_workspace, (const AdditiveEdgeGradients& args), (args))                        \
  DO(void, additive_edge_gradients, (const AdditiveEdgeGradients& args, void* workspace, const Parallel& parallel), \
     (args, workspace, parallel))                                                                                   \
  DO(void, sample_cloud, (const FpsCloud& cloud), (cloud))                                                          \
  DO(size_t, gather_kernel_reduce_workspace, (const GatherKernelReduce& args), (args))                              \
  DO(void, gather_kernel_reduce, (const GatherKernelReduce& args, void* workspace, const Parallel& parallel),       \
     (args, workspace, parallel))                                                                                   \
  DO(size_t, kernel_contract_workspace, (const KernelContract& args), (args))                                       \
  DO(void, kernel_contract, (const KernelContract& args, void* workspace, const Parallel& parallel),                \
     (args, workspace, parallel))                                                                                   \
  DO(void, kernel_dot, (const KernelDot& args, const Parallel& parallel), (args, parallel))                         \
  DO(size_t, gat_coefficients_workspace, (const GatCoefficients& args), (args))                                     \
  DO(void, gat_coefficients, (const GatCoefficients& args, void* workspace, const Parallel& parallel),              \
     (args, workspace, parallel))                                                                                   \
  DO(size_t, gat_aggregate_workspace, (const GatAggregate& args), (args))                                           \
  DO(void, gat_aggregate, (const GatAggregate& args, void* workspace, const Parallel& parallel),                    \
     (args, workspace, parallel))                                                                                   \
  DO(void, search_neighbours, (const NeighbourSearch& search, int64_t begin, int64_t end, void* scratch),           \
     (search, begin, end, scratch))                                                                                 \
  DO(size_t, gaussian_weights_workspace, (const GaussianWeights& args, int64_t threads), (args, threads))           \
  DO(void, gaussian_weights, (const GaussianWeights& args, void* workspace, const Parallel& parallel),              \
     (args, workspace, parallel))                                                                                   \
  DO(size_t, grouped_matmul_workspace, (const GroupedMatmul& args, int64_t threads), (args, threads))               \
  DO(void, grouped_matmul, (const GroupedMatmul& args, void* workspace, const Parallel& parallel),                  \
     (args, workspace, parallel))                                                                                   \
  DO(size_t, grouped_outer_workspace, (const GroupedOuter& args, int64_t threads), (args, threads))                 \
  DO(void, grouped_outer, (const GroupedOuter& args, void* workspace, const Parallel& parallel),                    \
     (args, workspace, parallel))

#define GEOCOMPILE_FIELD(result, name, parameters, arguments) result(*name) parameters;
#define GEOCOMPILE_DECLARE(result, name, parameters, arguments) result name parameters;
#define GEOCOMPILE_ADDRESS(result, name, parameters, arguments) &name,
#define GEOCOMPILE_FORWARD(result, name, parameters, arguments) \
  result name parameters { return table().name arguments; }

#define GEOCOMPILE_INSTRUCTION_SET(isa)                                            \
  namespace isa {                                                                  \
  GEOCOMPILE_KERNELS(GEOCOMPILE_DECLARE)                                           \
  static Table kernels() { return Table{GEOCOMPILE_KERNELS(GEOCOMPILE_ADDRESS)}; } \
  }

namespace geocompile::cpu {

struct Table {
  GEOCOMPILE_KERNELS(GEOCOMPILE_FIELD)
};

GEOCOMPILE_INSTRUCTION_SET(generic)
#ifdef GEOCOMPILE_X86
GEOCOMPILE_INSTRUCTION_SET(avx2)
GEOCOMPILE_INSTRUCTION_SET(avx512)
#endif

namespace {

Table pick() {
#ifdef GEOCOMPILE_X86
  __builtin_cpu_init();
  const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
                        __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("f16c") &&
                        __builtin_cpu_supports("fma") && __builtin_cpu_supports("lzcnt") &&
                        __builtin_cpu_supports("movbe");
  if (has_avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
    return avx512::kernels();
  if (has_avx2) return avx2::kernels();
#endif
  return generic::kernels();
}

const Table& table() {
  static const Table picked = pick();
  return picked;
}

}  // namespace

GEOCOMPILE_KERNELS(GEOCOMPILE_FORWARD)

}  // namespace geocompile::cpu
