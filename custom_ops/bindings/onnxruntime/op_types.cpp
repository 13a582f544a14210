#include "op_type.h"

namespace geocompile::ort_binding {

std::vector<OpType> op_types() {
  std::vector<OpType> types;
  for (auto family : {
           additive_attention_types,
           coalesce_types,
           consecutive_types,
           csr_from_coo_types,
           dot_attention_types,
           fps_types,
           dense_batch_types,
           gat_types,
           gather_kernel_reduce_types,
           gather_segment_reduce_types,
           gcn_norm_types,
           graclus_types,
           grid_cluster_types,
           grouped_matmul_types,
           neighbours_types,
           renumber_edges_types,
           scatter_types,
           segment_reduce_types,
           segment_softmax_types,
           selection_types,
           spline_basis_types,
       })
    for (OpType& type : family()) types.push_back(std::move(type));
  return types;
}

}  // namespace geocompile::ort_binding
