#include "consecutive.h"

#include "checker.h"

namespace geocompile {

Consecutive check_consecutive(const TensorInfo& ids) {
  const Checker check("consecutive");
  check.index_vector(ids);
  check.require(ids.size(0) < (int64_t{1} << 31), "'ids' may have 2147483647 elements, got ", ids.size(0));
  return {"consecutive", ids.dtype, ids.size(0), nullptr};
}

}  // namespace geocompile
