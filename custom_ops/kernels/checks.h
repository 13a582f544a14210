// The argument checks of every operator, once for all runtimes. Wrong types and shapes: std::invalid_argument.
#pragma once

#include <optional>

#include "tensor_info.h"

namespace geocompile {

void check_csr_from_coo(const TensorInfo& index, const TensorInfo& like, const std::optional<TensorInfo>& other);
void check_batch_ptr(const TensorInfo& batch);
void check_segment_reduce(const TensorInfo& src, const TensorInfo& rowptr, const std::optional<TensorInfo>& perm);
void check_gather_segment_reduce(const char* op, const TensorInfo& x, const TensorInfo& rowptr, const TensorInfo& col,
                                 const std::optional<TensorInfo>& weight, const std::optional<TensorInfo>& self_weight);
void check_edge_dot(const TensorInfo& a, const TensorInfo& b, const TensorInfo& rowptr, const TensorInfo& col,
                    bool per_head);
void check_gcn_norm(const TensorInfo& rowptr, const TensorInfo& col, const TensorInfo& like,
                    const std::optional<TensorInfo>& weight);

void check_segment_softmax(const TensorInfo& src, const TensorInfo& rowptr, const std::optional<TensorInfo>& perm);

void check_gather_kernel_reduce(const TensorInfo& x, const TensorInfo& rowptr, const TensorInfo& col,
                                const TensorInfo& weight);
void check_gather_sparse_kernel_reduce(const TensorInfo& x, const TensorInfo& rowptr, const TensorInfo& col,
                                       const std::optional<TensorInfo>& weight, const TensorInfo& kernel,
                                       const TensorInfo& like);
void check_kernel_contract(const TensorInfo& x, const TensorInfo& rowptr, const TensorInfo& col,
                           const std::optional<TensorInfo>& weight, const std::optional<TensorInfo>& kernel);
void check_kernel_dot(const TensorInfo& a, const TensorInfo& b, const TensorInfo& rowptr, const TensorInfo& col,
                      const std::optional<TensorInfo>& kernel);

// What the scores of GAT are made of.
struct GatInfo {
  TensorInfo rowptr, col, source, target;
  std::optional<TensorInfo> edge, self_edge;
  bool self_loops;
};

void check_gat_scores(const char* op, const GatInfo& in);
void check_gat_aggregate(const TensorInfo& x, const GatInfo& in);

// What the scores of dot-product attention are made of.
struct DotInfo {
  TensorInfo query, key, rowptr, col;
  std::optional<TensorInfo> edge_query, edge;
};

void check_dot_scores(const char* op, const DotInfo& in);
void check_dot_attention(const TensorInfo& value, const DotInfo& in);

// What the scores of additive attention are made of; the gradients do without one or another.
struct AdditiveInfo {
  TensorInfo target, source, col;
  std::optional<TensorInfo> att, rowptr, edge, edge_weight;
};

void check_additive_scores(const char* op, const AdditiveInfo& in);
void check_additive_sums(const TensorInfo& weight, const AdditiveInfo& in);
void check_additive_edge_gradients(const TensorInfo& weight, const TensorInfo& row, const AdditiveInfo& in);

}  // namespace geocompile
