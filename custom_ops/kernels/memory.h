// What fits into memory: a result that does not might not be refused by the system, but end the process.
#pragma once

#include <stdexcept>

#include "errors.h"

namespace geocompile {

// Bytes that are available now, swap space included.
double available_memory();

// Refuses a result of more bytes than that; the parts say what it is. Sizes are multiplied in double, which does not
// overflow. What is small is not worth the question.
template <class... Parts>
static inline void check_fits(const char* op, double bytes, const Parts&... parts) {
  constexpr double kGigabyte = 1 << 30;
  if (bytes < kGigabyte) return;
  const double available = available_memory();
  if (bytes > available)
    refuse<std::invalid_argument>(op, parts..., " cannot fit into memory: it takes ", bytes / kGigabyte, " GiB, ",
                                  available / kGigabyte, " are available");
}

}  // namespace geocompile
