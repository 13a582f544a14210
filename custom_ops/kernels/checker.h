// What the checks of all operators are made of.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

#include "errors.h"
#include "memory.h"
#include "tensor_info.h"

namespace geocompile {

// Builds the message "geocompile.<op>: ..." and throws; one instance per operator.
class Checker {
 public:
  explicit Checker(const char* op) : op_(op) {}

  template <class... Parts>
  void require(bool condition, const Parts&... parts) const {
    if (!condition) refuse<std::invalid_argument>(op_, parts...);
  }

  // A result of so many bytes, which the parts describe.
  template <class... Parts>
  void fits(double bytes, const Parts&... parts) const {
    check_fits(op_, bytes, parts...);
  }

  void index_vector(const TensorInfo& t) const {
    require(is_index(t.dtype), "'", t.name, "' must be int64 or int32, got ", name_of(t.dtype));
    require(t.rank == 1, "'", t.name, "' must have one dimension, got shape ", shape_of(t));
  }

  void values(const TensorInfo& t) const {
    require(is_value(t.dtype), "'", t.name, "' must be float32, float64, float16 or bfloat16, got ", name_of(t.dtype));
    require(t.rank >= 1, "'", t.name, "' must have at least one dimension, got a scalar");
  }

  void same_dtype(const TensorInfo& a, const TensorInfo& b) const {
    require(a.dtype == b.dtype, "'", a.name, "' is ", name_of(a.dtype), " but '", b.name, "' is ", name_of(b.dtype),
            "; convert one of them");
  }

  // One value per edge (or per row): a vector as long as `length`, which `what` names.
  void vector_of(const TensorInfo& t, int64_t length, const char* what) const {
    require(t.rank == 1 && t.size(0) == length, "'", t.name, "' must have shape [", length, "] (", what, "), got ",
            shape_of(t));
  }

  // One value per edge (or per row), or one per head of x [., heads, ...] for each.
  void weights(const TensorInfo& t, const TensorInfo& x, int64_t length, const char* what) const {
    same_dtype(x, t);
    if (t.rank != 2) return vector_of(t, length, what);
    require(t.size(0) == length && x.rank >= 2 && t.size(1) == x.size(1), "'", t.name, "' must have shape [", length,
            "] (", what, ") or [", length, ", heads] with 'x' [rows, heads, ...], got ", shape_of(t), " and 'x' ",
            shape_of(x));
  }

  void rowptr(const TensorInfo& t) const {
    index_vector(t);
    require(t.size(0) >= 1, "'", t.name, "' must have at least one element (number of rows + 1), got shape [0]");
  }

  // Where each graph of a batch begins.
  void ptr(const TensorInfo& t) const {
    index_vector(t);
    require(t.size(0) >= 1, "'", t.name, "' must have at least one element (number of graphs + 1), got shape [0]");
  }

  static std::string shape_of(const TensorInfo& t) {
    std::ostringstream text;
    text << "[";
    for (int64_t d = 0; d < t.rank; ++d) text << (d ? ", " : "") << t.size(d);
    text << "]";
    return text.str();
  }

 private:
  const char* op_;
};

}  // namespace geocompile
