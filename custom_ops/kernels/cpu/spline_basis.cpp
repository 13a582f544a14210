// The terms of an edge are the products of one weight of each dimension: they are grown dimension by dimension, in
// place.
#include "../spline_basis.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "../errors.h"
#include "balance.h"
#include "simd.h"

namespace geocompile::cpu {
namespace {

using namespace GEOCOMPILE_ISA;

constexpr int64_t kMostDims = 16;
constexpr double kMostKernels = 1ull << 47;

// The uniform B-splines that are active at the fraction v of a knot interval, and their derivatives.
template <int kDegree, class A>
void weigh(A v, A* weight, A* slope) {
  if constexpr (kDegree == 1) {
    weight[0] = 1 - v, weight[1] = v;
    slope[0] = -1 + (v - v), slope[1] = 1 + (v - v);
  } else if constexpr (kDegree == 2) {
    const A w = 1 - v;
    weight[0] = w * w / 2, weight[1] = A(0.5) + v * w, weight[2] = v * v / 2;
    slope[0] = -w, slope[1] = 1 - 2 * v, slope[2] = v;
  } else {
    const A w = 1 - v;
    weight[0] = w * w * w / 6, weight[1] = A(2) / 3 - v * v * (2 - v) / 2;
    weight[2] = A(2) / 3 - w * w * (2 - w) / 2, weight[3] = v * v * v / 6;
    slope[0] = -w * w / 2, slope[1] = v * (3 * v - 4) / 2, slope[2] = w * (4 - 3 * w) / 2, slope[3] = v * v / 2;
  }
}

// One edge: for each dimension its active kernels, their weights and slopes.
template <class T, int kDegree>
struct Edge {
  using A = Sum<T>;
  static constexpr int kActive = kDegree + 1;
  A weight[kMostDims][kActive], slope[kMostDims][kActive], steps[kMostDims];
  int64_t kernel[kMostDims][kActive];  // times the number of kernels of the dimensions before

  Edge(const SplineBasis& args, int64_t edge) {
    const T* pseudo = static_cast<const T*>(args.pseudo) + edge * args.dims;
    int64_t stride = 1;
    for (int64_t d = 0; d < args.dims; ++d) {
      const int64_t size = args.kernel_size[d];
      steps[d] = static_cast<A>(size - (args.is_open[d] ? args.degree : 0));
      const A at = load_one(pseudo + d) * steps[d], floor = std::floor(at), fraction = at - floor;
      weigh<kDegree>(fraction, weight[d], slope[d]);
      int64_t first = fraction == fraction ? wrapped(floor, size) : 0;
      for (int k = 0; k < kActive; ++k) {
        kernel[d][k] = first * stride;
        first = first + 1 == size ? 0 : first + 1;
      }
      stride *= size;
    }
  }

  static int64_t wrapped(A floor, int64_t size) {
    if (floor >= 0 && floor < static_cast<A>(size)) return static_cast<int64_t>(floor);
    const double rest = std::fmod(static_cast<double>(floor), static_cast<double>(size));
    return static_cast<int64_t>(rest < 0 ? rest + static_cast<double>(size) : rest);
  }

  // products[s]: of the weights of term s, where dimension `sloped` has its slope instead.
  void multiply(int64_t dims, int64_t sloped, A* products) const {
    int64_t size = 1;
    products[0] = A(1);
    for (int64_t d = 0; d < dims; ++d) {
      const A* factors = d == sloped ? slope[d] : weight[d];
      for (int k = kDegree; k >= 0; --k)
        for (int64_t s = 0; s < size; ++s) products[k * size + s] = products[s] * factors[k];
      size *= kActive;
    }
  }

  void index(int64_t dims, int64_t* sums) const {
    int64_t size = 1;
    sums[0] = 0;
    for (int64_t d = 0; d < dims; ++d) {
      for (int k = kDegree; k >= 0; --k)
        for (int64_t s = 0; s < size; ++s) sums[k * size + s] = sums[s] + kernel[d][k];
      size *= kActive;
    }
  }
};

void check_kernel_size(const char* op, const SplineBasis& args) {
  double kernels = 1;
  for (int64_t d = 0; d < args.dims; ++d) {
    const int64_t size = args.kernel_size[d];
    if (size < 1) refuse<std::invalid_argument>(op, "'kernel_size'[", d, "] must be at least 1, got ", size);
    kernels *= static_cast<double>(size);
    if (kernels >= kMostKernels)
      refuse<std::invalid_argument>(op, "'kernel_size' asks for ", kernels, " kernels, which cannot fit into memory");
  }
}

int64_t tasks_of(const SplineBasis& args, int64_t threads) {
  return task_count(2 * args.num_edges * (args.terms + 8 * args.dims), threads);
}

// body(Type of T, constant degree)
template <class Body>
void with_types(const SplineBasis& args, const Body& body) {
  with_value_type(args.value, [&](auto value) {
    switch (args.degree) {
      case 1: return body(value, std::integral_constant<int, 1>{});
      case 2: return body(value, std::integral_constant<int, 2>{});
      default: return body(value, std::integral_constant<int, 3>{});
    }
  });
}

// Calls body(edge, its number, room for the products of its terms) for all edges.
template <class T, int kDegree, class Body>
void for_edges(const SplineBasis& args, void* workspace, const Parallel& parallel, const Body& body) {
  const int64_t tasks = tasks_of(args, parallel.threads());
  for_pieces(args.num_edges, tasks, parallel, [&](int64_t task, int64_t begin, int64_t end) {
    Sum<T>* products = static_cast<Sum<T>*>(workspace) + task * args.terms;
    for (int64_t e = begin; e < end; ++e) body(Edge<T, kDegree>(args, e), e, products);
  });
}

}  // namespace

size_t spline_basis_workspace(const SplineBasis& args, int64_t threads) {
  return tasks_of(args, threads) * args.terms * size_of_sum(args.value);
}

void spline_basis(const SplineBasis& args, void* workspace, const Parallel& parallel) {
  check_kernel_size("spline_basis", args);
  with_types(args, [&](auto value, auto degree) {
    using T = typename decltype(value)::type;
    T* basis = static_cast<T*>(args.basis);
    for_edges<T, decltype(degree)::value>(args, workspace, parallel, [&](const auto& edge, int64_t e, auto* products) {
      edge.multiply(args.dims, -1, products);
      for (int64_t s = 0; s < args.terms; ++s) store_one(basis + e * args.terms + s, products[s]);
      edge.index(args.dims, args.weight_index + e * args.terms);
    });
  });
}

void spline_basis_backward(const SplineBasisBackward& args, void* workspace, const Parallel& parallel) {
  const SplineBasis& in = args.forward;
  check_kernel_size("spline_basis_backward", in);
  with_types(in, [&](auto value, auto degree) {
    using T = typename decltype(value)::type;
    const T* grad = static_cast<const T*>(args.grad);
    T* grad_pseudo = static_cast<T*>(args.grad_pseudo);
    for_edges<T, decltype(degree)::value>(in, workspace, parallel, [&](const auto& edge, int64_t e, auto* products) {
      for (int64_t d = 0; d < in.dims; ++d) {
        edge.multiply(in.dims, d, products);
        Sum<T> sum = 0;
        for (int64_t s = 0; s < in.terms; ++s) sum += products[s] * load_one(grad + e * in.terms + s);
        store_one(grad_pseudo + e * in.dims + d, sum * edge.steps[d]);
      }
    });
  });
}

}  // namespace geocompile::cpu
