// A vector holds one coordinate of as many edges as it has lanes; nothing of the size [edges, kernels, dims] is made.
#include "../../gaussian_weights.h"

#include "../balance.h"
#include "../isa.h"
#include "../simd.h"
#include "../simd_math.h"

namespace geocompile::cpu::GEOCOMPILE_ISA {
namespace {

int64_t tasks_of(const GaussianWeights& args, int64_t threads) {
  return task_count(args.num_edges * (args.kernels * (2 * args.dims + 8) + args.dims), threads);
}

template <class T>
class Problem {
  using A = Sum<T>;
  using V = typename Vector<A, GEOCOMPILE_VECTOR_BYTES>::type;
  static constexpr int kLanes = lanes_of<V>;

 public:
  // The workspace: mu and -1/2 / (1e-15 + sigma^2), then for each task the coordinates of one block of edges.
  Problem(const GaussianWeights& args, void* workspace)
      : args_(args),
        mu_(static_cast<A*>(workspace)),
        factor_(mu_ + args.kernels * args.dims),
        blocks_(factor_ + args.kernels * args.dims) {
    for (int64_t i = 0; i < args.kernels * args.dims; ++i) {
      const A sigma = load_one(static_cast<const T*>(args.sigma) + i);
      mu_[i] = load_one(static_cast<const T*>(args.mu) + i);
      factor_[i] = A(-0.5) / (A(1e-15) + sigma * sigma);
    }
  }

  static size_t bytes(const GaussianWeights& args, int64_t threads) {
    return (2 * args.kernels + kLanes * tasks_of(args, threads)) * args.dims * sizeof(A);
  }

  void run(const Parallel& parallel) const {
    const int64_t tasks = tasks_of(args_, parallel.threads());
    for_pieces(args_.num_edges, tasks, parallel, [&](int64_t task, int64_t begin, int64_t end) {
      A* block = blocks_ + task * kLanes * args_.dims;
      for (int64_t e = begin; e < end; e += kLanes)
        weigh(e, end - e < kLanes ? static_cast<int>(end - e) : kLanes, block);
    });
  }

 private:
  // The edges [first, first + count); the lanes beyond hold the last one again.
  void weigh(int64_t first, int count, A* block) const {
    const T* pseudo = static_cast<const T*>(args_.pseudo) + first * args_.dims;
    for (int lane = 0; lane < kLanes; ++lane)
      for (int64_t d = 0; d < args_.dims; ++d)
        block[d * kLanes + lane] = load_one(pseudo + (lane < count ? lane : count - 1) * args_.dims + d);
    T* out = static_cast<T*>(args_.out) + first * args_.kernels;
    for (int64_t k = 0; k < args_.kernels; ++k) {
      V exponent{};
      for (int64_t d = 0; d < args_.dims; ++d) {
        const V distance = load<V>(block + d * kLanes) - splat<V>(mu_[k * args_.dims + d]);
        exponent += distance * distance * splat<V>(factor_[k * args_.dims + d]);
      }
      A weights[kLanes];
      store(weights, exp_of(exponent));
      for (int lane = 0; lane < count; ++lane) store_one(out + lane * args_.kernels + k, weights[lane]);
    }
  }

  const GaussianWeights& args_;
  A *mu_, *factor_, *blocks_;
};

}  // namespace

size_t gaussian_weights_workspace(const GaussianWeights& args, int64_t threads) {
  return args.value == DType::kFloat64 ? Problem<double>::bytes(args, threads) : Problem<float>::bytes(args, threads);
}

void gaussian_weights(const GaussianWeights& args, void* workspace, const Parallel& parallel) {
  with_value_type(args.value,
                  [&](auto value) { Problem<typename decltype(value)::type>(args, workspace).run(parallel); });
}

}  // namespace geocompile::cpu::GEOCOMPILE_ISA
