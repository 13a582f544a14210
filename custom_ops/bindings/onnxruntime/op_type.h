// The table of op types: signature, attributes and computation of each; the rest of the binding is the same for all.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "call.h"

namespace geocompile::ort_binding {

// An input or output, as in the Python schemas: formals of one type letter share a dtype ('T' values, 'I' indices,
// 'L' anything; 'P', places, is int64). dims are letters of sizes, "N" or "N + 1", or numbers, then "..." for any
// number of other dimensions; "N at dim" stands among those, where the attribute dim says. A letter that no input has
// is a size that depends on values.
struct Formal {
  const char* name;
  char type;
  std::vector<const char*> dims;
};

struct Attribute {
  const char* name;
  bool is_integer;
  double default_value;
};

struct OpType {
  std::string name;
  std::vector<Formal> inputs;
  std::vector<Formal> outputs;
  std::vector<Attribute> attributes;
  std::function<void(const Call&)> compute;  // throws what it refuses
};

std::vector<OpType> additive_attention_types();
std::vector<OpType> coalesce_types();
std::vector<OpType> consecutive_types();
std::vector<OpType> csr_from_coo_types();
std::vector<OpType> dot_attention_types();
std::vector<OpType> fps_types();
std::vector<OpType> dense_batch_types();
std::vector<OpType> gat_types();
std::vector<OpType> gather_kernel_reduce_types();
std::vector<OpType> gather_segment_reduce_types();
std::vector<OpType> gcn_norm_types();
std::vector<OpType> graclus_types();
std::vector<OpType> grid_cluster_types();
std::vector<OpType> grouped_matmul_types();
std::vector<OpType> neighbours_types();
std::vector<OpType> renumber_edges_types();
std::vector<OpType> scatter_types();
std::vector<OpType> segment_reduce_types();
std::vector<OpType> segment_softmax_types();
std::vector<OpType> selection_types();
std::vector<OpType> spline_basis_types();

// Those of all families.
std::vector<OpType> op_types();

// Sets the output shapes that follow from the input shapes; what cannot be told is left open.
void infer_shapes(const OrtApi& api, const OpType& type, const OrtShapeInferContext* context);

}  // namespace geocompile::ort_binding
